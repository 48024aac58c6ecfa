#pragma once

#include <span>

#include "base/status.h"
#include "block/chunk_records.h"
#include "compact/block_merger.h"
#include "compact/internal/merge_series.h"

namespace thanos::compact::internal {

// Merges aggregate chunks that overlap. They are dealt into lanes like raw chunks of replicas; `function`
// chooses a lane for each window by the counts' timestamps, and all aggregates of the window come from that
// lane, so that they belong together. Counters run without resets and do not fall where the lane changes.
// DataLoss: a chunk's aggregates do not fit each other. Results are chunks of at most 120 windows.
base::Status MergeAggregates(std::span<const LoadedChunk> cluster, MergeFunction function,
                             block::ChunkRecordBuffer* out);

}  // namespace thanos::compact::internal
