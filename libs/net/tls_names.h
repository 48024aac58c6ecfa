#pragma once

// Names of cipher suites and curves as configurations of the Prometheus family write them (those of Go's TLS
// library), in OpenSSL's words. InvalidArgument for a name that is not known.

#include <string>
#include <vector>

#include "base/status.h"

namespace thanos::net {

// A list for SSL_set_cipher_list. Suites of TLS 1.3 may be named, but are always on and no part of the list.
base::StatusOr<std::string> OpenSslSuites(const std::vector<std::string>& names);
// A list for SSL_set1_groups_list.
base::StatusOr<std::string> OpenSslCurves(const std::vector<std::string>& names);

}  // namespace thanos::net
