#pragma once

#include <cstdint>

#include "chunkenc/chunk.h"

namespace thanos::dedup {

// The penalty before there is a gap.
inline constexpr int64_t kInitialPenaltyMs = 5000;

// Appends to `out` the penalty merge of two replicas: it follows the replica in use and switches when the
// other is ahead by more than the penalty, twice the last gap between samples (5 s before there is one). Fold
// more replicas from the left. Timestamps must be strictly increasing in `a` and in `b`, and are in what is
// appended. With `adjust_counters`, floats never fall where the replica changes: a side below the last
// emitted value is lifted to it from there on; NaNs keep their bits. Histograms are moved out of `a` and `b`.
void AppendPenaltyMerge(chunkenc::SampleColumns& a, chunkenc::SampleColumns& b, bool adjust_counters,
                        chunkenc::SampleColumns* out);

}  // namespace thanos::dedup
