#pragma once

// The decoders behind DecodeChunk; private to this library. Contracts as there.

#include <cstdint>
#include <string_view>

#include "base/status.h"
#include "chunkenc/chunk.h"

namespace thanos::chunkenc::internal {

base::Status DecodeXor(std::string_view data, int64_t min_ms, int64_t max_ms, SampleColumns* out);
base::Status DecodeHistograms(bool is_float, std::string_view data, int64_t min_ms, int64_t max_ms,
                              SampleColumns* out);

}  // namespace thanos::chunkenc::internal
