#pragma once

#include <atomic>
#include <cstdint>
#include <string_view>

#include "base/status.h"

namespace thanos::bucketstore::internal {

// A budget of one request. Thread-safe.
class Limiter {
 public:
  // `what` names the limit in errors and is not copied; `limit` 0 is none.
  Limiter(std::string_view what, int64_t limit) : what_(what), limit_(limit) {}

  base::Status Reserve(uint64_t amount) {
    const uint64_t used = used_.fetch_add(amount, std::memory_order_relaxed) + amount;
    if (limit_ > 0 && used > static_cast<uint64_t>(limit_)) {
      return base::ResourceExhausted("exceeded ", what_, " limit: limit ", limit_, " violated (got ", used,
                                     ")");
    }
    return base::OkStatus();
  }
  uint64_t used() const { return used_.load(std::memory_order_relaxed); }

 private:
  const std::string_view what_;
  const int64_t limit_;
  std::atomic<uint64_t> used_{0};
};

}  // namespace thanos::bucketstore::internal
