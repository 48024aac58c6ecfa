#pragma once

// The gRPC service thanos.Query over a QueryApi.

#include <memory>

#include "concurrency/thread_pool.h"
#include "rpc/server.h"
#include "storeapi/query_api.h"
#include "telemetry/metrics.h"

namespace thanos::storeapi {

// Evaluates on `pool`. Both must outlive the server that the adaptor is added to.
std::unique_ptr<rpc::ServiceAdaptor> MakeQueryApiServer(
    QueryApi& api, concurrency::ThreadPool& pool, telemetry::Registry& metrics = telemetry::NullRegistry());

}  // namespace thanos::storeapi
