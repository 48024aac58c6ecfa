#include "promql/series_worker.h"

#include <numeric>

namespace thanos::promql {

bool LooksLikeCounter(std::string_view metric_name) {
  return metric_name.ends_with("_total") || metric_name.ends_with("_sum") ||
         metric_name.ends_with("_count") || metric_name.ends_with("_bucket");
}

void AnnotateCounter(const QueryContext& context, labels::LabelSpan labels, const promql_parser::Call* call,
                     Annotations& annotations) {
  const std::string_view name = labels::Get(labels, labels::kMetricName);
  // A subquery is a series of its own, at no place in the text: Prometheus says it is the beginning.
  const bool subquery =
      call != nullptr && promql_parser::Unparen(*call->args[0]).kind() == promql_parser::ExprKind::kSubquery;
  const int position = call == nullptr ? kNoPosition : subquery ? 0 : call->args[0]->position.start;
  if (context.options.type_and_unit_labels) {
    const std::string_view type = labels::Get(labels, "__type__");
    if (type != "counter" && type != "histogram") {
      annotations.PossibleNonCounterType(name, type, position);
    }
  } else if (!LooksLikeCounter(name)) {
    annotations.PossibleNonCounter(name, position);
  }
}

SeriesWorker::SeriesWorker(QueryContext& context, const Pipeline& pipeline, const SelectionReader& selected,
                           SeriesSink& sink)
    : context_(context),
      pipeline_(pipeline),
      selected_(selected),
      sink_(sink),
      values_(pipeline.grid.num_steps) {
  const int64_t window_ms = pipeline.range_ms != 0 ? pipeline.range_ms : context.lookback_ms;
  min_ms_ = pipeline.times.start_ms - window_ms - pipeline.before_ms + 1;
  max_ms_ = pipeline.times.LastMs() + pipeline.after_ms;
}

base::Status SeriesWorker::Process(uint64_t position, const series::Series& series) {
  columns_.Clear();
  TH_RETURN_IF_ERROR(selected_.Decode(series, min_ms_, max_ms_, &columns_));
  if (columns_.empty()) {
    return base::OkStatus();
  }
  if (columns_.size() > charged_) {
    TH_RETURN_IF_ERROR(charge_.Add(context_.budget, static_cast<int64_t>(columns_.size() - charged_)));
    charged_ = columns_.size();
  }
  samples_decoded_ += static_cast<int64_t>(columns_.size());
  histograms_.clear();
  histogram_samples_.Clear();
  if (!columns_.histograms.empty()) [[unlikely]] {
    TH_RETURN_IF_ERROR(ApplyToHistograms(series.labels));
  } else if (pipeline_.range_ms != 0) {
    TH_RETURN_IF_ERROR(ApplyRangeFunction(series.labels));
  } else {
    ApplySelector();
  }
  if (pipeline_.range_ms == 0) {
    CountSteps(nullptr);
  }
  if (!AnyPresent(values_) && histograms_.empty()) {
    return base::OkStatus();
  }
  for (const Stage& stage : pipeline_.stages) {
    stage.kernel({.scalars = stage.scalars, .values = values_});
    ApplyHistogramStep(stage.histograms, stage.scalars, values_, histograms_, annotations_);
  }
  if (!pipeline_.stages.empty() && !AnyPresent(values_) && histograms_.empty()) {
    return base::OkStatus();
  }
  return sink_.Add(position, OutputLabels(series.labels), values_, histograms_);
}

base::Status SeriesWorker::ApplyToHistograms(labels::LabelSpan labels) {
  if (pipeline_.window_mode != promql_parser::WindowMode::kPlain) {
    return base::FailedPrecondition("smoothed and anchored modifiers do not work with native histograms");
  }
  if (pipeline_.range_ms != 0) {
    SplitHistograms(columns_, &histogram_samples_);
    TH_RETURN_IF_ERROR(ApplyRangeFunction(labels));
  } else if (pipeline_.sample_times) {
    MarkHistogramsPresent(columns_);
    ApplySelector();
  } else {
    histograms_.resize(values_.size());
    queryable_samples_ += static_cast<int64_t>(
        FillInstantMixed(columns_, pipeline_.times, context_.lookback_ms, values_, histograms_));
    if (!AnyPresent(histograms_)) {
      histograms_.clear();
    }
  }
  return base::OkStatus();
}

void SeriesWorker::ApplySelector() {
  if (pipeline_.window_mode == promql_parser::WindowMode::kSmoothed) {
    RemoveStaleMarkers(columns_.timestamps, columns_.values);
    queryable_samples_ += static_cast<int64_t>(
        FillSmoothed(columns_.timestamps, columns_.values, pipeline_.times, context_.lookback_ms, values_));
    return;
  }
  const size_t found =
      pipeline_.sample_times
          ? FillInstantTimestamps(columns_.timestamps, columns_.values, pipeline_.times, context_.lookback_ms,
                                  values_)
          : FillInstant(columns_.timestamps, columns_.values, pipeline_.times, context_.lookback_ms, values_);
  queryable_samples_ += static_cast<int64_t>(found);
}

void SeriesWorker::CountSteps(const Windows* windows) {
  if (!context_.options.per_step_stats) [[likely]] {
    return;
  }
  samples_per_step_.resize(values_.size(), 0);
  for (size_t step = 0; step < values_.size(); ++step) {
    const bool present = IsPresent(values_[step]) || HistogramAt(histograms_, step) != nullptr;
    samples_per_step_[step] += windows == nullptr ? present : windows->high[step] - windows->low[step];
  }
}

base::Status SeriesWorker::ApplyRangeFunction(labels::LabelSpan labels) {
  RemoveStaleMarkers(columns_.timestamps, columns_.values);
  windows_.Compute(columns_.timestamps, pipeline_.times, pipeline_.range_ms);
  for (size_t step = 0; step < values_.size(); ++step) {
    queryable_samples_ += windows_.high[step] - windows_.low[step];
  }
  CountSteps(&windows_);
  const RangeInput input{.timestamps = columns_.timestamps,
                         .values = columns_.values,
                         .windows = windows_,
                         .times = pipeline_.times,
                         .range_ms = pipeline_.range_ms,
                         .grid = pipeline_.grid,
                         .scalars = pipeline_.scalars,
                         .annotations = &annotations_,
                         .scratch = &scratch_,
                         .before_ms = pipeline_.before_ms,
                         .after_ms = pipeline_.after_ms,
                         .call = pipeline_.call,
                         .failure = &failure_,
                         .cancel = &context_.cancel};
  pipeline_.kernel(input, values_);
  TH_RETURN_IF_ERROR(failure_);
  if (!histogram_samples_.timestamps.empty()) [[unlikely]] {
    histogram_windows_.Compute(histogram_samples_.timestamps, pipeline_.times, pipeline_.range_ms);
    for (size_t step = 0; step < values_.size(); ++step) {
      queryable_samples_ += histogram_windows_.high[step] - histogram_windows_.low[step];
    }
    CountSteps(&histogram_windows_);
    ApplyHistogramRange({.function = pipeline_.function->name,
                         .floats = input,
                         .histograms = histogram_samples_,
                         .windows = histogram_windows_,
                         .metric_name = labels::Get(labels, labels::kMetricName),
                         .position = input.call == nullptr ? kNoPosition : input.ArgumentPosition(0)},
                        values_, histograms_);
  }
  if (pipeline_.function->expects_counter) {
    const std::string_view name = labels::Get(labels, labels::kMetricName);
    if (!name.empty() && name != annotated_name_ && AnyPresent(values_)) {
      annotated_name_ = context_.options.type_and_unit_labels ? std::string_view() : name;
      AnnotateCounter(context_, labels, pipeline_.call, annotations_);
    }
  }
  return base::OkStatus();
}

labels::LabelSpan SeriesWorker::OutputLabels(labels::LabelSpan labels) {
  if (!pipeline_.drop_name) {
    return labels;
  }
  labels_.clear();
  for (const labels::LabelView& label : labels) {
    if (!IsReserved(label.name)) {
      labels_.push_back(label);
    }
  }
  return labels_;
}

}  // namespace thanos::promql
