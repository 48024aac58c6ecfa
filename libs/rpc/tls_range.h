#pragma once

// Private: which TLS versions, cipher suites and curves gRPC servers take.

#include "base/status.h"
#include "rpc/server.h"

namespace thanos::rpc {

// From now on gRPC servers of this process refuse clients that do not offer `options.min_version` (gRPC
// itself refuses what is below 1.2) and choose among the suites and curves named. Connections of gRPC clients
// and of other libraries are not concerned. InvalidArgument, and no change, for unknown names. Thread-safe.
base::Status RestrictServerTls(const ServerTlsOptions& options);

}  // namespace thanos::rpc
