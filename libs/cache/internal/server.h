#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/mutex.h"
#include "base/status.h"
#include "cache/internal/connection.h"
#include "cache/internal/protocol.h"
#include "cache/remote_config.h"
#include "discovery/resolver.h"

namespace thanos::cache::internal {

// Makes connections that have been greeted. Thread-safe.
class Dialer {
 public:
  // References must outlive the dialer.
  Dialer(const RemoteConfig& config, const Protocol& protocol, std::shared_ptr<const TlsClient> tls,
         discovery::Resolver& resolver)
      : config_(config), protocol_(protocol), tls_(std::move(tls)), resolver_(resolver) {}

  // `address` is host:port.
  base::StatusOr<std::unique_ptr<Connection>> Dial(const base::CancelToken& cancel,
                                                   const std::string& address) const;
  // The first of `addresses` that answers, or the master that they, as sentinels, know.
  base::StatusOr<std::unique_ptr<Connection>> DialRedis(const base::CancelToken& cancel,
                                                        const std::vector<std::string>& addresses) const;

 private:
  base::StatusOr<std::unique_ptr<Connection>> DialBare(const base::CancelToken& cancel,
                                                       const std::string& address) const;

  const RemoteConfig& config_;
  const Protocol& protocol_;
  const std::shared_ptr<const TlsClient> tls_;  // null: plain text
  discovery::Resolver& resolver_;
};

// The connections to one server. After some failures in a row the server is left alone, longer each time.
// Thread-safe.
class Server {
 public:
  using Dial = std::function<base::StatusOr<std::unique_ptr<Connection>>(const base::CancelToken&)>;
  Server(std::string address, size_t max_idle, base::Duration dial_timeout, Dial dial)
      : address_(std::move(address)),
        max_idle_(max_idle),
        dial_timeout_(dial_timeout),
        dial_(std::move(dial)) {}

  const std::string& address() const { return address_; }
  // An idle connection or a new one. Unavailable at once while the server is left alone.
  base::StatusOr<std::unique_ptr<Connection>> Take(const base::CancelToken& cancel);
  // After a request that succeeded.
  void Return(std::unique_ptr<Connection> connection);
  // After one that failed, unless its caller had given up.
  void Failed();

 private:
  const std::string address_;
  const size_t max_idle_;
  const base::Duration dial_timeout_;
  const Dial dial_;
  base::Mutex mutex_;
  std::vector<std::unique_ptr<Connection>> idle_ ABSL_GUARDED_BY(mutex_);
  int failures_ ABSL_GUARDED_BY(mutex_) = 0;  // in a row
  base::TimePoint rests_until_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace thanos::cache::internal
