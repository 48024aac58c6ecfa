#pragma once

// Evaluates a pipeline for one series after another with reused buffers: what one shard of a scan does.

#include <cstdint>
#include <string>
#include <vector>

#include "promql/annotations.h"
#include "promql/scan.h"

namespace thanos::promql {

// Not thread-safe: one per shard.
class SeriesWorker {
 public:
  SeriesWorker(const QueryContext& context, const Pipeline& pipeline, const SelectedSeries& selected,
               SeriesSink& sink);

  base::Status Process(uint64_t position, const series::Series& series);

  const Annotations& annotations() const { return annotations_; }
  int64_t samples_decoded() const { return samples_decoded_; }
  int64_t queryable_samples() const { return queryable_samples_; }

 private:
  void ApplySelector();
  void ApplyRangeFunction(labels::LabelSpan labels);
  // Without the name when the pipeline drops it; valid until the next call.
  labels::LabelSpan OutputLabels(labels::LabelSpan labels);

  const QueryContext& context_;
  const Pipeline& pipeline_;
  const SelectedSeries& selected_;
  SeriesSink& sink_;
  int64_t min_ms_ = 0;
  int64_t max_ms_ = 0;
  chunkenc::SampleColumns columns_;
  Windows windows_;
  RangeScratch scratch_;
  std::vector<double> values_;
  std::vector<labels::LabelView> labels_;
  std::string annotated_name_;
  Annotations annotations_;
  int64_t samples_decoded_ = 0;
  int64_t queryable_samples_ = 0;
};

// True when `metric_name` ends as counters' names do.
bool LooksLikeCounter(std::string_view metric_name);

// Unimplemented when `columns` holds native histograms of `labels`.
base::Status RejectHistograms(const chunkenc::SampleColumns& columns, labels::LabelSpan labels);

}  // namespace thanos::promql
