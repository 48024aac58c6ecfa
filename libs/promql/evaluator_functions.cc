// Calls that are not plain pipelines: functions over blocks, labels, scalars and subqueries.

#include <cmath>
#include <limits>
#include <numbers>
#include <utility>

#include "base/check.h"
#include "promql/evaluator.h"
#include "promql/functions/bucket.h"
#include "promql/functions/label.h"
#include "promql/functions/table.h"
#include "promql/group_fold.h"
#include "promql/histogram/functions.h"
#include "promql/histogram/range.h"
#include "promql/series_worker.h"

namespace thanos::promql {
namespace {

using promql_parser::AggregateOp;
using promql_parser::Call;
using promql_parser::Expr;
using promql_parser::ExprKind;
using promql_parser::StringLiteral;
using promql_parser::SubqueryExpr;

std::string StringArgument(const Expr& expr) {
  const auto* literal = promql_parser::Unparen(expr).As<StringLiteral>();
  return literal == nullptr ? std::string() : literal->value;
}

std::vector<std::string> StringArguments(const Call& call, size_t first) {
  std::vector<std::string> out;
  for (size_t i = first; i < call.args.size(); ++i) {
    out.push_back(StringArgument(*call.args[i]));
  }
  return out;
}

}  // namespace

base::StatusOr<Block> Evaluator::EvalCall(const Call& call, const StepGrid& grid) {
  const FunctionEntry* entry = FindFunctionEntry(call.function.name);
  TH_CHECK(entry != nullptr);
  switch (entry->kind) {
    case FunctionKind::kElement:
    case FunctionKind::kDate: {
      Block block;
      if (call.args.empty()) {
        std::vector<double> times(grid.num_steps);
        for (size_t step = 0; step < times.size(); ++step) {
          times[step] = static_cast<double>(grid.At(step) / 1000);
        }
        TH_ASSIGN_OR_RETURN(block, OneSeries(std::move(times)));
      } else {
        TH_ASSIGN_OR_RETURN(block, EvalVector(*call.args[0], grid));
      }
      TH_ASSIGN_OR_RETURN(const Stage stage, MakeStage(call, grid));
      TH_RETURN_IF_ERROR(ApplyStage(stage, true, false, block));
      return block;
    }
    case FunctionKind::kRange:
      return EvalRangeOverSubquery(call, *entry, grid);
    case FunctionKind::kSpecial:
      return EvalSpecial(call, grid);
    default:
      return base::Internal("function ", call.function.name, "() does not give an instant vector");
  }
}

base::StatusOr<Block> Evaluator::EvalSpecial(const Call& call, const StepGrid& grid) {
  const std::string_view name = call.function.name;
  if (name == "vector") {
    TH_ASSIGN_OR_RETURN(std::vector<double> values, EvalScalar(*call.args[0], grid));
    return OneSeries(std::move(values));
  }
  if (name == "absent" || name == "absent_over_time") {
    return EvalAbsent(call, grid);
  }
  if (name == "timestamp") {
    return EvalTimestamp(call, grid);
  }
  if (name.starts_with("label_")) {
    return EvalLabelFunction(call, grid);
  }
  if (name.starts_with("sort")) {
    return EvalSort(call, grid);
  }
  if (name == "info") {
    return EvalInfo(call, grid);
  }
  return EvalHistogram(call, grid);
}

base::StatusOr<std::vector<double>> Evaluator::EvalScalarCall(const Call& call, const StepGrid& grid) {
  const std::string_view name = call.function.name;
  if (name == "min_of" || name == "max_of") {
    TH_ASSIGN_OR_RETURN(std::vector<double> left, EvalScalar(*call.args[0], grid));
    TH_ASSIGN_OR_RETURN(const std::vector<double> right, EvalScalar(*call.args[1], grid));
    for (size_t step = 0; step < left.size(); ++step) {
      left[step] = name == "min_of" ? GoMin(left[step], right[step]) : GoMax(left[step], right[step]);
    }
    return left;
  }
  if (name == "time") {
    std::vector<double> values(grid.num_steps);
    for (size_t step = 0; step < values.size(); ++step) {
      values[step] = static_cast<double>(grid.At(step)) / 1000;
    }
    return values;
  }
  if (name != "scalar") {
    TH_ASSIGN_OR_RETURN(const double value, QueryConstant(name));
    return std::vector<double>(grid.num_steps, value);
  }
  return EvalScalarOfVector(*call.args[0], grid);
}

base::StatusOr<double> Evaluator::QueryConstant(std::string_view function) const {
  const std::pair<std::string_view, double> constants[] = {
      {"pi", std::numbers::pi},
      {"start", static_cast<double>(context_.query_start_ms) / 1000},
      {"end", static_cast<double>(context_.query_end_ms) / 1000},
      {"range", static_cast<double>(context_.query_end_ms - context_.query_start_ms) / 1000},
      {"step", static_cast<double>(context_.query_step_ms) / 1000}};
  for (const auto& [name, value] : constants) {
    if (name == function) {
      return value;
    }
  }
  return base::Internal("function ", function, "() does not give a scalar");
}

base::StatusOr<std::vector<double>> Evaluator::EvalScalarOfVector(const Expr& vector, const StepGrid& grid) {
  TH_ASSIGN_OR_RETURN(const Block block, EvalVector(vector, grid));
  std::vector<double> values(grid.num_steps);
  for (size_t step = 0; step < values.size(); ++step) {
    size_t found = 0;
    for (size_t series = 0; series < block.num_series() && found < 2; ++series) {
      const double value = block.Row(series)[step];
      if (IsPresent(value)) {
        values[step] = value;
        ++found;
      }
    }
    if (found != 1) {
      values[step] = std::numeric_limits<double>::quiet_NaN();
    }
  }
  return values;
}

base::StatusOr<Block> Evaluator::EvalRangeOverSubquery(const Call& call, const FunctionEntry& function,
                                                       const StepGrid& grid) {
  const auto* subquery = promql_parser::Unparen(*MatrixArgument(call)).As<SubqueryExpr>();
  if (subquery == nullptr) {
    return base::Internal("function ", call.function.name, "() without a range vector");
  }
  TH_ASSIGN_OR_RETURN(const Columns scalars, ScalarArguments(call, grid));
  StepGrid inner;
  TH_ASSIGN_OR_RETURN(const Block input, EvalSubquery(*subquery, grid, &inner));
  Block out;
  out.num_steps = grid.num_steps;
  TH_RETURN_IF_ERROR(
      out.charge.Add(context_.budget, static_cast<int64_t>(input.num_series() * grid.num_steps)));
  out.values.resize(input.num_series() * grid.num_steps);
  const ReferenceTimes times = TimesOf(*subquery, subquery->offset_ms, grid);
  std::vector<int64_t> timestamps;
  std::vector<double> values;
  Windows windows;
  RangeScratch scratch;
  base::Status failure;
  for (size_t series = 0; series < input.num_series(); ++series) {
    TH_RETURN_IF_ERROR(context_.cancel.status());
    timestamps.clear();
    values.clear();
    const std::span<const double> row = input.Row(series);
    for (size_t step = 0; step < row.size(); ++step) {
      if (IsPresent(row[step])) {
        timestamps.push_back(inner.At(step));
        values.push_back(row[step]);
      }
    }
    windows.Compute(timestamps, times, subquery->range_ms);
    const RangeInput range{.timestamps = timestamps,
                           .values = values,
                           .windows = windows,
                           .times = times,
                           .range_ms = subquery->range_ms,
                           .grid = grid,
                           .scalars = scalars,
                           .annotations = &context_.annotations,
                           .scratch = &scratch,
                           .call = &call,
                           .failure = &failure,
                           .cancel = &context_.cancel};
    function.range(range, out.Row(series));
    TH_RETURN_IF_ERROR(failure);
    const labels::LabelSpan labels = input.labels[series];
    if (const std::span<const HistogramPtr> histograms = input.Histograms(series); !histograms.empty()) {
      HistogramRow row_histograms;
      ApplyHistogramRange(function.name, range, inner, histograms, labels::Get(labels, labels::kMetricName),
                          out.Row(series), row_histograms);
      out.SetHistograms(series, std::move(row_histograms));
    }
    if (function.expects_counter && !labels::Get(labels, labels::kMetricName).empty() &&
        AnyPresent(std::as_const(out).Row(series))) {
      AnnotateCounter(context_, labels, &call, context_.annotations);
    }
    out.labels.emplace_back(labels);
  }
  if (function.keeps_name) {
    out.name_dropped = input.name_dropped;
    RemoveEmptySeries(out);
    return out;
  }
  DropNames(out, context_.options.delayed_name_removal);
  RemoveEmptySeries(out);
  if (!context_.options.delayed_name_removal) {
    TH_RETURN_IF_ERROR(CheckUniqueLabels(out));
  }
  return out;
}

base::StatusOr<Block> Evaluator::EvalAbsent(const Call& call, const StepGrid& grid) {
  const Expr& argument = promql_parser::Unparen(*call.args[0]);
  const Grouping everything;
  Block found;
  if (call.function.name == "absent") {
    TH_ASSIGN_OR_RETURN(found, FoldGroups(AggregateOp::kGroup, everything, argument, grid));
  } else if (argument.kind() == ExprKind::kMatrixSelector) {
    const auto* matrix = argument.As<promql_parser::MatrixSelector>();
    Pipeline pipeline;
    pipeline.selector = matrix->selector.get();
    pipeline.grid = grid;
    pipeline.times = TimesOf(*matrix->selector, matrix->selector->offset_ms, grid);
    pipeline.range_ms = matrix->range_ms;
    pipeline.function = FindFunctionEntry("present_over_time");
    TH_RETURN_IF_ERROR(LookBeyondWindow(pipeline));
    GroupFold fold(AggregateOp::kGroup, everything, grid.num_steps, context_.budget);
    // One sink for all shards would race: this scan is not sharded.
    std::vector<SeriesSink*> sinks = {&fold};
    TH_RETURN_IF_ERROR(RunScan(context_, pipeline, sinks));
    TH_ASSIGN_OR_RETURN(found, fold.Finish());
  } else {
    const auto* subquery = argument.As<SubqueryExpr>();
    StepGrid inner;
    TH_ASSIGN_OR_RETURN(const Block input, EvalSubquery(*subquery, grid, &inner));
    const ReferenceTimes times = TimesOf(*subquery, subquery->offset_ms, grid);
    std::vector<int64_t> timestamps;
    for (size_t step = 0; step < input.num_steps; ++step) {
      for (size_t series = 0; series < input.num_series(); ++series) {
        if (input.HasSample(series, step)) {
          timestamps.push_back(inner.At(step));
          break;
        }
      }
    }
    Windows windows;
    windows.Compute(timestamps, times, subquery->range_ms);
    std::vector<double> present(grid.num_steps);
    for (size_t step = 0; step < present.size(); ++step) {
      present[step] = windows.high[step] > windows.low[step] ? 1 : kAbsent;
    }
    TH_ASSIGN_OR_RETURN(found, OneSeries(std::move(present)));
  }
  std::vector<double> absent(grid.num_steps);
  for (size_t step = 0; step < absent.size(); ++step) {
    absent[step] = found.num_series() > 0 && IsPresent(found.values[step]) ? kAbsent : 1;
  }
  TH_ASSIGN_OR_RETURN(Block out, OneSeries(std::move(absent)));
  out.labels[0] = AbsentLabels(argument);
  RemoveEmptySeries(out);
  return out;
}

base::StatusOr<Block> Evaluator::EvalTimestamp(const Call& call, const StepGrid& grid) {
  TH_ASSIGN_OR_RETURN(Block block, EvalVector(*call.args[0], grid));
  for (size_t series = 0; series < block.num_series(); ++series) {
    const std::span<double> row = block.Row(series);
    for (size_t step = 0; step < row.size(); ++step) {
      row[step] = block.HasSample(series, step) ? static_cast<double>(grid.At(step)) / 1000 : kAbsent;
    }
  }
  TH_RETURN_IF_ERROR(ApplyStage(Stage{}, true, false, block));
  return block;
}

base::StatusOr<Block> Evaluator::EvalLabelFunction(const Call& call, const StepGrid& grid) {
  TH_ASSIGN_OR_RETURN(Block block, EvalVector(*call.args[0], grid));
  const std::vector<std::string> texts = StringArguments(call, 1);
  if (call.function.name == "label_replace") {
    TH_RETURN_IF_ERROR(LabelReplace(block, texts[0], texts[1], texts[2], texts[3], context_.cancel));
  } else {
    TH_RETURN_IF_ERROR(LabelJoin(block, texts[0], texts[1], {texts.begin() + 2, texts.end()}));
  }
  return block;
}

base::StatusOr<Block> Evaluator::EvalSort(const Call& call, const StepGrid& grid) {
  TH_ASSIGN_OR_RETURN(Block block, EvalVector(*call.args[0], grid));
  const std::string_view name = call.function.name;
  if (!name.starts_with("sort_by_label") && !block.histograms.empty()) {
    block.histograms.clear();
    RemoveEmptySeries(block);
  }
  if (grid.num_steps != 1) {
    return block;
  }
  const bool descending = name.ends_with("_desc");
  if (name.starts_with("sort_by_label")) {
    return SortByLabel(std::move(block), StringArguments(call, 1), descending);
  }
  return SortByValue(std::move(block), descending);
}

base::StatusOr<Block> Evaluator::EvalHistogram(const Call& call, const StepGrid& grid) {
  TH_ASSIGN_OR_RETURN(const Columns scalars, ScalarArguments(call, grid));
  const std::string_view name = call.function.name;
  const Expr& input = name == "histogram_quantiles" ? *call.args[0] : *call.args.back();
  TH_ASSIGN_OR_RETURN(Block block, EvalVector(input, grid));
  const EvaluationScope scope = Scope(promql_parser::Unparen(input).position.start);
  const EvaluationScope native_scope = Scope(call.args[0]->position.start);
  const bool has_native = !block.histograms.empty();
  const Block native = has_native ? TakeNativeHistograms(block, scope) : EmptyBlock(grid.num_steps);
  // The results for both kinds, `native` only computed when there is any.
  const auto join = [&](base::StatusOr<Block> classic, auto compute_native) -> base::StatusOr<Block> {
    if (!has_native || !classic.ok()) {
      return classic;
    }
    TH_ASSIGN_OR_RETURN(Block results, compute_native());
    TH_RETURN_IF_ERROR(AppendBlock(std::move(results), *classic, scope));
    if (!scope.delayed_name_removal) {
      TH_RETURN_IF_ERROR(MergeEqualLabels(*classic));
    }
    return classic;
  };
  if (name == "histogram_fraction") {
    return join(HistogramFraction(scalars[0], scalars[1], block, scope),
                [&] { return NativeFraction(scalars[0], scalars[1], native, native_scope); });
  }
  // The scalar arguments of histogram_quantile begin with the first, those of histogram_quantiles with the
  // third.
  const size_t first = name == "histogram_quantiles" ? 2 : 0;
  for (size_t i = 0; i < scalars.size(); ++i) {
    AnnotateQuantiles(scalars[i], Scope(call.args[first + i]->position.start));
  }
  if (name == "histogram_quantile") {
    return join(HistogramQuantile(scalars[0], block, scope),
                [&] { return NativeQuantile(scalars[0], native, native_scope); });
  }
  const std::string label = StringArgument(*call.args[1]);
  return join(HistogramQuantiles(label, scalars, block, scope),
              [&] { return NativeQuantiles(label, scalars, native, native_scope); });
}

}  // namespace thanos::promql
