#include "promql/engine.h"

#include <algorithm>
#include <utility>

#include "promql/evaluator.h"
#include "promql/functions/extended.h"
#include "promql/query_context.h"
#include "promql_parser/parser.h"

namespace thanos::promql {
namespace {

using promql_parser::Expr;
using promql_parser::MatrixSelector;
using promql_parser::StringLiteral;
using promql_parser::SubqueryExpr;
using promql_parser::ValueType;
using promql_parser::WindowMode;

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
    } else if (HistogramAt(block.Histograms(series), 0) != nullptr) {
      vector.samples.push_back(
          {std::move(block.labels[series]), timestamp_ms, 0, std::move(block.histograms[series][0])});
    }
  }
  return vector;
}

// Only samples in (after_ms, last_ms].
Matrix ToMatrix(Block block, const StepGrid& grid, int64_t after_ms, int64_t last_ms) {
  Matrix matrix;
  matrix.series.reserve(block.num_series());
  // The steps in question.
  size_t begin = 0;
  size_t end = grid.num_steps;
  for (; begin < end && grid.At(begin) <= after_ms; ++begin) {
  }
  for (; end > begin && grid.At(end - 1) > last_ms; --end) {
  }
  for (size_t series = 0; series < block.num_series(); ++series) {
    MatrixSeries out;
    const double* const row = std::as_const(block).Row(series).data();
    const auto count = static_cast<size_t>(std::count_if(row + begin, row + end, IsPresent));
    out.timestamps.resize(count);
    out.values.resize(count);
    size_t next = 0;
    for (size_t step = begin; next < count; ++step) {
      if (IsPresent(row[step])) {
        out.timestamps[next] = grid.At(step);
        out.values[next++] = row[step];
      }
    }
    if (const std::span<const HistogramPtr> histograms = block.Histograms(series); !histograms.empty()) {
      for (size_t step = begin; step < end; ++step) {
        if (histograms[step] != nullptr) {
          out.histograms.push_back({grid.At(step), histograms[step]});
        }
      }
    }
    if (!out.timestamps.empty() || !out.histograms.empty()) {
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
  base::Status Add(labels::LabelSpan labels, std::vector<int64_t>& timestamps, std::vector<double>& values,
                   HistogramSamples& histograms) override {
    TH_RETURN_IF_ERROR(
        charge_.Add(budget_, static_cast<int64_t>(values.size()) + SampleWeight(histograms.values)));
    matrix.series.push_back({labels::Labels(labels), timestamps, values});
    for (size_t i = 0; i < histograms.values.size(); ++i) {
      matrix.series.back().histograms.push_back({histograms.timestamps[i], std::move(histograms.values[i])});
    }
    return base::OkStatus();
  }
  Matrix matrix;

 private:
  SampleBudget& budget_;
  SampleCharge charge_;
};

// The samples of an anchored or smoothed selector, with one at either end of the window.
class CollectExtended final : public RawSeriesSink {
 public:
  CollectExtended(WindowMode mode, int64_t start_ms, int64_t end_ms, int64_t lookback_ms, RawSeriesSink& sink)
      : mode_(mode), start_ms_(start_ms), end_ms_(end_ms), lookback_ms_(lookback_ms), sink_(sink) {}
  base::Status Add(labels::LabelSpan labels, std::vector<int64_t>& timestamps, std::vector<double>& values,
                   HistogramSamples& histograms) override {
    if (!histograms.values.empty()) {
      return base::FailedPrecondition(mode_ == WindowMode::kAnchored ? "anchored" : "smoothed",
                                      " modifier is not supported with histograms");
    }
    ExtendToBoundaries(mode_, start_ms_, end_ms_, lookback_ms_, timestamps, values);
    return values.empty() ? base::OkStatus() : sink_.Add(labels, timestamps, values, histograms);
  }

 private:
  const WindowMode mode_;
  const int64_t start_ms_;
  const int64_t end_ms_;
  const int64_t lookback_ms_;
  RawSeriesSink& sink_;
};

// An instant query whose answer is a range vector.
base::StatusOr<Value> EvalMatrix(QueryContext& context, Evaluator& evaluator, const Expr& expr,
                                 const StepGrid& grid) {
  const Expr& inner = promql_parser::Unparen(expr);
  if (const auto* matrix = inner.As<MatrixSelector>()) {
    const int64_t end_ms = evaluator.TimesOf(*matrix->selector, matrix->selector->offset_ms, grid).start_ms;
    const int64_t start_ms = end_ms - matrix->range_ms;
    const WindowMode mode = matrix->selector->window_mode;
    CollectRaw sink(context.budget);
    if (mode == WindowMode::kPlain) {
      TH_RETURN_IF_ERROR(ScanRaw(context, *matrix->selector, start_ms + 1, end_ms, sink));
    } else {
      CollectExtended extended(mode, start_ms, end_ms, context.lookback_ms, sink);
      const int64_t after_ms = mode == WindowMode::kSmoothed ? context.lookback_ms : 0;
      TH_RETURN_IF_ERROR(ScanRaw(context, *matrix->selector, start_ms - context.lookback_ms + 1,
                                 end_ms + after_ms, extended));
    }
    SortByLabels(sink.matrix);
    return Value(std::move(sink.matrix));
  }
  const auto* subquery = inner.As<SubqueryExpr>();
  if (subquery == nullptr) {
    return base::Internal("cannot evaluate this expression as a range vector");
  }
  StepGrid steps;
  TH_ASSIGN_OR_RETURN(Block block, evaluator.EvalSubquery(*subquery, grid, &steps));
  if (!block.name_dropped.empty()) {
    RemoveDroppedNames(block);
    TH_RETURN_IF_ERROR(MergeEqualLabels(block));
  }
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
      if (!block.name_dropped.empty()) {
        RemoveDroppedNames(block);
        TH_RETURN_IF_ERROR(MergeEqualLabels(block));
      }
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

bool EnableFeature(std::string_view feature, EngineOptions* options) {
  const std::pair<std::string_view, bool*> features[] = {
      {"promql-experimental-functions", &options->enable_experimental},
      {"promql-duration-expr", &options->enable_duration_expressions},
      {"promql-extended-range-selectors", &options->enable_extended_range_selectors},
      {"promql-binop-fill-modifiers", &options->enable_fill_modifiers},
      {"promql-delayed-name-removal", &options->delayed_name_removal},
      {"type-and-unit-labels", &options->type_and_unit_labels},
      {"promql-per-step-stats", &options->per_step_stats}};
  for (const auto& [name, option] : features) {
    if (name == feature) {
      *option = true;
      return true;
    }
  }
  return false;
}

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
  if (promql_parser::HasDurationExpressions(expr)) {
    const promql_parser::ExprPtr resolved = promql_parser::Clone(expr);
    TH_RETURN_IF_ERROR(promql_parser::ResolveDurations(*resolved, query.instant ? 0 : query.step_ms,
                                                       query.instant ? 0 : query.end_ms - query.start_ms));
    return Run(cancel, *resolved, query, source);
  }
  return Run(cancel, expr, query, source);
}

base::StatusOr<Result> Engine::Run(const base::CancelToken& cancel, const Expr& expr,
                                   const QueryOptions& query, SeriesSource& source) const {
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
  Selections selections(plan, source, timeout.token());
  QueryContext context{
      .options = options_,
      .plan = plan,
      .selections = selections,
      .cancel = timeout.token(),
      .query_start_ms = query.start_ms,
      .query_end_ms = query.instant ? query.start_ms : query.end_ms,
      .query_step_ms = query.instant ? 0 : query.step_ms,
      .grid = grid,
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
  Annotations::Texts texts = context.annotations.Render(query.text, options_.separate_infos);
  Result result{std::move(*value), std::move(texts.warnings), std::move(texts.infos), {}};
  result.stats = {.total_queryable_samples = context.total_queryable_samples,
                  .samples_per_step = std::move(context.samples_per_step),
                  .first_step_ms = grid.start_ms,
                  .step_ms = grid.step_ms,
                  .peak_samples = context.budget.peak(),
                  .series_selected = context.series_selected,
                  .samples_decoded = context.samples_decoded};
  return result;
}

base::StatusOr<Result> Engine::Query(const base::CancelToken& cancel, std::string_view text,
                                     const QueryOptions& query, SeriesSource& source) const {
  TH_ASSIGN_OR_RETURN(const promql_parser::ExprPtr expr, promql_parser::Parse(text, parser_options()));
  QueryOptions with_text = query;
  with_text.text = text;
  return Query(cancel, *expr, with_text, source);
}

promql_parser::ParserOptions Engine::parser_options() const {
  promql_parser::ParserOptions parser_options;
  parser_options.enable_experimental = options_.enable_experimental;
  parser_options.enable_x_functions = options_.enable_x_functions;
  parser_options.enable_duration_expressions = options_.enable_duration_expressions;
  parser_options.enable_extended_range_selectors = options_.enable_extended_range_selectors;
  parser_options.enable_fill_modifiers = options_.enable_fill_modifiers;
  return parser_options;
}

}  // namespace thanos::promql
