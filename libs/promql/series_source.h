#pragma once

// Where the engine gets series from. The engine sees neither gRPC nor blocks nor de-duplication: the source
// hands out series in label order with encoded chunks and decodes them, de-duplicated, when asked.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/status.h"
#include "chunkenc/chunk.h"
#include "labels/matcher.h"
#include "series/series_set.h"

namespace thanos::promql {

// Times are inclusive milliseconds and already include lookback, range and offset.
struct SelectHints {
  int64_t start_ms = 0;
  int64_t end_ms = 0;
  int64_t step_ms = 0;
  int64_t range_ms = 0;  // of the enclosing range selector, else 0
  std::string function;  // innermost function or aggregation around the selector, e.g. "rate", "sum"
  bool grouping_by = false;
  std::vector<std::string> grouping_labels;
  bool skip_chunks = false;  // only labels are needed
};

// One selection: a stream of series plus their decoder.
class SelectedSeries {
 public:
  virtual ~SelectedSeries() = default;
  // As series::SeriesSet::Next, except that every label set comes exactly once. One consumer.
  virtual base::StatusOr<bool> Next(const base::CancelToken& cancel, series::SeriesBatch* batch) = 0;
  // Appends to `out` the samples of `series` with min_ms <= t <= max_ms, timestamps strictly increasing,
  // stale markers included. Thread-safe, also while Next() runs. DataLoss when a chunk is damaged.
  virtual base::Status Decode(const series::Series& series, int64_t min_ms, int64_t max_ms,
                              chunkenc::SampleColumns* out) const = 0;
};

// Thread-safe.
class SeriesSource {
 public:
  virtual ~SeriesSource() = default;
  virtual base::StatusOr<std::unique_ptr<SelectedSeries>> Select(const base::CancelToken& cancel,
                                                                 const std::vector<labels::Matcher>& matchers,
                                                                 const SelectHints& hints) = 0;
};

}  // namespace thanos::promql
