#include "model/histogram.h"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <iterator>
#include <limits>

#include "model/histogram_buckets.h"
#include "model/histogram_spans.h"

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

// The buckets of one side, merged down from `schema` by `shift`, without the exponential ones that end at or
// below `threshold`.
class MergedWalk {
 public:
  MergedWalk(const std::vector<Span>& spans, const std::vector<double>& counts, bool exponential,
             int32_t schema, int32_t shift, double threshold)
      : walk_(spans, counts), shift_(shift) {
    while (exponential && threshold > 0 && !walk_.done() &&
           ExponentialUpperBound(schema - shift, internal::CoarserIndex(walk_.index(), shift)) <= threshold) {
      walk_.Next();
    }
    Next();
  }

  bool done() const { return done_; }
  int64_t index() const { return index_; }
  double count() const { return count_; }
  void Next() {
    done_ = walk_.done();
    if (done_) {
      return;
    }
    index_ = internal::CoarserIndex(walk_.index(), shift_);
    count_ = 0;
    do {
      count_ += walk_.count();
      walk_.Next();
    } while (shift_ != 0 && !walk_.done() && internal::CoarserIndex(walk_.index(), shift_) == index_);
  }

 private:
  internal::BucketWalk walk_;
  const int32_t shift_;
  bool done_ = false;
  int64_t index_ = 0;
  double count_ = 0;
};

// Adds to `zero_count` the buckets that a zero bucket up to `threshold` swallows. False when the threshold
// falls into a populated bucket.
bool MoveToZeroBucket(const std::vector<Span>& spans, const std::vector<double>& counts, int32_t schema,
                      double threshold, double* zero_count) {
  for (internal::BucketWalk walk(spans, counts); !walk.done(); walk.Next()) {
    if (ExponentialUpperBound(schema, walk.index() - 1) >= threshold) {
      return true;
    }
    *zero_count += walk.count();
    if (ExponentialUpperBound(schema, walk.index()) > threshold) {
      return walk.count() == 0;
    }
  }
  return true;
}

// True when a populated bucket of `before` is missing or smaller in `now`.
bool AnyBucketShrank(MergedWalk before, MergedWalk now) {
  for (; !before.done(); before.Next()) {
    if (before.count() == 0) {
      continue;
    }
    while (!now.done() && now.index() < before.index()) {
      now.Next();
    }
    if (now.done() || now.index() != before.index() || now.count() < before.count()) {
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
  if (next.zero_threshold > previous.zero_threshold &&
      (!MoveToZeroBucket(previous.positive_spans, previous.positive_buckets, previous.schema,
                         next.zero_threshold, &zero_count) ||
       !MoveToZeroBucket(previous.negative_spans, previous.negative_buckets, previous.schema,
                         next.zero_threshold, &zero_count))) {
    return true;
  }
  return next.zero_count < zero_count;
}

// The count up to and including custom bound `bound` from where `walk` is.
double TakeUpTo(internal::BucketWalk& walk, const std::vector<double>& bounds, double bound) {
  double count = 0;
  for (; !walk.done(); walk.Next()) {
    const auto index = static_cast<size_t>(walk.index());
    if ((index < bounds.size() ? bounds[index] : std::numeric_limits<double>::infinity()) > bound) {
      break;
    }
    count += walk.count();
  }
  return count;
}

// Custom bounds changed: a reset is what shrank between two bounds that both have.
bool ResetOverSharedBounds(const Histogram& previous, const Histogram& next) {
  std::vector<double> shared;
  std::ranges::set_intersection(previous.custom_bounds, next.custom_bounds, std::back_inserter(shared));
  shared.push_back(std::numeric_limits<double>::infinity());
  internal::BucketWalk before(previous.positive_spans, previous.positive_buckets);
  internal::BucketWalk now(next.positive_spans, next.positive_buckets);
  return std::ranges::any_of(shared, [&](double bound) {
    const double count_before = TakeUpTo(before, previous.custom_bounds, bound);
    return TakeUpTo(now, next.custom_bounds, bound) < count_before;
  });
}

bool AnySmaller(const std::vector<double>& now, const std::vector<double>& before) {
  bool smaller = false;
  for (size_t i = 0; i < now.size(); ++i) {
    smaller |= now[i] < before[i];
  }
  return smaller;
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
  return LooksReset(previous, next);
}

bool LooksReset(const Histogram& previous, const Histogram& next) {
  if (next.count < previous.count || next.uses_custom_buckets() != previous.uses_custom_buckets()) {
    return true;
  }
  if (next.zero_threshold == 0 && SameLayout(previous, next) &&
      previous.positive_buckets.size() == next.positive_buckets.size() &&
      previous.negative_buckets.size() == next.negative_buckets.size()) {
    return next.zero_count < previous.zero_count ||
           AnySmaller(next.positive_buckets, previous.positive_buckets) ||
           AnySmaller(next.negative_buckets, previous.negative_buckets);
  }
  const bool exponential = !next.uses_custom_buckets();
  if (!exponential && !SameBits(previous.custom_bounds, next.custom_bounds)) {
    return ResetOverSharedBounds(previous, next);
  }
  if (exponential && ExponentialReset(previous, next)) {
    return true;
  }
  const int32_t shift = exponential ? previous.schema - next.schema : 0;
  const auto shrank = [&](const std::vector<Span>& spans_before, const std::vector<double>& before,
                          const std::vector<Span>& spans_now, const std::vector<double>& now) {
    return AnyBucketShrank(
        MergedWalk(spans_before, before, exponential, previous.schema, shift, next.zero_threshold),
        MergedWalk(spans_now, now, exponential, next.schema, 0, next.zero_threshold));
  };
  return shrank(previous.positive_spans, previous.positive_buckets, next.positive_spans,
                next.positive_buckets) ||
         shrank(previous.negative_spans, previous.negative_buckets, next.negative_spans,
                next.negative_buckets);
}

}  // namespace thanos::model
