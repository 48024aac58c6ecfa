#pragma once

#include "chunkenc/chunk.h"

namespace thanos::dedup {

// Appends to `out` the union of `a` and `b` by timestamp; where both have a sample, that of `a` wins.
// Timestamps must be strictly increasing in both. Histograms are moved out of `a` and `b`.
void AppendChainMerge(chunkenc::SampleColumns& a, chunkenc::SampleColumns& b, chunkenc::SampleColumns* out);

}  // namespace thanos::dedup
