#pragma once

#include "block/chunk_records.h"
#include "chunkenc/chunk.h"

namespace thanos::compact::internal {

// Encodes samples as Prometheus' compaction does: a chunk for every 120 samples, and a new one where the kind
// of sample changes or a histogram does not continue its predecessor. Histograms whose chunk begins here say
// "unknown" about a reset before them unless they are a reset or gauges. Timestamps must ascend.
void EncodeSamples(const chunkenc::SampleColumns& samples, block::ChunkRecordBuffer* out);

}  // namespace thanos::compact::internal
