#pragma once

// The aggregate chunk of downsampled blocks (encoding 0xff): up to five chunks in the order count, sum, min,
// max, counter. Each part: uvarint length of the data; unless that is 0, the encoding byte and the data.

#include <array>
#include <string>
#include <string_view>

#include "base/status.h"
#include "chunkenc/chunk.h"

namespace thanos::chunkenc {

inline constexpr size_t kNumAggregates = 5;

// Encoding::kNone: the aggregate is missing.
struct AggregatePart {
  Encoding encoding = Encoding::kNone;
  std::string_view data;
};

// Indexed by order of the chunk: 0 count, 1 sum, 2 min, 3 max, 4 counter.
using AggregateParts = std::array<AggregatePart, kNumAggregates>;

// Views into `data`. DataLoss when it is not an aggregate chunk.
base::StatusOr<AggregateParts> SplitAggregateChunk(std::string_view data);

// Appends the chunk to `out`.
void JoinAggregateChunk(const AggregateParts& parts, std::string* out);

}  // namespace thanos::chunkenc
