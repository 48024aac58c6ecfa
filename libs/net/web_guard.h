#pragma once

// Private: the web configuration in force, re-read when its files change.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "base/status.h"
#include "net/password_check.h"
#include "net/tls_context.h"
#include "net/web_config.h"

namespace thanos::net {

// At most `burst` requests at once and one per `interval` after that. Thread-safe.
class RateLimit {
 public:
  RateLimit(int64_t burst, base::Duration interval) : burst_(burst), interval_(interval) {}
  bool Take(base::TimePoint now);

 private:
  const int64_t burst_;
  const base::Duration interval_;  // zero: no limit
  base::Mutex mutex_;
  // When the last place taken is free again, if one had to wait for each.
  base::TimePoint taken_until_ ABSL_GUARDED_BY(mutex_);
};

// One state of the files.
struct WebSettings {
  explicit WebSettings(WebConfig config)
      : headers(std::move(config.headers)),
        passwords(std::move(config.users)),
        rate(config.rate_burst, config.rate_interval) {}
  std::shared_ptr<const TlsContext> tls;  // null: plaintext
  std::vector<HttpHeader> headers;
  PasswordCheck passwords;
  RateLimit rate;
};

// Thread-safe. Whether TLS is used is settled by Open.
class WebGuard {
 public:
  static base::StatusOr<std::unique_ptr<WebGuard>> Open(std::string path);

  bool uses_tls() const { return uses_tls_; }
  // What holds now, after a look at the files; null while they are not valid: nothing may be served then.
  std::shared_ptr<WebSettings> Current();

 private:
  // What is looked at to see that a file changed.
  struct Stamp {
    uint64_t inode = 0;
    int64_t size = -1;  // -1: no such file
    int64_t modified_ns = 0;
    int64_t changed_ns = 0;
    bool operator==(const Stamp&) const = default;
  };
  explicit WebGuard(std::string path) : path_(std::move(path)) {}
  static Stamp StampOf(const std::string& path);
  bool Changed() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  base::Status Load() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Watch(const std::string& path) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::string path_;
  bool uses_tls_ = false;
  base::Mutex mutex_;
  std::vector<std::pair<std::string, Stamp>> watched_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<WebSettings> settings_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace thanos::net
