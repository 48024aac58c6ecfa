#pragma once

// Binary operators between two instant vectors. Which series meet is resolved once from the labels; then the
// work is element-wise over the steps.

#include "base/status.h"
#include "promql/block.h"
#include "promql/query_context.h"
#include "promql_parser/ast.h"

namespace thanos::promql {

// `expr.matching` is present. FailedPrecondition: many-to-many matches or equal label sets at one step.
base::StatusOr<Block> ApplyVectorOperator(const promql_parser::BinaryExpr& expr, Block left, Block right,
                                          const EvaluationScope& scope);

}  // namespace thanos::promql
