#pragma once

// Chunk bytes to columns. The bytes are untrusted.

#include <cstdint>
#include <string_view>

#include "base/status.h"
#include "chunkenc/chunk.h"

namespace thanos::chunkenc {

// Appends to `out` the samples of the chunk with min_ms <= t <= max_ms (inclusive), in the chunk's order, and
// stops reading behind max_ms. `data` is the payload of a chunk: no length, encoding byte or checksum.
// DataLoss: the bytes are damaged or end early; InvalidArgument: `encoding` is kNone, kAggregate (split it
// first, see aggr_chunk.h) or unknown. `out` is then as before. Damage behind max_ms goes unnoticed.
// Thread-safe; costs no allocation beyond the growth of `out` for float chunks.
base::Status DecodeChunk(Encoding encoding, std::string_view data, int64_t min_ms, int64_t max_ms,
                         SampleColumns* out);

// The number of samples the header claims (for an aggregate chunk that of its count, else of the first
// aggregate present). DataLoss when there is no header.
base::StatusOr<int> NumSamples(Encoding encoding, std::string_view data);

}  // namespace thanos::chunkenc
