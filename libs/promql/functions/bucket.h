#pragma once

// histogram_quantile and histogram_fraction over classic histograms: series with an `le` label each.

#include <span>
#include <string>
#include <vector>

#include "promql/block.h"
#include "promql/query_context.h"

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

// All drop the name and `le`. Series whose `le` is no number are left out with a warning.
base::StatusOr<Block> HistogramQuantile(const std::vector<double>& quantile, const Block& input,
                                        const EvaluationScope& scope);
// One series per quantile, which is the value of the label `label`.
base::StatusOr<Block> HistogramQuantiles(const std::string& label,
                                         const std::vector<std::vector<double>>& quantiles,
                                         const Block& input, const EvaluationScope& scope);
base::StatusOr<Block> HistogramFraction(const std::vector<double>& lower, const std::vector<double>& upper,
                                        const Block& input, const EvaluationScope& scope);

// The label value of a quantile, as OpenMetrics writes numbers: "1.0", "0.99", "1e-06".
std::string QuantileText(double quantile);

// Annotates quantiles that are not between 0 and 1.
void AnnotateQuantiles(const std::vector<double>& quantiles, const EvaluationScope& scope);

}  // namespace thanos::promql
