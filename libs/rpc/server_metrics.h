#pragma once

// Private: the grpc_server_* metrics, counted by an interceptor around every call.

#include "telemetry/metrics.h"

namespace grpc {
class ServerBuilder;
}

namespace thanos::rpc {

// Counts the calls of the server that `builder` builds; the methods of its services appear with zeros at
// once. `metrics` must outlive that server.
void AddServerMetrics(grpc::ServerBuilder& builder, telemetry::Registry& metrics);

}  // namespace thanos::rpc
