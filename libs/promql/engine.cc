#include "promql/engine.h"

#include <algorithm>
#include <utility>

#include "promql/evaluator.h"
#include "promql/query_context.h"
#include "promql_parser/parser.h"

namespace thanos::promql {
namespace {

using promql_parser::Expr;
using promql_parser::MatrixSelector;
using promql_parser::StringLiteral;
using promql_parser::SubqueryExpr;
using promql_parser::ValueType;

void SortByLabels(Matrix& matrix) {
  std::ranges::sort(matrix.series,
                    [](const MatrixSeries& a, const MatrixSeries& b) { return a.labels < b.labels; });
}

Vector ToVector(Block block, int64_t timestamp_ms) {
  Vector vector;
  vector.samples.reserve(block.num_series());
  for (size_t series = 0; series < block.num_series(); ++series) {
    if (IsPresent(block.values[series])) {
      vector.samples.push_back({std::move(block.labels[series]), timestamp_ms, block.values[series]});
    }
  }
  return vector;
}

// Only samples in (after_ms, last_ms].
Matrix ToMatrix(Block block, const StepGrid& grid, int64_t after_ms, int64_t last_ms) {
  Matrix matrix;
  for (size_t series = 0; series < block.num_series(); ++series) {
    MatrixSeries out;
    const std::span<const double> row = std::as_const(block).Row(series);
    for (size_t step = 0; step < row.size(); ++step) {
      if (IsPresent(row[step]) && grid.At(step) > after_ms && grid.At(step) <= last_ms) {
        out.timestamps.push_back(grid.At(step));
        out.values.push_back(row[step]);
      }
    }
    if (!out.timestamps.empty()) {
      out.labels = std::move(block.labels[series]);
      matrix.series.push_back(std::move(out));
    }
  }
  SortByLabels(matrix);
  return matrix;
}

class CollectRaw final : public RawSeriesSink {
 public:
  explicit CollectRaw(SampleBudget& budget) : budget_(budget) {}
  base::Status Add(labels::LabelSpan labels, std::vector<int64_t>& timestamps,
                   std::vector<double>& values) override {
    TH_RETURN_IF_ERROR(charge_.Add(budget_, static_cast<int64_t>(values.size())));
    matrix.series.push_back({labels::Labels(labels), timestamps, values});
    return base::OkStatus();
  }
  Matrix matrix;

 private:
  SampleBudget& budget_;
  SampleCharge charge_;
};

// An instant query whose answer is a range vector.
base::StatusOr<Value> EvalMatrix(QueryContext& context, Evaluator& evaluator, const Expr& expr,
                                 const StepGrid& grid) {
  const Expr& inner = promql_parser::Unparen(expr);
  if (const auto* matrix = inner.As<MatrixSelector>()) {
    const int64_t end_ms = evaluator.TimesOf(*matrix->selector, matrix->selector->offset_ms, grid).start_ms;
    CollectRaw sink(context.budget);
    TH_RETURN_IF_ERROR(ScanRaw(context, *matrix->selector, end_ms - matrix->range_ms + 1, end_ms, sink));
    SortByLabels(sink.matrix);
    return Value(std::move(sink.matrix));
  }
  const auto* subquery = inner.As<SubqueryExpr>();
  if (subquery == nullptr) {
    return base::Internal("cannot evaluate this expression as a range vector");
  }
  StepGrid steps;
  TH_ASSIGN_OR_RETURN(Block block, evaluator.EvalSubquery(*subquery, grid, &steps));
  const int64_t last_ms = evaluator.TimesOf(*subquery, subquery->offset_ms, grid).start_ms;
  return Value(ToMatrix(std::move(block), steps, last_ms - subquery->range_ms, last_ms));
}

base::StatusOr<Value> Evaluate(QueryContext& context, const Expr& expr, const StepGrid& grid, bool instant) {
  Evaluator evaluator(context);
  switch (expr.type()) {
    case ValueType::kString:
      return Value(String{grid.start_ms, promql_parser::Unparen(expr).As<StringLiteral>()->value});
    case ValueType::kMatrix:
      return EvalMatrix(context, evaluator, expr, grid);
    case ValueType::kScalar: {
      TH_ASSIGN_OR_RETURN(std::vector<double> values, evaluator.EvalScalar(expr, grid));
      if (instant) {
        return Value(Scalar{grid.start_ms, values[0]});
      }
      Matrix matrix;
      MatrixSeries& series = matrix.series.emplace_back();
      for (size_t step = 0; step < grid.num_steps; ++step) {
        series.timestamps.push_back(grid.At(step));
      }
      series.values = std::move(values);
      return Value(std::move(matrix));
    }
    default: {
      TH_ASSIGN_OR_RETURN(Block block, evaluator.EvalVector(expr, grid));
      if (instant) {
        return Value(ToVector(std::move(block), grid.start_ms));
      }
      return Value(ToMatrix(std::move(block), grid, grid.start_ms - 1, grid.end_ms()));
    }
  }
}

// The texts Prometheus uses when the query itself ran out of time or was given up.
base::Status ExplainCancellation(const base::CancelToken& cancel, const base::Status& status) {
  if (!cancel.cancelled()) {
    return status;
  }
  if (status.code() == base::StatusCode::kDeadlineExceeded) {
    return base::DeadlineExceeded("query timed out in expression evaluation");
  }
  if (status.code() == base::StatusCode::kCancelled) {
    return base::Cancelled("query was canceled in expression evaluation");
  }
  return status;
}

}  // namespace

base::StatusOr<Result> Engine::Query(const base::CancelToken& cancel, const Expr& expr,
                                     const QueryOptions& query, SeriesSource& source) const {
  const bool is_plottable = expr.type() == ValueType::kScalar || expr.type() == ValueType::kVector;
  if (!query.instant && !is_plottable) {
    return base::InvalidArgument("invalid expression type \"", promql_parser::Documented(expr.type()),
                                 "\" for range query, must be Scalar or instant Vector");
  }
  if (!query.instant && (query.step_ms <= 0 || query.end_ms < query.start_ms)) {
    return base::InvalidArgument("range query needs a positive step and an end that is not before its start");
  }
  StepGrid grid{query.start_ms, query.instant ? 1 : query.step_ms, 1};
  if (!query.instant) {
    grid.num_steps = static_cast<size_t>((query.end_ms - query.start_ms) / query.step_ms) + 1;
  }
  const int64_t lookback_ms = query.lookback_ms > 0 ? query.lookback_ms : options_.lookback_ms;
  const Plan plan(expr, {.grid = grid,
                         .step_ms = query.instant ? 0 : query.step_ms,
                         .end_ms = query.instant ? query.start_ms : query.end_ms,
                         .lookback_ms = lookback_ms,
                         .default_subquery_step_ms = options_.default_subquery_step_ms});
  const int pool_threads = options_.cpu_pool == nullptr ? 1 : options_.cpu_pool->num_threads();
  const base::CancelSource timeout = options_.timeout.count() > 0
                                         ? base::CancelSource(cancel, options_.timeout)
                                         : base::CancelSource(cancel, base::kNoDeadline);
  QueryContext context{
      .options = options_,
      .plan = plan,
      .source = source,
      .cancel = timeout.token(),
      .lookback_ms = lookback_ms,
      .num_shards = std::max(1, options_.num_shards > 0 ? options_.num_shards : pool_threads),
      .budget = SampleBudget(options_.max_samples),
      .annotations = {}};
  if (static_cast<int64_t>(grid.num_steps) > options_.max_samples) {
    return base::ResourceExhausted(
        "query processing would load too many samples into memory in query execution");
  }
  base::StatusOr<Value> value = Evaluate(context, expr, grid, query.instant);
  if (!value.ok()) {
    return ExplainCancellation(context.cancel, value.status());
  }
  Result result{std::move(*value), context.annotations.texts(), {}};
  result.stats = {.total_queryable_samples = context.total_queryable_samples,
                  .peak_samples = context.budget.peak(),
                  .series_selected = context.series_selected,
                  .samples_decoded = context.samples_decoded};
  return result;
}

base::StatusOr<Result> Engine::Query(const base::CancelToken& cancel, std::string_view text,
                                     const QueryOptions& query, SeriesSource& source) const {
  promql_parser::ParserOptions parser_options;
  parser_options.enable_experimental = options_.enable_experimental;
  TH_ASSIGN_OR_RETURN(const promql_parser::ExprPtr expr, promql_parser::Parse(text, parser_options));
  return Query(cancel, *expr, query, source);
}

}  // namespace thanos::promql
