#pragma once

// The part of the DNS message format (RFC 1035, 2782) that SRV answers need.

#include <string_view>
#include <vector>

#include "base/status.h"
#include "discovery/resolver.h"

namespace thanos::discovery {

// The SRV records of the answer section, in order; records of other types are skipped. NotFound when the name
// does not exist; Unavailable for other error codes; DataLoss for malformed messages.
base::StatusOr<std::vector<SrvRecord>> ParseSrvAnswer(std::string_view message);

}  // namespace thanos::discovery
