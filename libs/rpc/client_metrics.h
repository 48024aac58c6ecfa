#pragma once

// Private: the grpc_client_* metrics, counted by an interceptor around every call of a channel.

#include <grpcpp/support/client_interceptor.h>
#include <memory>

#include "rpc/call_metrics.h"

namespace thanos::rpc {

// For one channel; `metrics` is shared by all channels and calls.
std::unique_ptr<grpc::experimental::ClientInterceptorFactoryInterface> MakeClientMetrics(
    std::shared_ptr<CallMetrics> metrics);

}  // namespace thanos::rpc
