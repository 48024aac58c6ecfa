#pragma once

// Ranges of int64 milliseconds. Queries use closed ranges, blocks half-open ones; each has its own type, so
// that they cannot be mixed up.

#include <algorithm>
#include <cstdint>
#include <limits>

namespace thanos::model {

inline constexpr int64_t kMinTimeMs = std::numeric_limits<int64_t>::min();
inline constexpr int64_t kMaxTimeMs = std::numeric_limits<int64_t>::max();

// Sums and differences that stop at the limits of int64 instead of wrapping around.
inline int64_t SaturatingAdd(int64_t a, int64_t b) {
  int64_t result;
  if (__builtin_add_overflow(a, b, &result)) {
    return b < 0 ? kMinTimeMs : kMaxTimeMs;
  }
  return result;
}
inline int64_t SaturatingSubtract(int64_t a, int64_t b) {
  int64_t result;
  if (__builtin_sub_overflow(a, b, &result)) {
    return b < 0 ? kMaxTimeMs : kMinTimeMs;
  }
  return result;
}

// All t with min_ms <= t <= max_ms; empty when min_ms > max_ms. The default range holds everything.
struct ClosedRange {
  int64_t min_ms = kMinTimeMs;
  int64_t max_ms = kMaxTimeMs;

  bool empty() const { return min_ms > max_ms; }
  bool Contains(int64_t t_ms) const { return min_ms <= t_ms && t_ms <= max_ms; }
  bool Overlaps(const ClosedRange& other) const {
    return !empty() && !other.empty() && min_ms <= other.max_ms && other.min_ms <= max_ms;
  }
  ClosedRange Intersect(const ClosedRange& other) const {
    return {std::max(min_ms, other.min_ms), std::min(max_ms, other.max_ms)};
  }
  bool operator==(const ClosedRange&) const = default;
};

// All t with min_ms <= t < end_ms, as in a block's meta.json (minTime, maxTime).
struct HalfOpenRange {
  int64_t min_ms = 0;
  int64_t end_ms = 0;

  bool empty() const { return min_ms >= end_ms; }
  bool Contains(int64_t t_ms) const { return min_ms <= t_ms && t_ms < end_ms; }
  bool Overlaps(const HalfOpenRange& other) const {
    return !empty() && !other.empty() && min_ms < other.end_ms && other.min_ms < end_ms;
  }
  bool Overlaps(const ClosedRange& other) const {
    return !empty() && !other.empty() && min_ms <= other.max_ms && other.min_ms < end_ms;
  }
  // The closed range with the same members. An empty range gives an empty one.
  ClosedRange ToClosed() const { return {min_ms, empty() ? SaturatingSubtract(min_ms, 1) : end_ms - 1}; }
  bool operator==(const HalfOpenRange&) const = default;
};

}  // namespace thanos::model
