#pragma once

// Aggregations that need all series of a step at once: topk, bottomk, limitk, limit_ratio, quantile,
// count_values.

#include <string>
#include <vector>

#include "promql/block.h"
#include "promql/group_fold.h"
#include "promql/query_context.h"
#include "promql_parser/ast.h"

namespace thanos::promql {

// topk, bottomk, limitk, limit_ratio: keeps the samples chosen with the parameter of each step, with their
// labels. With one step, topk and bottomk order the series of a group by value. FailedPrecondition: the
// parameter does not fit an int64, or is NaN for limit_ratio.
base::StatusOr<Block> SelectSamples(promql_parser::AggregateOp op, const Grouping& grouping,
                                    const std::vector<double>& parameter, Block input,
                                    const EvaluationScope& scope);

base::StatusOr<Block> AggregateQuantile(const Grouping& grouping, const std::vector<double>& parameter,
                                        Block input, const EvaluationScope& scope);

// FailedPrecondition: `label` is not a valid label name.
base::StatusOr<Block> CountValues(const Grouping& grouping, const std::string& label, const Block& input,
                                  const EvaluationScope& scope);

}  // namespace thanos::promql
