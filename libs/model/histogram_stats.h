#pragma once

// Estimates from native histograms, as PromQL's histogram_* functions define them: observations spread
// exponentially inside an exponential bucket, evenly inside the zero bucket and custom ones.

#include <vector>

#include "model/histogram.h"
#include "model/histogram_buckets.h"

namespace thanos::model {

// What an estimate means when there are NaN observations, which are in no bucket.
enum class NanEffect : uint8_t { kNone, kSkewed, kResultIsNan, kExcluded };

// Computes estimates with a buffer that is used again. Not thread-safe.
class HistogramEstimator {
 public:
  // The value below which the fraction `quantile` lies: -Inf below 0, +Inf above 1, NaN for NaN and without
  // observations. Sets `effect` (never null) to kSkewed, kResultIsNan or kNone.
  double Quantile(double quantile, const Histogram& histogram, NanEffect* effect);
  // The fraction of observations between the bounds. NaN for NaN and without observations. Sets `effect` to
  // kExcluded or kNone.
  double Fraction(double lower, double upper, const Histogram& histogram, NanEffect* effect);
  // The variance with every observation at the middle of its bucket.
  double Variance(const Histogram& histogram);

 private:
  void Load(const Histogram& histogram) { AllBuckets(histogram, &buckets_); }

  std::vector<HistogramBucket> buckets_;
};

}  // namespace thanos::model
