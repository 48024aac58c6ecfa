#include "objstore/internal/retry.h"

#include <algorithm>

namespace thanos::objstore::internal {
namespace {

constexpr double kBudgetPerSuccess = 0.1;
constexpr double kMaxBudget = 100;

}  // namespace

RetryPolicy::RetryPolicy(const RetryOptions& options)
    : options_(options), random_(std::random_device{}()), budget_(kMaxBudget) {}

void RetryPolicy::Succeeded() {
  base::MutexLock lock(mutex_);
  budget_ = std::min(kMaxBudget, budget_ + kBudgetPerSuccess);
}

bool RetryPolicy::MayRetry(int64_t attempt) {
  if (attempt >= options_.max_attempts) {
    return false;
  }
  base::MutexLock lock(mutex_);
  if (budget_ < 1) {
    return false;
  }
  budget_ -= 1;
  return true;
}

base::Duration RetryPolicy::Backoff(int64_t attempt, base::Duration retry_after) {
  base::Duration limit = options_.first_backoff;
  for (int64_t i = 1; i < attempt && limit < options_.max_backoff; ++i) {
    limit *= 2;
  }
  limit = std::min(limit, options_.max_backoff);
  base::Duration jittered{};
  {
    base::MutexLock lock(mutex_);
    jittered = base::Duration(std::uniform_int_distribution<int64_t>(0, limit.count())(random_));
  }
  return std::max(jittered, std::min(retry_after, options_.max_retry_after));
}

}  // namespace thanos::objstore::internal
