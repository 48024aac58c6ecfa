#include "promql/series_worker.h"

#include <numeric>

namespace thanos::promql {

bool LooksLikeCounter(std::string_view metric_name) {
  return metric_name.ends_with("_total") || metric_name.ends_with("_sum") ||
         metric_name.ends_with("_count") || metric_name.ends_with("_bucket");
}

base::Status RejectHistograms(const chunkenc::SampleColumns& columns, labels::LabelSpan labels) {
  if (columns.histograms.empty()) [[likely]] {
    return base::OkStatus();
  }
  return base::Unimplemented("native histograms are not supported yet: series ", labels::ToString(labels));
}

SeriesWorker::SeriesWorker(const QueryContext& context, const Pipeline& pipeline,
                           const SelectedSeries& selected, SeriesSink& sink)
    : context_(context),
      pipeline_(pipeline),
      selected_(selected),
      sink_(sink),
      values_(pipeline.grid.num_steps) {
  const int64_t window_ms = pipeline.range_ms != 0 ? pipeline.range_ms : context.lookback_ms;
  min_ms_ = pipeline.times.start_ms - window_ms + 1;
  max_ms_ = pipeline.times.LastMs();
}

base::Status SeriesWorker::Process(uint64_t position, const series::Series& series) {
  columns_.Clear();
  TH_RETURN_IF_ERROR(selected_.Decode(series, min_ms_, max_ms_, &columns_));
  TH_RETURN_IF_ERROR(RejectHistograms(columns_, series.labels));
  if (columns_.empty()) {
    return base::OkStatus();
  }
  samples_decoded_ += static_cast<int64_t>(columns_.size());
  if (pipeline_.range_ms != 0) {
    ApplyRangeFunction(series.labels);
  } else {
    ApplySelector();
  }
  if (!AnyPresent(values_)) {
    return base::OkStatus();
  }
  for (const Stage& stage : pipeline_.stages) {
    stage.kernel({.scalars = stage.scalars, .values = values_});
  }
  if (!pipeline_.stages.empty() && !AnyPresent(values_)) {
    return base::OkStatus();
  }
  return sink_.Add(position, OutputLabels(series.labels), values_);
}

void SeriesWorker::ApplySelector() {
  const size_t found =
      pipeline_.sample_times
          ? FillInstantTimestamps(columns_.timestamps, columns_.values, pipeline_.times, context_.lookback_ms,
                                  values_)
          : FillInstant(columns_.timestamps, columns_.values, pipeline_.times, context_.lookback_ms, values_);
  queryable_samples_ += static_cast<int64_t>(found);
}

void SeriesWorker::ApplyRangeFunction(labels::LabelSpan labels) {
  RemoveStaleMarkers(columns_.timestamps, columns_.values);
  windows_.Compute(columns_.timestamps, pipeline_.times, pipeline_.range_ms);
  for (size_t step = 0; step < values_.size(); ++step) {
    queryable_samples_ += windows_.high[step] - windows_.low[step];
  }
  pipeline_.function->range({.timestamps = columns_.timestamps,
                             .values = columns_.values,
                             .windows = windows_,
                             .times = pipeline_.times,
                             .range_ms = pipeline_.range_ms,
                             .grid = pipeline_.grid,
                             .scalars = pipeline_.scalars,
                             .annotations = &annotations_,
                             .scratch = &scratch_},
                            values_);
  if (pipeline_.function->expects_counter) {
    const std::string_view name = labels::Get(labels, labels::kMetricName);
    if (!name.empty() && name != annotated_name_ && !LooksLikeCounter(name) && AnyPresent(values_)) {
      annotated_name_ = name;
      annotations_.PossibleNonCounter(name);
    }
  }
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
