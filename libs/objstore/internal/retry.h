#pragma once

// When and how often a call to a remote store is tried again.

#include <random>
#include <string>

#include "base/clock.h"
#include "base/mutex.h"

namespace thanos::objstore::internal {

struct RetryOptions {
  int64_t max_attempts = 10;
  base::Duration first_backoff = std::chrono::milliseconds(100);
  base::Duration max_backoff = std::chrono::seconds(1);
  base::Duration max_retry_after = std::chrono::minutes(1);
};

// Shared by all calls to one bucket. Besides the attempts per call there is a budget over all calls: retries
// may be a tenth of the requests in the long run, plus a reserve for the first ones, so that a store in
// trouble is not stormed. Thread-safe.
class RetryPolicy {
 public:
  explicit RetryPolicy(const RetryOptions& options);

  // To be called once for each call that succeeds.
  void Succeeded();
  // True when attempt number `attempt` (from 1) may be followed by another; takes from the budget.
  bool MayRetry(int64_t attempt);
  // How long to wait before that: exponential with full jitter, but no less than what the server asked for.
  base::Duration Backoff(int64_t attempt, base::Duration retry_after);

 private:
  const RetryOptions options_;
  base::Mutex mutex_;
  std::mt19937_64 random_ ABSL_GUARDED_BY(mutex_);
  double budget_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace thanos::objstore::internal
