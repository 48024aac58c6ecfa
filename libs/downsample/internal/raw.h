#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/status.h"
#include "block/chunk_records.h"
#include "chunkenc/chunk.h"
#include "downsample/internal/aggregate_chunk.h"

namespace thanos::downsample::internal {

// Appends to `out` the samples of a raw chunk that downsampling looks at: no stale markers, none before 1970
// and none that goes back in time within the chunk.
base::Status ExpandChunk(chunkenc::Encoding encoding, std::string_view data, chunkenc::SampleColumns* out);

// Raw samples of one series to aggregate chunks. `samples` are of one kind, floats or histograms, by time;
// they may be changed.
base::Status DownsampleRaw(chunkenc::SampleColumns* samples, int64_t resolution_ms,
                           AggregateChunkWriter* writer, block::ChunkRecordBuffer* out);

}  // namespace thanos::downsample::internal
