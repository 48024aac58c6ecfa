#include "promql/evaluator.h"

#include <cmath>
#include <memory>
#include <utility>

#include "promql/block_aggregates.h"
#include "promql/group_fold.h"
#include "promql/histogram/notes.h"
#include "promql/vector_matching.h"

namespace thanos::promql {
namespace {

using promql_parser::AggregateExpr;
using promql_parser::AggregateOp;
using promql_parser::BinaryExpr;
using promql_parser::Call;
using promql_parser::Expr;
using promql_parser::ExprKind;
using promql_parser::NumberLiteral;
using promql_parser::StringLiteral;
using promql_parser::SubqueryExpr;
using promql_parser::UnaryExpr;
using promql_parser::ValueType;

}  // namespace

base::StatusOr<Block> Evaluator::EvalVector(const Expr& expr, const StepGrid& grid) {
  TH_RETURN_IF_ERROR(context_.cancel.status());
  const Expr& inner = promql_parser::Unparen(expr);
  if (grid.num_steps == 0) {
    return Block{};
  }
  if (grid.num_steps > 1 && context_.plan.IsStepInvariant(inner)) {
    TH_ASSIGN_OR_RETURN(Block once, EvalVectorAtEachStep(inner, grid.First()));
    return ExpandSteps(std::move(once), grid.num_steps, context_.budget);
  }
  return EvalVectorAtEachStep(inner, grid);
}

base::StatusOr<Block> Evaluator::EvalVectorAtEachStep(const Expr& expr, const StepGrid& grid) {
  if (IsPipeline(expr, grid)) {
    TH_ASSIGN_OR_RETURN(const Pipeline pipeline, MakePipeline(expr, grid));
    return ScanToBlock(context_, pipeline);
  }
  switch (expr.kind()) {
    case ExprKind::kUnary:
      return EvalUnary(*expr.As<UnaryExpr>(), grid);
    case ExprKind::kBinary:
      return EvalBinary(*expr.As<BinaryExpr>(), grid);
    case ExprKind::kAggregate:
      return EvalAggregate(*expr.As<AggregateExpr>(), grid);
    case ExprKind::kCall:
      return EvalCall(*expr.As<Call>(), grid);
    default:
      return base::Internal("cannot evaluate this expression as an instant vector");
  }
}

base::StatusOr<std::vector<double>> Evaluator::EvalScalar(const Expr& expr, const StepGrid& grid) {
  TH_RETURN_IF_ERROR(context_.cancel.status());
  const Expr& inner = promql_parser::Unparen(expr);
  // For as long as operands of this one are at work; one step costs next to nothing.
  SampleCharge charge;
  if (grid.num_steps > 1) {
    TH_RETURN_IF_ERROR(charge.Add(context_.budget, static_cast<int64_t>(grid.num_steps)));
  }
  if (const auto* number = inner.As<NumberLiteral>()) {
    return std::vector<double>(grid.num_steps, number->value);
  }
  if (grid.num_steps > 1 && context_.plan.IsStepInvariant(inner)) {
    TH_ASSIGN_OR_RETURN(const std::vector<double> once, EvalScalar(inner, grid.First()));
    return std::vector<double>(grid.num_steps, once[0]);
  }
  if (const auto* unary = inner.As<UnaryExpr>()) {
    TH_ASSIGN_OR_RETURN(std::vector<double> values, EvalScalar(*unary->expr, grid));
    for (double& value : values) {
      value = unary->minus ? -value : value;
    }
    return values;
  }
  if (const auto* binary = inner.As<BinaryExpr>()) {
    TH_ASSIGN_OR_RETURN(std::vector<double> left, EvalScalar(*binary->lhs, grid));
    TH_ASSIGN_OR_RETURN(const std::vector<double> right, EvalScalar(*binary->rhs, grid));
    for (size_t step = 0; step < left.size(); ++step) {
      left[step] = ApplyScalar(binary->op, left[step], right[step]);
    }
    return left;
  }
  if (const auto* call = inner.As<Call>()) {
    return EvalScalarCall(*call, grid);
  }
  return base::Internal("cannot evaluate this expression as a scalar");
}

base::StatusOr<Block> Evaluator::EvalSubquery(const SubqueryExpr& subquery, const StepGrid& outer,
                                              StepGrid* inner) {
  const ReferenceTimes times = TimesOf(subquery, subquery.offset_ms, outer);
  const int64_t step_ms =
      subquery.step_ms != 0 ? subquery.step_ms : context_.options.default_subquery_step_ms;
  const int64_t after_ms = times.start_ms - subquery.range_ms;
  // Evaluation times are multiples of the step; the first one lies strictly after the window's left end.
  inner->step_ms = step_ms;
  inner->start_ms = step_ms * (after_ms / step_ms);
  if (inner->start_ms <= after_ms) {
    inner->start_ms += step_ms;
  }
  const int64_t last_ms = times.LastMs();
  inner->num_steps =
      last_ms < inner->start_ms ? 0 : static_cast<size_t>((last_ms - inner->start_ms) / step_ms) + 1;
  if (inner->num_steps > static_cast<uint64_t>(context_.budget.limit())) {
    return base::ResourceExhausted(
        "query processing would load too many samples into memory in query execution");
  }
  return EvalVector(*subquery.expr, *inner);
}

base::StatusOr<Block> Evaluator::OneSeries(std::vector<double> values) {
  Block block;
  block.num_steps = values.size();
  TH_RETURN_IF_ERROR(block.charge.Add(context_.budget, static_cast<int64_t>(values.size())));
  block.labels.emplace_back();
  block.values = std::move(values);
  return block;
}

EvaluationScope Evaluator::Scope(int position) {
  return {.budget = context_.budget,
          .annotations = context_.annotations,
          .cancel = context_.cancel,
          .delayed_name_removal = context_.options.delayed_name_removal,
          .position = position};
}

base::Status Evaluator::ApplyStage(const Stage& stage, bool drop_name, bool labels_must_be_unique,
                                   Block& block) {
  for (size_t series = 0; series < block.num_series(); ++series) {
    if (stage.kernel != nullptr) {
      stage.kernel({.scalars = stage.scalars, .values = block.Row(series)});
    }
    if (series < block.histograms.size()) {
      ApplyHistogramStep(stage.histograms, stage.scalars, block.Row(series), block.histograms[series],
                         context_.annotations);
    }
  }
  RemoveEmptySeries(block);
  if (!drop_name) {
    return base::OkStatus();
  }
  DropNames(block, context_.options.delayed_name_removal);
  if (context_.options.delayed_name_removal) {
    return base::OkStatus();
  }
  return labels_must_be_unique ? CheckUniqueLabels(block) : MergeEqualLabels(block);
}

base::StatusOr<Block> Evaluator::EvalUnary(const UnaryExpr& unary, const StepGrid& grid) {
  TH_ASSIGN_OR_RETURN(Block block, EvalVector(*unary.expr, grid));
  TH_ASSIGN_OR_RETURN(const Stage stage, MakeStage(unary, grid));
  TH_RETURN_IF_ERROR(ApplyStage(stage, StepDropsName(unary), true, block));
  return block;
}

base::StatusOr<Block> Evaluator::EvalBinary(const BinaryExpr& binary, const StepGrid& grid) {
  if (const Expr* operand = VectorOperand(binary)) {
    TH_ASSIGN_OR_RETURN(Block block, EvalVector(*operand, grid));
    TH_ASSIGN_OR_RETURN(const Stage stage, MakeStage(binary, grid));
    TH_RETURN_IF_ERROR(ApplyStage(stage, StepDropsName(binary), false, block));
    return block;
  }
  TH_ASSIGN_OR_RETURN(Block left, EvalVector(*binary.lhs, grid));
  TH_ASSIGN_OR_RETURN(Block right, EvalVector(*binary.rhs, grid));
  return ApplyVectorOperator(binary, std::move(left), std::move(right), Scope());
}

base::StatusOr<Block> Evaluator::FoldPipeline(AggregateOp op, const Grouping& grouping,
                                              const Pipeline& pipeline, int position) {
  std::vector<std::unique_ptr<GroupFold>> folds;
  std::vector<SeriesSink*> sinks;
  for (int shard = 0; shard < context_.num_shards; ++shard) {
    folds.push_back(std::make_unique<GroupFold>(op, grouping, pipeline.grid.num_steps, context_.budget));
    folds.back()->set_position(position);
    sinks.push_back(folds.back().get());
  }
  TH_RETURN_IF_ERROR(RunScan(context_, pipeline, sinks));
  for (size_t shard = 1; shard < folds.size(); ++shard) {
    TH_RETURN_IF_ERROR(folds[0]->Merge(*folds[shard]));
    folds[shard].reset();
  }
  TH_ASSIGN_OR_RETURN(Block block, folds[0]->Finish());
  context_.annotations.Merge(folds[0]->annotations());
  if (pipeline.mark_name_dropped) {
    DropNames(block, true);
  }
  return block;
}

base::StatusOr<Block> Evaluator::FoldGroups(AggregateOp op, const Grouping& grouping, const Expr& input,
                                            const StepGrid& grid) {
  const Expr& inner = promql_parser::Unparen(input);
  Block block;
  if (IsPipeline(inner, grid)) {
    TH_ASSIGN_OR_RETURN(const Pipeline pipeline, MakePipeline(inner, grid));
    if (pipeline.KeepsSeriesApart()) {
      return FoldPipeline(op, grouping, pipeline, input.position.start);
    }
    // Without a fixed name, series may collide once it is dropped: that must be seen, so all are kept.
    TH_ASSIGN_OR_RETURN(block, ScanToBlock(context_, pipeline));
  } else {
    TH_ASSIGN_OR_RETURN(block, EvalVector(inner, grid));
  }
  GroupFold fold(op, grouping, grid.num_steps, context_.budget);
  fold.set_position(input.position.start);
  for (size_t series = 0; series < block.num_series(); ++series) {
    TH_RETURN_IF_ERROR(context_.cancel.status());
    TH_RETURN_IF_ERROR(
        fold.Add(series, block.labels[series], std::as_const(block).Row(series), block.Histograms(series)));
  }
  TH_ASSIGN_OR_RETURN(Block out, fold.Finish());
  context_.annotations.Merge(fold.annotations());
  MarkDroppedNames(grouping, block, out);
  return out;
}

base::StatusOr<Block> Evaluator::EvalAggregate(const AggregateExpr& aggregate, const StepGrid& grid) {
  const Grouping grouping = Grouping::Of(aggregate);
  if (IsFoldable(aggregate.op)) {
    return FoldGroups(aggregate.op, grouping, *aggregate.expr, grid);
  }
  if (aggregate.op == AggregateOp::kCountValues) {
    const auto* label = promql_parser::Unparen(*aggregate.param).As<StringLiteral>();
    if (label == nullptr) {
      return base::Internal("count_values needs a string literal");
    }
    TH_ASSIGN_OR_RETURN(const Block input, EvalVector(*aggregate.expr, grid));
    return CountValues(grouping, label->value, input, Scope());
  }
  TH_ASSIGN_OR_RETURN(const std::vector<double> parameter, EvalScalar(*aggregate.param, grid));
  TH_ASSIGN_OR_RETURN(Block input, EvalVector(*aggregate.expr, grid));
  if (aggregate.op == AggregateOp::kQuantile) {
    if (!input.histograms.empty()) {
      notes::IgnoredInAggregation(context_.annotations, "quantile", aggregate.expr->position.start);
    }
    return AggregateQuantile(grouping, parameter, std::move(input), Scope(aggregate.param->position.start));
  }
  const bool by_value = aggregate.op == AggregateOp::kTopk || aggregate.op == AggregateOp::kBottomk;
  return SelectSamples(aggregate.op, grouping, parameter, std::move(input),
                       Scope(by_value ? aggregate.position.start : aggregate.param->position.start));
}

}  // namespace thanos::promql
