#pragma once

// histogram_quantile and histogram_fraction over native histograms.

#include <string>
#include <vector>

#include "promql/block.h"
#include "promql/query_context.h"

namespace thanos::promql {

// Takes the series with native histograms out of `input`, which keeps those with floats. Where a classic
// histogram (series of the same labels and `le`) has samples at the same step, neither is looked at, with a
// warning.
Block TakeNativeHistograms(Block& input, const EvaluationScope& scope);

// `input` as TakeNativeHistograms returns it. Names are dropped.
base::StatusOr<Block> NativeQuantile(const std::vector<double>& quantile, const Block& input,
                                     const EvaluationScope& scope);
// One series per quantile, which is the value of the label `label`.
base::StatusOr<Block> NativeQuantiles(const std::string& label,
                                      const std::vector<std::vector<double>>& quantiles, const Block& input,
                                      const EvaluationScope& scope);
base::StatusOr<Block> NativeFraction(const std::vector<double>& lower, const std::vector<double>& upper,
                                     const Block& input, const EvaluationScope& scope);

// Appends the series of `more`, of as many steps, to `block`.
base::Status AppendBlock(Block more, Block& block, const EvaluationScope& scope);

}  // namespace thanos::promql
