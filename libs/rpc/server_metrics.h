#pragma once

// Private: the grpc_server_* metrics and the call log, by an interceptor around every call.

#include "rpc/server.h"
#include "telemetry/metrics.h"

namespace grpc {
class ServerBuilder;
}

namespace thanos::rpc {

// Counts the calls of the server that `builder` builds; the methods of its services appear with zeros at
// once. `call_log` may be null. `metrics` must outlive that server.
void AddServerMetrics(grpc::ServerBuilder& builder, telemetry::Registry& metrics, CallLog call_log);

}  // namespace thanos::rpc
