#pragma once

// The request-reply protocols of caches on other machines.

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/status.h"
#include "cache/internal/connection.h"
#include "cache/remote_config.h"

namespace thanos::cache::internal {

// Requests are appended to a buffer, replies are read from a connection, in the same order. Immutable,
// thread-safe.
class Protocol {
 public:
  virtual ~Protocol() = default;
  // What a new connection begins with.
  virtual base::Status Greet(const base::CancelToken& cancel, Connection& connection) const = 0;
  // False: the protocol cannot carry the key.
  virtual bool IsValidKey(std::string_view key) const = 0;

  virtual void AppendGet(std::span<const std::string_view> keys, std::string* out) const = 0;
  // Calls `found` for those of `keys` that have a value. An error: the connection is out of step.
  using Found = std::function<void(std::string_view key, std::string value)>;
  virtual base::Status ReadGet(const base::CancelToken& cancel, Connection& connection,
                               std::span<const std::string_view> keys, const Found& found) const = 0;

  // The value is `head` followed by `value`.
  struct Item {
    std::string_view key;
    std::string_view head;
    std::string_view value;
    base::Duration ttl{};
  };
  virtual void AppendSet(const Item& item, std::string* out) const = 0;
  // FailedPrecondition: the server refused the item, and the connection is good. Other errors: it is not.
  virtual base::Status ReadSet(const base::CancelToken& cancel, Connection& connection) const = 0;
};

// Replies with values over this are taken for nonsense.
inline constexpr size_t kMaxValueBytes = size_t{512} << 20;

// `clock` must outlive the protocol: long times to live are absolute in Memcached.
std::unique_ptr<Protocol> MakeMemcachedProtocol(const base::Clock& clock);
std::unique_ptr<Protocol> MakeRedisProtocol(const RemoteConfig& config);

// host:port of the master called `name`, by a connected sentinel.
base::StatusOr<std::string> AskSentinel(const base::CancelToken& cancel, Connection& sentinel,
                                        std::string_view name);

}  // namespace thanos::cache::internal
