#include "model/histogram.h"

#include <bit>
#include <cmath>
#include <cstddef>
#include <utility>

namespace thanos::model {
namespace {

constexpr uint64_t kStaleNanBits = 0x7ff0000000000002ULL;

bool SameBits(double a, double b) {
  return std::bit_cast<uint64_t>(a) == std::bit_cast<uint64_t>(b);
}

bool SameBits(const std::vector<double>& a, const std::vector<double>& b) {
  if (a.size() != b.size()) {
    return false;
  }
  for (size_t i = 0; i < a.size(); ++i) {
    if (!SameBits(a[i], b[i])) {
      return false;
    }
  }
  return true;
}

struct Bucket {
  int64_t index = 0;
  double count = 0;
};

// Buckets in index order, merged down from `schema` to `target_schema` (not above `schema`).
std::vector<Bucket> BucketsAt(const std::vector<Span>& spans, const std::vector<double>& counts,
                              int32_t schema, int32_t target_schema) {
  std::vector<Bucket> buckets;
  int64_t index = 0;
  size_t next = 0;
  const int32_t shift = schema - target_schema;
  for (const Span& span : spans) {
    index += span.offset;
    for (uint32_t i = 0; i < span.length && next < counts.size(); ++i, ++index, ++next) {
      const int64_t merged = shift == 0 ? index : ((index - 1) >> shift) + 1;
      if (!buckets.empty() && buckets.back().index == merged) {
        buckets.back().count += counts[next];
      } else {
        buckets.push_back({merged, counts[next]});
      }
    }
  }
  return buckets;
}

double UpperBound(int64_t index, int32_t schema) {
  return std::exp2(std::ldexp(static_cast<double>(index), -schema));
}

// Adds to `zero_count` the buckets that a zero bucket up to `threshold` swallows. False when the threshold
// falls into a populated bucket.
bool MoveToZeroBucket(const std::vector<Bucket>& buckets, int32_t schema, double threshold,
                      double* zero_count) {
  for (const Bucket& bucket : buckets) {
    if (UpperBound(bucket.index - 1, schema) >= threshold) {
      return true;
    }
    *zero_count += bucket.count;
    if (UpperBound(bucket.index, schema) > threshold) {
      return bucket.count == 0;
    }
  }
  return true;
}

// True when a populated bucket of `before` is missing or smaller in `now`. Exponential buckets inside the
// zero bucket are left out.
bool AnyBucketShrank(const std::vector<Bucket>& before, const std::vector<Bucket>& now, bool exponential,
                     int32_t schema, double threshold) {
  size_t next = 0;
  for (const Bucket& bucket : before) {
    if (bucket.count == 0 || (exponential && UpperBound(bucket.index, schema) <= threshold)) {
      continue;
    }
    while (next < now.size() && now[next].index < bucket.index) {
      ++next;
    }
    if (next == now.size() || now[next].index != bucket.index || now[next].count < bucket.count) {
      return true;
    }
  }
  return false;
}

bool ExponentialReset(const Histogram& previous, const Histogram& next) {
  if (next.schema > previous.schema || next.zero_threshold < previous.zero_threshold) {
    return true;
  }
  double zero_count = previous.zero_count;
  if (next.zero_threshold > previous.zero_threshold) {
    const auto positive =
        BucketsAt(previous.positive_spans, previous.positive_buckets, previous.schema, previous.schema);
    const auto negative =
        BucketsAt(previous.negative_spans, previous.negative_buckets, previous.schema, previous.schema);
    if (!MoveToZeroBucket(positive, previous.schema, next.zero_threshold, &zero_count) ||
        !MoveToZeroBucket(negative, previous.schema, next.zero_threshold, &zero_count)) {
      return true;
    }
  }
  return next.zero_count < zero_count;
}

}  // namespace

bool IsStale(const Histogram& histogram) {
  return std::bit_cast<uint64_t>(histogram.sum) == kStaleNanBits;
}

bool SameBits(const Histogram& a, const Histogram& b) {
  return a.is_float == b.is_float && a.counter_reset_hint == b.counter_reset_hint && a.schema == b.schema &&
         SameBits(a.zero_threshold, b.zero_threshold) && SameBits(a.zero_count, b.zero_count) &&
         SameBits(a.count, b.count) && SameBits(a.sum, b.sum) && a.positive_spans == b.positive_spans &&
         a.negative_spans == b.negative_spans && SameBits(a.positive_buckets, b.positive_buckets) &&
         SameBits(a.negative_buckets, b.negative_buckets) && SameBits(a.custom_bounds, b.custom_bounds);
}

uint64_t NumBuckets(std::span<const Span> spans) {
  uint64_t total = 0;
  for (const Span& span : spans) {
    total += span.length;
  }
  return total;
}

bool SameLayout(const Histogram& a, const Histogram& b) {
  return a.schema == b.schema && SameBits(a.zero_threshold, b.zero_threshold) &&
         a.positive_spans == b.positive_spans && a.negative_spans == b.negative_spans &&
         SameBits(a.custom_bounds, b.custom_bounds);
}

bool DetectReset(const Histogram& previous, const Histogram& next) {
  if (next.counter_reset_hint == CounterResetHint::kReset) {
    return true;
  }
  if (next.counter_reset_hint == CounterResetHint::kNotReset) {
    return false;
  }
  if (next.count < previous.count || next.uses_custom_buckets() != previous.uses_custom_buckets()) {
    return true;
  }
  const bool exponential = !next.uses_custom_buckets();
  if (exponential ? ExponentialReset(previous, next)
                  : !SameBits(previous.custom_bounds, next.custom_bounds)) {
    return true;
  }
  const auto shrank = [&](const std::vector<Span>& spans_before, const std::vector<double>& before,
                          const std::vector<Span>& spans_now, const std::vector<double>& now) {
    return AnyBucketShrank(BucketsAt(spans_before, before, previous.schema, next.schema),
                           BucketsAt(spans_now, now, next.schema, next.schema), exponential, next.schema,
                           next.zero_threshold);
  };
  return shrank(previous.positive_spans, previous.positive_buckets, next.positive_spans,
                next.positive_buckets) ||
         shrank(previous.negative_spans, previous.negative_buckets, next.negative_spans,
                next.negative_buckets);
}

}  // namespace thanos::model
