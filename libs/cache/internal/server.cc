#include "cache/internal/server.h"

#include <algorithm>

#include "base/strings.h"

namespace thanos::cache::internal {
namespace {

constexpr int kToleratedFailures = 3;
constexpr base::Duration kFirstRest = std::chrono::milliseconds(500);
constexpr int kMaxDoublings = 5;

// "host:port", "[v6]:port".
base::Status SplitAddress(const std::string& address, std::string* host, std::string* port) {
  const size_t colon = address.rfind(':');
  if (colon == std::string::npos || colon + 1 == address.size()) {
    return base::InvalidArgument("address ", address, " has no port");
  }
  *host = address.substr(0, colon);
  *port = address.substr(colon + 1);
  if (host->starts_with('[') && host->ends_with(']')) {
    *host = host->substr(1, host->size() - 2);
  }
  return base::OkStatus();
}

}  // namespace

base::StatusOr<std::unique_ptr<Connection>> Dialer::DialBare(const base::CancelToken& cancel,
                                                             const std::string& address) const {
  std::string host;
  std::string port;
  TH_RETURN_IF_ERROR(SplitAddress(address, &host, &port));
  TH_ASSIGN_OR_RETURN(const std::vector<std::string> ips, resolver_.LookupHost(cancel, host));
  return Connection::Dial(cancel, ips, port, tls_.get(), host);
}

base::StatusOr<std::unique_ptr<Connection>> Dialer::Dial(const base::CancelToken& cancel,
                                                         const std::string& address) const {
  TH_ASSIGN_OR_RETURN(std::unique_ptr<Connection> connection, DialBare(cancel, address));
  TH_RETURN_IF_ERROR(protocol_.Greet(cancel, *connection));
  return connection;
}

base::StatusOr<std::unique_ptr<Connection>> Dialer::DialRedis(
    const base::CancelToken& cancel, const std::vector<std::string>& addresses) const {
  base::Status last = base::Unavailable("no address of redis is known");
  for (const std::string& address : addresses) {
    TH_RETURN_IF_ERROR(cancel.status());
    if (config_.master_name.empty()) {
      auto connection = Dial(cancel, address);
      if (connection.ok()) {
        return connection;
      }
      last = connection.status();
      continue;
    }
    const auto sentinel = DialBare(cancel, address);
    if (!sentinel.ok()) {
      last = sentinel.status();
      continue;
    }
    const auto master = AskSentinel(cancel, **sentinel, config_.master_name);
    if (master.ok()) {
      return Dial(cancel, *master);
    }
    last = master.status();
  }
  return last;
}

base::StatusOr<std::unique_ptr<Connection>> Server::Take(const base::CancelToken& cancel) {
  std::vector<std::unique_ptr<Connection>> stale;  // closed after the lock is released
  {
    base::MutexLock lock(mutex_);
    const base::TimePoint now = base::SteadyNow();
    if (failures_ >= kToleratedFailures) {
      if (now < rests_until_) {
        return base::Unavailable("cache server ", address_, " is left alone after failures");
      }
      // One request finds out; the others do not wait for the same trouble.
      rests_until_ = now + dial_timeout_ + kFirstRest;
    }
    while (!idle_.empty()) {
      std::unique_ptr<Connection> connection = std::move(idle_.back());
      idle_.pop_back();
      if (!connection->IsStale()) {
        return connection;
      }
      stale.push_back(std::move(connection));
    }
  }
  const base::CancelSource source(cancel, dial_timeout_);
  auto connection = dial_(source.token());
  if (!connection.ok() && !cancel.cancelled()) {
    Failed();
  }
  return connection;
}

void Server::Return(std::unique_ptr<Connection> connection) {
  base::MutexLock lock(mutex_);
  failures_ = 0;
  if (idle_.size() < max_idle_) {
    idle_.push_back(std::move(connection));
  }
}

void Server::Failed() {
  base::MutexLock lock(mutex_);
  ++failures_;
  if (failures_ >= kToleratedFailures) {
    rests_until_ =
        base::SteadyNow() + kFirstRest * (1 << std::min(failures_ - kToleratedFailures, kMaxDoublings));
  }
}

}  // namespace thanos::cache::internal
