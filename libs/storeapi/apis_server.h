#pragma once

// gRPC services over EndpointApis.

#include <memory>
#include <vector>

#include "concurrency/thread_pool.h"
#include "rpc/server.h"
#include "storeapi/apis.h"
#include "storeapi/server.h"
#include "telemetry/metrics.h"

namespace thanos::storeapi {

// One adaptor for each of thanos.Rules, Targets, Metadata, Exemplars and Status that `served` names. Calls
// run on `pool`. All references must outlive the server that the adaptors are added to.
std::vector<std::unique_ptr<rpc::ServiceAdaptor>> MakeApiServers(
    const ServedApis& served, EndpointApis& apis, concurrency::ThreadPool& pool,
    telemetry::Registry& metrics = telemetry::NullRegistry());

}  // namespace thanos::storeapi
