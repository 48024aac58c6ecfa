#include "discovery/provider.h"

#include <algorithm>
#include <set>
#include <utility>

namespace thanos::discovery {
namespace {

constexpr base::Duration kLookupTimeout = std::chrono::seconds(10);

// IPv6 addresses get brackets.
std::string JoinHostPort(std::string_view host, std::string_view port) {
  return host.find(':') == std::string_view::npos ? base::Concat(host, ":", port)
                                                  : base::Concat("[", host, "]:", port);
}

}  // namespace

base::StatusOr<Address> ParseAddress(std::string_view text) {
  if (text.empty()) {
    return base::InvalidArgument("empty address");
  }
  const size_t plus = text.find('+');
  if (plus == std::string_view::npos) {
    return Address{.kind = LookupKind::kNone, .host = std::string(text), .port = ""};
  }
  Address address;
  const std::string_view prefix = text.substr(0, plus);
  if (prefix == "dns") {
    address.kind = LookupKind::kHost;
  } else if (prefix == "dnssrv") {
    address.kind = LookupKind::kSrv;
  } else if (prefix == "dnssrvnoa") {
    address.kind = LookupKind::kSrvNoAddress;
  } else {
    return base::InvalidArgument("address ", base::Quote(text), ": unknown lookup type ",
                                 base::Quote(prefix));
  }
  std::string_view host = text.substr(plus + 1);
  std::string_view port;
  const size_t colon = host.rfind(':');
  if (colon != std::string_view::npos && (host.find(':') == colon || host[0] == '[')) {
    port = host.substr(colon + 1);
    host = host.substr(0, colon);
  }
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  if (host.empty()) {
    return base::InvalidArgument("address ", base::Quote(text), ": empty host");
  }
  if (address.kind == LookupKind::kHost && port.empty()) {
    return base::InvalidArgument("address ", base::Quote(text), ": missing port");
  }
  address.host = std::string(host);
  address.port = std::string(port);
  return address;
}

bool IsDynamic(std::string_view text) {
  const base::StatusOr<Address> address = ParseAddress(text);
  return address.ok() && address->kind != LookupKind::kNone;
}

Provider::Provider(Resolver& resolver, telemetry::Registry& metrics, const std::string& metric_prefix)
    : resolver_(resolver),
      lookups_(metrics.AddCounter(metric_prefix + "dns_lookups_total",
                                  "The number of DNS lookups resolutions attempts")),
      failures_(
          metrics.AddCounter(metric_prefix + "dns_failures_total", "The number of DNS lookup failures")) {}

base::StatusOr<std::vector<std::string>> Provider::Lookup(const base::CancelToken& cancel,
                                                          const Address& address) {
  std::vector<std::string> found;
  if (address.kind == LookupKind::kHost) {
    TH_ASSIGN_OR_RETURN(const std::vector<std::string> hosts, resolver_.LookupHost(cancel, address.host));
    for (const std::string& host : hosts) {
      found.push_back(JoinHostPort(host, address.port));
    }
    return found;
  }
  TH_ASSIGN_OR_RETURN(const std::vector<SrvRecord> records, resolver_.LookupSrv(cancel, address.host));
  for (const SrvRecord& record : records) {
    const std::string port = address.port.empty() ? base::Concat(record.port) : address.port;
    if (address.kind == LookupKind::kSrvNoAddress) {
      found.push_back(JoinHostPort(record.target, port));
      continue;
    }
    TH_ASSIGN_OR_RETURN(const std::vector<std::string> hosts, resolver_.LookupHost(cancel, record.target));
    for (const std::string& host : hosts) {
      found.push_back(JoinHostPort(host, port));
    }
  }
  return found;
}

std::vector<std::string> Provider::AddressesOf(const std::string& address) const {
  base::MutexLock lock(mutex_);
  const auto found = resolved_.find(address);
  return found == resolved_.end() ? std::vector<std::string>() : found->second;
}

base::Status Provider::Resolve(const base::CancelToken& cancel, const std::vector<std::string>& addresses) {
  std::map<std::string, std::vector<std::string>> known;
  {
    base::MutexLock lock(mutex_);
    known = resolved_;
  }
  base::Status first_error;
  std::map<std::string, std::vector<std::string>> resolved;
  int64_t num_lookups = std::ranges::count_if(addresses, &IsDynamic);
  for (const std::string& text : addresses) {
    const base::StatusOr<Address> address = ParseAddress(text);
    if (!address.ok()) {
      first_error.Update(address.status());
      continue;
    }
    if (address->kind == LookupKind::kNone) {
      resolved[text] = {text};
      continue;
    }
    lookups_.Increment();
    // A fair share of the time that is left, so that one silent name server does not starve the names behind
    // it.
    const base::CancelSource share(cancel,
                                   cancel.Remaining(kLookupTimeout) / std::max<int64_t>(num_lookups--, 1));
    base::StatusOr<std::vector<std::string>> found = Lookup(share.token(), *address);
    if (found.ok()) {
      resolved[text] = *std::move(found);
      continue;
    }
    failures_.Increment();
    first_error.Update(found.status());
    if (const auto last = known.find(text); last != known.end()) {
      resolved[text] = last->second;
    }
  }
  base::MutexLock lock(mutex_);
  resolved_ = std::move(resolved);
  return first_error;
}

std::vector<std::string> Provider::Addresses() const {
  std::set<std::string> unique;
  base::MutexLock lock(mutex_);
  for (const auto& [text, addresses] : resolved_) {
    unique.insert(addresses.begin(), addresses.end());
  }
  return {unique.begin(), unique.end()};
}

}  // namespace thanos::discovery
