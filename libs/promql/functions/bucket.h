#pragma once

// histogram_quantile and histogram_fraction over classic histograms: series with an `le` label each.

#include <span>
#include <vector>

#include "promql/annotations.h"
#include "promql/block.h"

namespace thanos::promql {

// Cumulative count of observations <= upper_bound.
struct Bucket {
  double upper_bound = 0;
  double count = 0;
};

// `buckets` is sorted by bound and gets changed. NaN without a +Inf bucket or without observations. Sets
// `forced_monotonicity` when counts had to be raised by more than rounding errors.
double BucketQuantile(double quantile, std::vector<Bucket>& buckets, bool* forced_monotonicity);
double BucketFraction(double lower, double upper, std::vector<Bucket>& buckets);

// Both drop the name and `le`. Series whose `le` is no number are left out with a warning.
base::StatusOr<Block> HistogramQuantile(const std::vector<double>& quantile, const Block& input,
                                        SampleBudget& budget, Annotations& annotations);
base::StatusOr<Block> HistogramFraction(const std::vector<double>& lower, const std::vector<double>& upper,
                                        const Block& input, SampleBudget& budget, Annotations& annotations);

}  // namespace thanos::promql
