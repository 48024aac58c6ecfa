#pragma once

// Evaluates expressions over step grids. Chains that end in one selector run as streaming pipelines;
// everything else works on blocks.

#include <optional>
#include <string>
#include <vector>

#include "promql/block.h"
#include "promql/group_fold.h"
#include "promql/query_context.h"
#include "promql/scan.h"
#include "promql/step_grid.h"
#include "promql_parser/ast.h"

namespace thanos::promql {

// Of one query; single-threaded apart from the scans it starts.
class Evaluator {
 public:
  explicit Evaluator(QueryContext& context) : context_(context) {}

  // `expr` is an instant vector. Series without any sample are left out.
  base::StatusOr<Block> EvalVector(const promql_parser::Expr& expr, const StepGrid& grid);
  // `expr` is a scalar. One value per step.
  base::StatusOr<std::vector<double>> EvalScalar(const promql_parser::Expr& expr, const StepGrid& grid);
  // The inner values of a subquery for the windows of `outer`; `inner` receives their times.
  base::StatusOr<Block> EvalSubquery(const promql_parser::SubqueryExpr& subquery, const StepGrid& outer,
                                     StepGrid* inner);
  // Right ends of the windows of a selector or subquery.
  ReferenceTimes TimesOf(const promql_parser::Expr& expr, int64_t offset_ms, const StepGrid& grid) const;

 private:
  using Columns = std::vector<std::vector<double>>;

  // evaluator.cc
  base::StatusOr<Block> EvalVectorAtEachStep(const promql_parser::Expr& expr, const StepGrid& grid);
  base::StatusOr<Block> EvalUnary(const promql_parser::UnaryExpr& unary, const StepGrid& grid);
  base::StatusOr<Block> EvalBinary(const promql_parser::BinaryExpr& binary, const StepGrid& grid);
  base::StatusOr<Block> EvalAggregate(const promql_parser::AggregateExpr& aggregate, const StepGrid& grid);
  base::StatusOr<Block> FoldGroups(promql_parser::AggregateOp op, const Grouping& grouping,
                                   const promql_parser::Expr& input, const StepGrid& grid);
  base::StatusOr<Block> FoldPipeline(promql_parser::AggregateOp op, const Grouping& grouping,
                                     const Pipeline& pipeline, int position);
  base::StatusOr<Block> OneSeries(std::vector<double> values);
  // What functions over blocks need of the query; `position` is that of their annotations.
  EvaluationScope Scope(int position = kNoPosition);
  base::Status ApplyStage(const Stage& stage, bool drop_name, bool labels_must_be_unique, Block& block);

  // evaluator_pipeline.cc
  // True when `expr` is a chain of per-series steps over one selector.
  bool IsPipeline(const promql_parser::Expr& expr, const StepGrid& grid) const;
  // IsPipeline(expr, grid) holds.
  base::StatusOr<Pipeline> MakePipeline(const promql_parser::Expr& expr, const StepGrid& grid);
  base::Status AddStage(const promql_parser::Expr& expr, const StepGrid& grid, Pipeline& pipeline);
  // Makes the series of `pipeline` lose their name, now or at the end of the query.
  void DropName(Pipeline& pipeline, bool labels_must_be_unique) const;
  // Sets the kernel of `pipeline` and how far outside of their windows its steps look.
  base::Status LookBeyondWindow(Pipeline& pipeline) const;
  base::StatusOr<Pipeline> MakeRangePipeline(const promql_parser::Call& call, const StepGrid& grid);
  // The scalar arguments of a call, in order.
  base::StatusOr<Columns> ScalarArguments(const promql_parser::Call& call, const StepGrid& grid);
  // The per-series step `expr` applies to its vector operand, with its scalars; not for set or vector-vector
  // operators.
  base::StatusOr<Stage> MakeStage(const promql_parser::Expr& expr, const StepGrid& grid);

  // evaluator_functions.cc
  base::StatusOr<Block> EvalCall(const promql_parser::Call& call, const StepGrid& grid);
  base::StatusOr<Block> EvalSpecial(const promql_parser::Call& call, const StepGrid& grid);
  base::StatusOr<std::vector<double>> EvalScalarCall(const promql_parser::Call& call, const StepGrid& grid);
  // scalar(vector)
  base::StatusOr<std::vector<double>> EvalScalarOfVector(const promql_parser::Expr& vector,
                                                         const StepGrid& grid);
  // pi(), start(), end(), range(), step()
  base::StatusOr<double> QueryConstant(std::string_view function) const;
  base::StatusOr<Block> EvalRangeOverSubquery(const promql_parser::Call& call, const FunctionEntry& function,
                                              const StepGrid& grid);
  base::StatusOr<Block> EvalAbsent(const promql_parser::Call& call, const StepGrid& grid);
  base::StatusOr<Block> EvalTimestamp(const promql_parser::Call& call, const StepGrid& grid);
  base::StatusOr<Block> EvalLabelFunction(const promql_parser::Call& call, const StepGrid& grid);
  base::StatusOr<Block> EvalSort(const promql_parser::Call& call, const StepGrid& grid);
  base::StatusOr<Block> EvalHistogram(const promql_parser::Call& call, const StepGrid& grid);
  // evaluator_info.cc
  base::StatusOr<Block> EvalInfo(const promql_parser::Call& call, const StepGrid& grid);

  QueryContext& context_;
};

// The operand of a unary, scalar-binary or element-wise call node that is the vector; null when there is
// none.
const promql_parser::Expr* VectorOperand(const promql_parser::Expr& expr);
// The first argument that is a range vector; null when there is none.
const promql_parser::Expr* MatrixArgument(const promql_parser::Call& call);
// Whether the step `expr` applies to its operand drops the metric name.
bool StepDropsName(const promql_parser::Expr& expr);

}  // namespace thanos::promql
