#pragma once

#include <cstdint>
#include <span>

#include "base/status.h"
#include "block/chunk_records.h"
#include "chunkenc/aggr_chunk.h"
#include "downsample/internal/aggregate_chunk.h"

namespace thanos::downsample::internal {

// An aggregate chunk of a 5m block; times as in the index. The parts' bytes are borrowed.
struct AggregateInput {
  int64_t min_time_ms = 0;
  int64_t max_time_ms = 0;
  chunkenc::AggregateParts parts;
};

// The aggregate chunks of one series, by time and without overlaps, to chunks of larger windows. Whole chunks
// are taken together, so that the first and last raw values of their counters are kept; a window at their
// border may therefore come twice, once for each part.
base::Status DownsampleAggregates(std::span<const AggregateInput> chunks, int64_t input_resolution_ms,
                                  int64_t resolution_ms, AggregateChunkWriter* writer,
                                  block::ChunkRecordBuffer* out);

}  // namespace thanos::downsample::internal
