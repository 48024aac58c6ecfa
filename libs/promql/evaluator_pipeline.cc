// Which expressions stream series by series, and how they become a Pipeline.

#include <utility>

#include "base/check.h"
#include "promql/evaluator.h"
#include "promql/functions/extended.h"
#include "promql/functions/table.h"

namespace thanos::promql {
namespace {

using promql_parser::BinaryExpr;
using promql_parser::Call;
using promql_parser::Expr;
using promql_parser::ExprKind;
using promql_parser::MatrixSelector;
using promql_parser::UnaryExpr;
using promql_parser::ValueType;
using promql_parser::VectorSelector;
using promql_parser::WindowMode;

bool IsTimestampOfSelector(const Call& call) {
  return call.function.name == "timestamp" &&
         promql_parser::Unparen(*call.args[0]).kind() == ExprKind::kVectorSelector;
}

// True when `call` is a range function directly over a selector.
bool IsRangeOverSelector(const Call& call) {
  const FunctionEntry* entry = FindFunctionEntry(call.function.name);
  const Expr* matrix = MatrixArgument(call);
  return entry != nullptr && entry->kind == FunctionKind::kRange && matrix != nullptr &&
         promql_parser::Unparen(*matrix).kind() == ExprKind::kMatrixSelector;
}

// xrate, xincrease, xdelta.
bool LooksBeforeWindow(const FunctionEntry* function) {
  return function != nullptr && (function->range == XrateKernel || function->range == XincreaseKernel ||
                                 function->range == XdeltaKernel);
}

}  // namespace

const Expr* MatrixArgument(const Call& call) {
  for (const promql_parser::ExprPtr& argument : call.args) {
    if (argument->type() == ValueType::kMatrix) {
      return argument.get();
    }
  }
  return nullptr;
}

const Expr* VectorOperand(const Expr& expr) {
  if (const auto* unary = expr.As<UnaryExpr>()) {
    return unary->expr->type() == ValueType::kVector ? unary->expr.get() : nullptr;
  }
  if (const auto* binary = expr.As<BinaryExpr>()) {
    const bool left = binary->lhs->type() == ValueType::kVector;
    const bool right = binary->rhs->type() == ValueType::kVector;
    if (left == right) {
      return nullptr;
    }
    return left ? binary->lhs.get() : binary->rhs.get();
  }
  if (const auto* call = expr.As<Call>()) {
    const FunctionEntry* entry = FindFunctionEntry(call->function.name);
    if (entry != nullptr && entry->element != nullptr && !call->args.empty()) {
      return call->args[0].get();
    }
  }
  return nullptr;
}

bool StepDropsName(const Expr& expr) {
  if (const auto* unary = expr.As<UnaryExpr>()) {
    return unary->minus;
  }
  if (const auto* binary = expr.As<BinaryExpr>()) {
    return !promql_parser::IsComparison(binary->op) || binary->return_bool;
  }
  return true;
}

ReferenceTimes Evaluator::TimesOf(const Expr& expr, int64_t offset_ms, const StepGrid& grid) const {
  const std::optional<int64_t> at_ms = context_.plan.AtMs(expr);
  return {at_ms.value_or(grid.start_ms) - offset_ms, at_ms ? 0 : grid.step_ms, grid.num_steps};
}

bool Evaluator::IsPipeline(const Expr& expr, const StepGrid& grid) const {
  const Expr& inner = promql_parser::Unparen(expr);
  if (grid.num_steps > 1 && context_.plan.IsStepInvariant(inner)) {
    return false;
  }
  if (inner.kind() == ExprKind::kVectorSelector) {
    return true;
  }
  if (const auto* call = inner.As<Call>();
      call != nullptr && (IsTimestampOfSelector(*call) || IsRangeOverSelector(*call))) {
    return true;
  }
  const Expr* operand = VectorOperand(inner);
  return operand != nullptr && IsPipeline(*operand, grid);
}

base::StatusOr<Evaluator::Columns> Evaluator::ScalarArguments(const Call& call, const StepGrid& grid) {
  Columns columns;
  for (const promql_parser::ExprPtr& argument : call.args) {
    if (argument->type() == ValueType::kScalar) {
      TH_ASSIGN_OR_RETURN(columns.emplace_back(), EvalScalar(*argument, grid));
    }
  }
  return columns;
}

base::StatusOr<Stage> Evaluator::MakeStage(const Expr& expr, const StepGrid& grid) {
  Stage stage;
  if (const auto* unary = expr.As<UnaryExpr>()) {
    stage.kernel = unary->minus ? NegateKernel : nullptr;
    stage.histograms.kind = unary->minus ? HistogramStep::Kind::kNegate : HistogramStep::Kind::kKeep;
  } else if (const auto* binary = expr.As<BinaryExpr>()) {
    const bool scalar_on_left = binary->lhs->type() == ValueType::kScalar;
    stage.kernel = FindOperatorKernel(binary->op, scalar_on_left, binary->return_bool);
    stage.histograms = {.kind = HistogramStep::Kind::kScalarOperator,
                        .op = binary->op,
                        .scalar_on_left = scalar_on_left,
                        .position = binary->position.start};
    TH_ASSIGN_OR_RETURN(stage.scalars.emplace_back(),
                        EvalScalar(scalar_on_left ? *binary->lhs : *binary->rhs, grid));
  } else if (const auto* call = expr.As<Call>()) {
    stage.kernel = FindFunctionEntry(call->function.name)->element;
    if (const auto measure = FindHistogramMeasure(call->function.name)) {
      stage.histograms = {.kind = HistogramStep::Kind::kMeasure, .measure = *measure};
    }
    TH_ASSIGN_OR_RETURN(stage.scalars, ScalarArguments(*call, grid));
  }
  return stage;
}

void Evaluator::DropName(Pipeline& pipeline, bool labels_must_be_unique) const {
  if (context_.options.delayed_name_removal) {
    pipeline.mark_name_dropped = true;
    return;
  }
  pipeline.drop_name = true;
  pipeline.labels_must_be_unique = pipeline.labels_must_be_unique || labels_must_be_unique;
}

base::Status Evaluator::LookBeyondWindow(Pipeline& pipeline) const {
  pipeline.window_mode = pipeline.selector->window_mode;
  pipeline.kernel = pipeline.function == nullptr ? nullptr : pipeline.function->range;
  if (pipeline.window_mode == WindowMode::kPlain) {
    pipeline.before_ms = LooksBeforeWindow(pipeline.function) ? kExtendedLookbackMs : 0;
    return base::OkStatus();
  }
  if (pipeline.range_ms != 0) {
    TH_ASSIGN_OR_RETURN(pipeline.kernel, FindWindowModeKernel(pipeline.function->name, pipeline.window_mode));
    pipeline.before_ms = context_.lookback_ms;
  }
  pipeline.after_ms = pipeline.window_mode == WindowMode::kSmoothed ? context_.lookback_ms : 0;
  return base::OkStatus();
}

base::Status Evaluator::AddStage(const Expr& expr, const StepGrid& grid, Pipeline& pipeline) {
  TH_ASSIGN_OR_RETURN(Stage stage, MakeStage(expr, grid));
  if (stage.kernel != nullptr) {
    pipeline.stages.push_back(std::move(stage));
  }
  if (StepDropsName(expr)) {
    DropName(pipeline, expr.kind() == ExprKind::kUnary);
  }
  return base::OkStatus();
}

base::StatusOr<Pipeline> Evaluator::MakeRangePipeline(const Call& call, const StepGrid& grid) {
  const FunctionEntry* entry = FindFunctionEntry(call.function.name);
  const auto* matrix = promql_parser::Unparen(*MatrixArgument(call)).As<MatrixSelector>();
  Pipeline pipeline;
  pipeline.selector = matrix->selector.get();
  pipeline.grid = grid;
  pipeline.times = TimesOf(*matrix->selector, matrix->selector->offset_ms, grid);
  pipeline.range_ms = matrix->range_ms;
  pipeline.function = entry;
  pipeline.call = &call;
  TH_ASSIGN_OR_RETURN(pipeline.scalars, ScalarArguments(call, grid));
  if (!entry->keeps_name) {
    DropName(pipeline, true);
  }
  TH_RETURN_IF_ERROR(LookBeyondWindow(pipeline));
  return pipeline;
}

base::StatusOr<Pipeline> Evaluator::MakePipeline(const Expr& expr, const StepGrid& grid) {
  const Expr& inner = promql_parser::Unparen(expr);
  const auto* call = inner.As<Call>();
  const auto* selector = inner.As<VectorSelector>();
  const bool sample_times = call != nullptr && IsTimestampOfSelector(*call);
  if (sample_times) {
    selector = promql_parser::Unparen(*call->args[0]).As<VectorSelector>();
  }
  if (selector != nullptr) {
    Pipeline pipeline;
    pipeline.selector = selector;
    pipeline.grid = grid;
    pipeline.times = TimesOf(*selector, selector->offset_ms, grid);
    pipeline.sample_times = sample_times;
    if (sample_times) {
      DropName(pipeline, false);
    }
    TH_RETURN_IF_ERROR(LookBeyondWindow(pipeline));
    return pipeline;
  }
  if (call != nullptr && IsRangeOverSelector(*call)) {
    return MakeRangePipeline(*call, grid);
  }
  const Expr* operand = VectorOperand(inner);
  TH_CHECK(operand != nullptr);
  TH_ASSIGN_OR_RETURN(Pipeline pipeline, MakePipeline(*operand, grid));
  TH_RETURN_IF_ERROR(AddStage(inner, grid, pipeline));
  return pipeline;
}

}  // namespace thanos::promql
