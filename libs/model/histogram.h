#pragma once

// The native histogram value: sparse exponential buckets (schema -4..8) or custom bounds (schema -53).

#include <cstdint>
#include <span>
#include <vector>

namespace thanos::model {

inline constexpr int32_t kMinExponentialSchema = -4;
inline constexpr int32_t kMaxExponentialSchema = 8;
inline constexpr int32_t kCustomBucketsSchema = -53;

// Numbers are those of the wire (prometheus.Histogram.ResetHint).
enum class CounterResetHint : uint8_t { kUnknown = 0, kReset = 1, kNotReset = 2, kGauge = 3 };

// `length` consecutive buckets; `offset` is the gap to the previous span, or the index of the first bucket.
struct Span {
  int32_t offset = 0;
  uint32_t length = 0;
  bool operator==(const Span&) const = default;
};

// A histogram sample. Counts are absolute (never deltas between buckets) and floating point, also when they
// come from an integer histogram: then `is_float` is false and all counts are whole numbers, exact up to
// 2^53. A positive bucket i of an exponential schema covers (base^(i-1), base^i] with base = 2^(2^-schema).
struct Histogram {
  bool is_float = false;
  CounterResetHint counter_reset_hint = CounterResetHint::kUnknown;
  int32_t schema = 0;
  double zero_threshold = 0;
  double zero_count = 0;
  double count = 0;
  double sum = 0;
  std::vector<Span> positive_spans;
  std::vector<Span> negative_spans;
  std::vector<double> positive_buckets;  // one per bucket of the spans
  std::vector<double> negative_buckets;
  std::vector<double> custom_bounds;  // upper bounds, ascending; only with kCustomBucketsSchema

  bool uses_custom_buckets() const { return schema == kCustomBucketsSchema; }
  // `==` compares numbers, so two NaN sums differ; use SameBits for identity.
  bool operator==(const Histogram&) const = default;
};

// True when the sum is the stale marker.
bool IsStale(const Histogram& histogram);

// Equal field by field with floating point numbers compared by their bits.
bool SameBits(const Histogram& a, const Histogram& b);

// Sum of the span lengths: the number of buckets the spans describe.
uint64_t NumBuckets(std::span<const Span> spans);

// True when both have equal schema, zero threshold, spans and custom bounds: they differ in counts only.
bool SameLayout(const Histogram& a, const Histogram& b);

// True when `next`, the later sample of one series, shows that the counter behind it restarted, like
// Prometheus: the hint says so, or the count, the zero count or a bucket became smaller, or schema or zero
// threshold changed in a way that cannot happen without a restart. Where custom bounds changed, the buckets
// between those that stayed are compared. The hint kNotReset is believed; kGauge is not looked at.
bool DetectReset(const Histogram& previous, const Histogram& next);
// The same from the counts and layouts alone, whatever the hint says.
bool LooksReset(const Histogram& previous, const Histogram& next);

}  // namespace thanos::model
