#pragma once

// Pieces of sample columns, private to this library.

#include <cstddef>
#include <cstdint>

#include "chunkenc/chunk.h"

namespace thanos::dedup::internal {

// Reads one input of a merge from its front.
struct Input {
  explicit Input(chunkenc::SampleColumns& columns)
      : timestamps(columns.timestamps.data()),
        values(columns.values.data()),
        size(columns.size()),
        histogram(columns.histograms.data()),
        histograms_end(columns.histograms.data() + columns.histograms.size()) {}

  bool done() const { return position == size; }
  int64_t timestamp() const { return timestamps[position]; }
  // Whether the current sample is a histogram. Positions must not go backwards.
  bool AtHistogram() {
    while (histogram != histograms_end && histogram->index < position) {
      ++histogram;
    }
    return histogram != histograms_end && histogram->index == position;
  }

  const int64_t* timestamps;
  const double* values;
  size_t size;
  size_t position = 0;
  chunkenc::SampleColumns::HistogramAt* histogram;
  chunkenc::SampleColumns::HistogramAt* histograms_end;
};

// For a histogram that does not follow the sample its hint was made for: a counter's becomes unknown.
void ForgetResetHint(model::Histogram* histogram);

// Appends samples [first, source.size()) of `source`; moves histograms.
void AppendFrom(chunkenc::SampleColumns& source, size_t first, chunkenc::SampleColumns* out);

// Removes, behind the first `start` samples, those outside [min_ms, max_ms]. Timestamps there must be
// increasing.
void KeepRange(size_t start, int64_t min_ms, int64_t max_ms, chunkenc::SampleColumns* columns);

// Removes, behind the first `start` samples, those not later than their predecessors behind `start`.
void KeepIncreasing(size_t start, chunkenc::SampleColumns* columns);

// Cuts everything behind the first `size` samples.
void Truncate(size_t size, chunkenc::SampleColumns* columns);

}  // namespace thanos::dedup::internal
