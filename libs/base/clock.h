#pragma once

// Wall and monotonic time behind an interface, so that tests of retention, lookback and timeouts do not
// sleep.

#include <atomic>
#include <chrono>
#include <cstdint>

namespace thanos::base {

using Duration = std::chrono::nanoseconds;
using TimePoint = std::chrono::steady_clock::time_point;
inline constexpr TimePoint kNoDeadline = TimePoint::max();

// Monotonic now; for deadlines and measured durations, which fakes do not control.
inline TimePoint SteadyNow() {
  return std::chrono::steady_clock::now();
}

// Seconds as a double, for metrics.
inline double ToSeconds(Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

// Whole milliseconds, cut towards zero.
inline int64_t ToMs(Duration duration) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
}

class Clock {
 public:
  virtual ~Clock() = default;
  // Milliseconds since the Unix epoch.
  virtual int64_t NowMs() const = 0;
};

// Thread-safe.
class SystemClock final : public Clock {
 public:
  int64_t NowMs() const override;
};

// Stands still until told otherwise. Thread-safe.
class FakeClock final : public Clock {
 public:
  explicit FakeClock(int64_t now_ms) : now_ms_(now_ms) {}
  int64_t NowMs() const override { return now_ms_.load(); }
  void Advance(int64_t delta_ms) { now_ms_ += delta_ms; }
  void Set(int64_t now_ms) { now_ms_ = now_ms; }

 private:
  std::atomic<int64_t> now_ms_;
};

}  // namespace thanos::base
