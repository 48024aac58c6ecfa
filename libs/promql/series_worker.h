#pragma once

// Evaluates a pipeline for one series after another with reused buffers: what one shard of a scan does.

#include <cstdint>
#include <string>
#include <vector>

#include "promql/annotations.h"
#include "promql/histogram/range.h"
#include "promql/scan.h"

namespace thanos::promql {

// Not thread-safe: one per shard.
class SeriesWorker {
 public:
  SeriesWorker(QueryContext& context, const Pipeline& pipeline, const SelectionReader& selected,
               SeriesSink& sink);

  base::Status Process(uint64_t position, const series::Series& series);

  const Annotations& annotations() const { return annotations_; }
  int64_t samples_decoded() const { return samples_decoded_; }
  int64_t queryable_samples() const { return queryable_samples_; }
  // Of each step; empty unless EngineOptions::per_step_stats.
  const std::vector<int64_t>& samples_per_step() const { return samples_per_step_; }

 private:
  void ApplySelector();
  // Adds what each step reads to samples_per_step_, when that is asked for.
  void CountSteps(const Windows* windows);
  base::Status ApplyToHistograms(labels::LabelSpan labels);
  base::Status ApplyRangeFunction(labels::LabelSpan labels);
  // Without the name when the pipeline drops it; valid until the next call.
  labels::LabelSpan OutputLabels(labels::LabelSpan labels);

  QueryContext& context_;  // of which only the budget is changed, which is safe from all threads
  const Pipeline& pipeline_;
  const SelectionReader& selected_;
  SeriesSink& sink_;
  int64_t min_ms_ = 0;
  int64_t max_ms_ = 0;
  chunkenc::SampleColumns columns_;
  Windows windows_;
  // Of series with native histograms only.
  HistogramSamples histogram_samples_;
  Windows histogram_windows_;
  HistogramRow histograms_;
  RangeScratch scratch_;
  base::Status failure_;  // of the range function
  std::vector<double> values_;
  std::vector<labels::LabelView> labels_;
  std::string annotated_name_;
  Annotations annotations_;
  size_t charged_ = 0;  // the longest column so far
  SampleCharge charge_;
  int64_t samples_decoded_ = 0;
  int64_t queryable_samples_ = 0;
  std::vector<int64_t> samples_per_step_;
};

// True when `metric_name` ends as counters' names do.
bool LooksLikeCounter(std::string_view metric_name);

// Annotates a series that has a name and a result of rate() or increase() (`call`), unless it is a counter by
// its name or type.
void AnnotateCounter(const QueryContext& context, labels::LabelSpan labels, const promql_parser::Call* call,
                     Annotations& annotations);

}  // namespace thanos::promql
