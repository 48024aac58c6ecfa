#pragma once

#include <cstdint>

#include "base/clock.h"
#include "base/mutex.h"
#include "cache/remote_config.h"

namespace thanos::cache::internal {

// Closed: everything is tried. Open, after too many failures: nothing. Half open, after a while: a few are
// tried; a failure opens it again, only successes close it. Thread-safe.
class CircuitBreaker {
 public:
  explicit CircuitBreaker(const CircuitBreakerConfig& config) : config_(config) {}

  // True: do it, and Record() the outcome.
  bool Allow(base::TimePoint now);
  void Record(bool ok, base::TimePoint now);

 private:
  enum class State { kClosed, kOpen, kHalfOpen };
  void Become(State state, base::TimePoint now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool IsTooBad() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const CircuitBreakerConfig config_;
  base::Mutex mutex_;
  State state_ ABSL_GUARDED_BY(mutex_) = State::kClosed;
  base::TimePoint since_ ABSL_GUARDED_BY(mutex_);  // of the state
  int64_t allowed_ ABSL_GUARDED_BY(mutex_) = 0;    // since then
  int64_t recorded_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t failures_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t consecutive_ ABSL_GUARDED_BY(mutex_) = 0;  // failures, up to the last
};

}  // namespace thanos::cache::internal
