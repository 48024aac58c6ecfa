#pragma once

// Private: the lowest TLS version of gRPC servers.

#include <string>

namespace thanos::rpc {

// From now on gRPC servers of this process refuse clients that do not offer `min_version` ("1.0" to "1.3";
// gRPC itself refuses what is below 1.2). Connections of gRPC clients and of other libraries are not
// concerned. Thread-safe.
void SetServerTlsMinVersion(const std::string& min_version);

}  // namespace thanos::rpc
