#include "model/histogram_math.h"

#include <algorithm>
#include <bit>
#include <iterator>
#include <utility>

#include "model/histogram_buckets.h"
#include "model/histogram_spans.h"

namespace thanos::model {
namespace {

using internal::BucketBuilder;
using internal::BucketWalk;

// One side, positive or negative, of a histogram.
struct Side {
  std::vector<Span>& spans;
  std::vector<double>& counts;
};
struct ConstSide {
  const std::vector<Span>& spans;
  const std::vector<double>& counts;
};

Side Positive(Histogram& histogram) {
  return {histogram.positive_spans, histogram.positive_buckets};
}
Side Negative(Histogram& histogram) {
  return {histogram.negative_spans, histogram.negative_buckets};
}
ConstSide Positive(const Histogram& histogram) {
  return {histogram.positive_spans, histogram.positive_buckets};
}
ConstSide Negative(const Histogram& histogram) {
  return {histogram.negative_spans, histogram.negative_buckets};
}

template <typename Keep>
void Rebuild(Side side, int32_t shift, Keep keep) {
  BucketBuilder builder;
  builder.Reserve(side.counts.size());
  for (BucketWalk walk(side.spans, side.counts); !walk.done(); walk.Next()) {
    if (keep(walk.index(), walk.count())) {
      builder.Add(internal::CoarserIndex(walk.index(), shift), walk.count());
    }
  }
  builder.MoveTo(&side.spans, &side.counts);
}

void CompactSide(Side side) {
  if (std::ranges::find(side.counts, 0.0) == side.counts.end() && side.spans.size() < 2) {
    return;
  }
  Rebuild(side, 0, [](int64_t, double count) { return count != 0; });
}

// side += sign * other, whose buckets are first merged by `other_shift` schemas. Buckets of `other` that end
// at or below `threshold` are in the zero count already.
void AddSide(Side side, ConstSide other, int32_t other_shift, bool exponential, int32_t schema,
             double threshold, double sign) {
  const auto in_zero_bucket = [&](int64_t index) {
    return exponential && threshold > 0 && ExponentialUpperBound(schema, index) <= threshold;
  };
  if (other.counts.empty()) {
    return;
  }
  if (other_shift == 0 && side.spans == other.spans && side.counts.size() == other.counts.size() &&
      !in_zero_bucket(other.spans[0].offset)) {
    for (size_t i = 0; i < side.counts.size(); ++i) {
      side.counts[i] += sign * other.counts[i];
    }
    return;
  }
  BucketBuilder builder;
  builder.Reserve(side.counts.size() + other.counts.size());
  BucketWalk mine(side.spans, side.counts);
  BucketWalk theirs(other.spans, other.counts);
  while (!mine.done() || !theirs.done()) {
    const int64_t their_index = theirs.done() ? 0 : internal::CoarserIndex(theirs.index(), other_shift);
    if (!mine.done() && (theirs.done() || mine.index() <= their_index)) {
      builder.Add(mine.index(), mine.count());
      mine.Next();
      continue;
    }
    if (!in_zero_bucket(their_index)) {
      builder.Add(their_index, sign * theirs.count());
    }
    theirs.Next();
  }
  builder.MoveTo(&side.spans, &side.counts);
}

struct ZeroBucket {
  double count = 0;
  double threshold = 0;
};

// The zero bucket `histogram` would have with at least `threshold`, which moves up to the end of a populated
// bucket it falls into.
ZeroBucket Widened(const Histogram& histogram, double threshold) {
  if (threshold == histogram.zero_threshold) {
    return {histogram.zero_count, threshold};
  }
  bool moved = true;
  ZeroBucket zero;
  while (moved) {
    moved = false;
    zero = {histogram.zero_count, threshold};
    for (const ConstSide& side : {Positive(histogram), Negative(histogram)}) {
      for (BucketWalk walk(side.spans, side.counts); !walk.done(); walk.Next()) {
        if (ExponentialUpperBound(histogram.schema, walk.index() - 1) >= zero.threshold) {
          break;
        }
        zero.count += walk.count();
        const double upper = ExponentialUpperBound(histogram.schema, walk.index());
        if (upper > zero.threshold) {
          if (walk.count() != 0) {
            moved = true;
            threshold = upper;
          }
          break;
        }
      }
      if (moved) {
        break;
      }
    }
  }
  return zero;
}

// Removes the buckets that the zero bucket covers.
void TrimToZeroBucket(Histogram& histogram) {
  const auto outside = [&](int64_t index, double count) {
    return count != 0 && ExponentialUpperBound(histogram.schema, index - 1) >= histogram.zero_threshold;
  };
  Rebuild(Positive(histogram), 0, outside);
  Rebuild(Negative(histogram), 0, outside);
}

// Widens the zero bucket of `into` until neither histogram has a populated bucket across its threshold.
// Returns the zero count `other` has then.
double ReconcileZeroBuckets(Histogram& into, const Histogram& other) {
  ZeroBucket theirs{other.zero_count, other.zero_threshold};
  // Not `!=`: thresholds of damaged histograms may be NaN.
  while (theirs.threshold < into.zero_threshold || theirs.threshold > into.zero_threshold) {
    if (into.zero_threshold > theirs.threshold) {
      theirs = Widened(other, into.zero_threshold);
    }
    if (theirs.threshold > into.zero_threshold) {
      const ZeroBucket mine = Widened(into, theirs.threshold);
      into.zero_count = mine.count;
      into.zero_threshold = mine.threshold;
      TrimToZeroBucket(into);
    }
  }
  return theirs.count;
}

// Adds both sides up over the bounds they share.
void AddOverSharedBounds(Histogram& into, const Histogram& other, double sign) {
  std::vector<double> bounds;
  std::ranges::set_intersection(into.custom_bounds, other.custom_bounds, std::back_inserter(bounds));
  std::vector<double> counts(bounds.size() + 1, 0);
  const auto add = [&](const Histogram& from, double factor) {
    for (BucketWalk walk(from.positive_spans, from.positive_buckets); !walk.done(); walk.Next()) {
      size_t target = bounds.size();
      if (walk.index() >= 0 && static_cast<size_t>(walk.index()) < from.custom_bounds.size()) {
        const double bound = from.custom_bounds[static_cast<size_t>(walk.index())];
        target = static_cast<size_t>(std::ranges::lower_bound(bounds, bound) - bounds.begin());
      }
      counts[target] += factor * walk.count();
    }
  };
  add(into, 1);
  add(other, sign);
  BucketBuilder builder;
  for (size_t i = 0; i < counts.size(); ++i) {
    if (counts[i] != 0) {
      builder.Add(static_cast<int64_t>(i), counts[i]);
    }
  }
  builder.MoveTo(&into.positive_spans, &into.positive_buckets);
  into.custom_bounds = std::move(bounds);
}

// Returns whether the hints contradict each other.
bool CombineHints(Histogram& into, CounterResetHint other) {
  const CounterResetHint mine = into.counter_reset_hint;
  if (mine == other || mine == CounterResetHint::kGauge) {
    return false;
  }
  if (other == CounterResetHint::kGauge) {
    into.counter_reset_hint = other;
    return false;
  }
  into.counter_reset_hint = CounterResetHint::kUnknown;
  return mine != CounterResetHint::kUnknown && other != CounterResetHint::kUnknown;
}

CombineNotes Combine(Histogram& into, const Histogram& other, double sign) {
  CombineNotes notes;
  if (into.uses_custom_buckets() != other.uses_custom_buckets()) {
    notes.compatible = false;
    return notes;
  }
  into.is_float = true;
  notes.resets_collide = CombineHints(into, other.counter_reset_hint);
  const bool exponential = !into.uses_custom_buckets();
  if (exponential) {
    into.zero_count += sign * ReconcileZeroBuckets(into, other);
  }
  into.count += sign * other.count;
  into.sum += sign * other.sum;
  if (!exponential && into.custom_bounds != other.custom_bounds) {
    notes.bounds_reconciled = true;
    AddOverSharedBounds(into, other, sign);
    return notes;
  }
  if (exponential && other.schema < into.schema) {
    ReduceResolution(into, other.schema);
  }
  const int32_t shift = other.schema - into.schema;
  AddSide(Positive(into), Positive(other), shift, exponential, into.schema, into.zero_threshold, sign);
  if (exponential) {
    AddSide(Negative(into), Negative(other), shift, exponential, into.schema, into.zero_threshold, sign);
  }
  return notes;
}

bool SameSide(ConstSide a, ConstSide b) {
  if (a.counts.size() != b.counts.size()) {
    return false;
  }
  BucketWalk left(a.spans, a.counts);
  BucketWalk right(b.spans, b.counts);
  for (; !left.done() && !right.done(); left.Next(), right.Next()) {
    if (left.index() != right.index() ||
        std::bit_cast<uint64_t>(left.count()) != std::bit_cast<uint64_t>(right.count())) {
      return false;
    }
  }
  return left.done() && right.done();
}

}  // namespace

CombineNotes Add(Histogram& into, const Histogram& other) {
  return Combine(into, other, 1);
}
CombineNotes Subtract(Histogram& from, const Histogram& other) {
  return Combine(from, other, -1);
}

void Multiply(Histogram& histogram, double factor) {
  histogram.is_float = true;
  histogram.zero_count *= factor;
  histogram.count *= factor;
  histogram.sum *= factor;
  for (std::vector<double>* const buckets : {&histogram.positive_buckets, &histogram.negative_buckets}) {
    for (double& bucket : *buckets) {
      bucket *= factor;
    }
  }
  if (factor < 0) {
    histogram.counter_reset_hint = CounterResetHint::kGauge;
  }
}

void Divide(Histogram& histogram, double divisor) {
  histogram.is_float = true;
  histogram.zero_count /= divisor;
  histogram.count /= divisor;
  histogram.sum /= divisor;
  for (std::vector<double>* const buckets : {&histogram.positive_buckets, &histogram.negative_buckets}) {
    if (divisor == 0) {
      buckets->clear();
    }
    for (double& bucket : *buckets) {
      bucket /= divisor;
    }
  }
  if (divisor == 0) {
    histogram.positive_spans.clear();
    histogram.negative_spans.clear();
  } else if (divisor < 0) {
    histogram.counter_reset_hint = CounterResetHint::kGauge;
  }
}

void Compact(Histogram& histogram) {
  CompactSide(Positive(histogram));
  CompactSide(Negative(histogram));
}

void ReduceResolution(Histogram& histogram, int32_t schema) {
  if (histogram.uses_custom_buckets() || schema >= histogram.schema) {
    return;
  }
  const int32_t shift = std::min(histogram.schema - schema, 62);
  const auto all = [](int64_t, double) { return true; };
  Rebuild(Positive(histogram), shift, all);
  Rebuild(Negative(histogram), shift, all);
  histogram.schema = schema;
}

bool SameData(const Histogram& a, const Histogram& b) {
  const auto same = [](double x, double y) {
    return std::bit_cast<uint64_t>(x) == std::bit_cast<uint64_t>(y);
  };
  return a.schema == b.schema && same(a.count, b.count) && same(a.sum, b.sum) &&
         a.zero_threshold == b.zero_threshold && same(a.zero_count, b.zero_count) &&
         (!a.uses_custom_buckets() || a.custom_bounds == b.custom_bounds) &&
         SameSide(Negative(a), Negative(b)) && SameSide(Positive(a), Positive(b));
}

}  // namespace thanos::model
