#include "model/histogram_stats.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>

namespace thanos::model {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

// A zero bucket reaches only to the side where the histogram has buckets, if that is one.
void NarrowZeroBucket(const Histogram& histogram, HistogramBucket* bucket) {
  if (histogram.negative_buckets.empty() && !histogram.positive_buckets.empty()) {
    bucket->lower = 0;
  } else if (histogram.positive_buckets.empty() && !histogram.negative_buckets.empty()) {
    bucket->upper = 0;
  }
}

// The value with `fraction` of the bucket below it.
double ValueInside(const HistogramBucket& bucket, bool linear, double fraction) {
  if (linear || (bucket.lower <= 0 && bucket.upper >= 0)) {
    return bucket.lower + (bucket.upper - bucket.lower) * fraction;
  }
  const double log_lower = std::log2(std::fabs(bucket.lower));
  const double log_upper = std::log2(std::fabs(bucket.upper));
  if (bucket.lower > 0) {
    return std::exp2(log_lower + (log_upper - log_lower) * fraction);
  }
  return -std::exp2(log_upper + (log_lower - log_upper) * (1 - fraction));
}

// The part of the bucket's observations that lies below `value`, which is inside it.
double FractionBelow(const HistogramBucket& bucket, bool linear, double value) {
  if (linear) {
    return (value - bucket.lower) / (bucket.upper - bucket.lower);
  }
  const double log_lower = std::log2(std::fabs(bucket.lower));
  const double log_upper = std::log2(std::fabs(bucket.upper));
  const double log_value = std::log2(std::fabs(value));
  if (value > 0) {
    return (log_value - log_lower) / (log_upper - log_lower);
  }
  return 1 - (log_value - log_upper) / (log_lower - log_upper);
}

// The middle of a bucket on its scale.
double Middle(const HistogramBucket& bucket, bool custom) {
  if (custom) {
    return (bucket.upper + bucket.lower) / 2;
  }
  if (bucket.lower <= 0 && bucket.upper >= 0) {
    return 0;
  }
  const double middle = std::sqrt(bucket.upper * bucket.lower);
  return bucket.upper < 0 ? -middle : middle;
}

}  // namespace

double HistogramEstimator::Quantile(double quantile, const Histogram& histogram, NanEffect* effect) {
  *effect = NanEffect::kNone;
  if (quantile < 0) {
    return -kInfinity;
  }
  if (quantile > 1) {
    return kInfinity;
  }
  if (histogram.count == 0 || std::isnan(quantile)) {
    return kNan;
  }
  Load(histogram);
  // NaN observations are counted but in no bucket, as if they were above all: ranks then count from below.
  const bool from_below = std::isnan(histogram.sum) || quantile < 0.5;
  if (!from_below) {
    std::ranges::reverse(buckets_);
  }
  double rank = from_below ? quantile * histogram.count : (1 - quantile) * histogram.count;
  double count = 0;
  HistogramBucket bucket;
  size_t next = 0;
  while (next < buckets_.size()) {
    bucket = buckets_[next++];
    count += bucket.count;
    if (bucket.count != 0 && count >= rank) {
      break;
    }
  }
  const bool custom = histogram.uses_custom_buckets();
  if (!custom && bucket.lower < 0 && bucket.upper > 0) {
    NarrowZeroBucket(histogram, &bucket);
  } else if (custom && bucket.lower == -kInfinity) {
    if (bucket.upper <= 0) {
      return bucket.upper;
    }
    bucket.lower = 0;
  } else if (custom && bucket.upper == kInfinity) {
    return bucket.lower;
  }
  count = std::min(count, histogram.count);
  if (count < rank) {
    if (std::isnan(histogram.sum)) {
      *effect = NanEffect::kResultIsNan;
      return kNan;
    }
    return bucket.upper;
  }
  rank = from_below ? rank - (count - bucket.count) : count - rank;
  if (std::isnan(histogram.sum)) {
    // The sum is also NaN when both infinities were observed. Like Prometheus, the estimate goes on with the
    // last bucket once all were looked at.
    for (; next < buckets_.size(); ++next) {
      bucket = buckets_[next];
      count += bucket.count;
    }
    if (count < histogram.count) {
      *effect = NanEffect::kSkewed;
    }
  }
  return ValueInside(bucket, custom, rank / bucket.count);
}

double HistogramEstimator::Fraction(double lower, double upper, const Histogram& histogram,
                                    NanEffect* effect) {
  *effect = NanEffect::kNone;
  if (histogram.count == 0 || std::isnan(lower) || std::isnan(upper)) {
    return kNan;
  }
  if (lower >= upper) {
    return 0;
  }
  Load(histogram);
  const bool custom = histogram.uses_custom_buckets();
  double total = 0;
  for (const HistogramBucket& bucket : buckets_) {
    total += bucket.count;
  }
  if (!std::isnan(histogram.sum)) {
    total = histogram.count;
  } else if (total < histogram.count) {
    *effect = NanEffect::kExcluded;
  }
  // The number of observations below `value`.
  const auto rank_of = [&](double value) {
    double rank = 0;
    for (HistogramBucket bucket : buckets_) {
      const bool zero = bucket.lower <= 0 && bucket.upper >= 0;
      if (zero) {
        NarrowZeroBucket(histogram, &bucket);
      }
      if (bucket.lower >= value) {
        return rank;
      }
      if (bucket.upper > value) {
        // There is nothing to interpolate in a bucket that starts at -Inf.
        return bucket.lower == -kInfinity
                   ? bucket.count
                   : rank + bucket.count * FractionBelow(bucket, custom || zero, value);
      }
      rank += bucket.count;
    }
    return total;
  };
  return (std::min(rank_of(upper), total) - std::min(rank_of(lower), total)) / histogram.count;
}

double HistogramEstimator::Variance(const Histogram& histogram) {
  Load(histogram);
  const bool custom = histogram.uses_custom_buckets();
  const double mean = histogram.sum / histogram.count;
  double variance = 0;
  double compensation = 0;
  for (const HistogramBucket& bucket : buckets_) {
    if (bucket.count == 0) {
      continue;
    }
    const double delta = Middle(bucket, custom) - mean;
    const double value = bucket.count * delta * delta;
    const double sum = variance + value;
    if (std::isinf(sum)) {
      compensation = 0;
    } else if (std::fabs(variance) >= std::fabs(value)) {
      compensation += (variance - sum) + value;
    } else {
      compensation += (value - sum) + variance;
    }
    variance = sum;
  }
  return (variance + compensation) / histogram.count;
}

}  // namespace thanos::model
