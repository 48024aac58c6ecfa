#pragma once

#include <cstdint>
#include <vector>

#include "base/status.h"
#include "block/chunk_records.h"
#include "chunkenc/chunk.h"
#include "downsample/internal/aggregate_chunk.h"
#include "model/histogram.h"

namespace thanos::downsample::internal {

// Histograms of one series on their way into windows: raw ones, or the aggregates of smaller windows.
struct HistogramSamples {
  std::vector<int64_t> times_ms;
  std::vector<double> counts;          // of samples behind each
  std::vector<model::Histogram> sums;  // empty: as `counters`
  std::vector<model::Histogram> counters;

  void Clear();
};

// Writes the aggregates of a batch: count, sum (a gauge) and counter (resets removed; a gauge when that is
// what comes in). Histograms with a NaN sum are left out. A new chunk begins where histograms cannot be added
// (other bounds of custom buckets, gauges behind counters). `samples` are used up.
base::Status WriteHistogramBatch(HistogramSamples* samples, int64_t resolution_ms,
                                 AggregateChunkWriter* writer, block::ChunkRecordBuffer* out);

}  // namespace thanos::downsample::internal
