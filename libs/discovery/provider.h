#pragma once

// Addresses in Thanos' notation: `host:port` as it is, `dns+host:port` (A and AAAA), `dnssrv+name` (SRV, then
// A and AAAA of the targets), `dnssrvnoa+name` (SRV only).

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/cancel.h"
#include "base/mutex.h"
#include "base/status.h"
#include "discovery/resolver.h"
#include "telemetry/metrics.h"

namespace thanos::discovery {

enum class LookupKind { kNone, kHost, kSrv, kSrvNoAddress };

struct Address {
  LookupKind kind = LookupKind::kNone;
  std::string host;  // for kNone the whole text
  std::string port;  // may be empty for the SRV kinds: then it comes from the record
};

// InvalidArgument: empty, an unknown prefix before `+`, or `dns+` without a port.
base::StatusOr<Address> ParseAddress(std::string_view text);
// True for the kinds that need a look-up.
bool IsDynamic(std::string_view text);

// Keeps the resolved form of a list of addresses. Thread-safe.
class Provider {
 public:
  // `metric_prefix` begins the names dns_lookups_total and dns_failures_total, for example
  // "thanos_query_endpoints_".
  Provider(Resolver& resolver, telemetry::Registry& metrics, const std::string& metric_prefix);

  // Resolves `addresses` and makes them the current list. One that cannot be resolved keeps its last answer;
  // the first such error is returned, for a log line. Invalid addresses are left out.
  base::Status Resolve(const base::CancelToken& cancel, const std::vector<std::string>& addresses);
  // host:port of everything resolved, sorted and unique.
  std::vector<std::string> Addresses() const;
  // Those of one of the addresses given to Resolve; empty while it was never resolved.
  std::vector<std::string> AddressesOf(const std::string& address) const;

 private:
  base::StatusOr<std::vector<std::string>> Lookup(const base::CancelToken& cancel, const Address& address);

  Resolver& resolver_;
  telemetry::Counter& lookups_;
  telemetry::Counter& failures_;
  mutable base::Mutex mutex_;
  std::map<std::string, std::vector<std::string>> resolved_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace thanos::discovery
