#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/status.h"

namespace thanos::discovery {

struct SrvRecord {
  std::string target;  // host name without trailing dot
  uint16_t port = 0;
  friend auto operator<=>(const SrvRecord&, const SrvRecord&) = default;
};

// DNS look-ups. Thread-safe. NotFound: the name does not exist or has no such record; Unavailable: no answer.
// Both calls return within the token's deadline or on its cancellation.
class Resolver {
 public:
  virtual ~Resolver() = default;
  // A and AAAA records as addresses without brackets, sorted and unique, not empty. IP addresses resolve to
  // themselves.
  virtual base::StatusOr<std::vector<std::string>> LookupHost(const base::CancelToken& cancel,
                                                              const std::string& host) = 0;
  // Sorted and unique, not empty.
  virtual base::StatusOr<std::vector<SrvRecord>> LookupSrv(const base::CancelToken& cancel,
                                                           const std::string& name) = 0;
};

// The system's resolver (getaddrinfo, and the servers of resolv.conf for SRV), on a few threads of its own
// because it blocks. A look-up that nobody waits for any more runs to its end in the background.
std::unique_ptr<Resolver> MakeSystemResolver();

}  // namespace thanos::discovery
