#pragma once

// A shortcut through the penalty merge. Once a replica was used for two samples in a row, the other one can
// only come into use behind the penalty, twice the last gap. While the gaps of the replica in use do not more
// than double, the samples of the other one cannot matter, whatever they are: it need not be decoded.

#include <cstddef>
#include <cstdint>

#include "chunkenc/chunk.h"

namespace thanos::dedup::internal {

// The merge of the first samples of two replicas.
struct MergeStart {
  static constexpr size_t kMaxSamples = 16;

  // False: the heads do not tell, or counters would have to be adjusted.
  bool known = false;
  bool uses_first = false;  // the first replica, and not the second, is in use at the end
  // What was emitted.
  int64_t timestamps[kMaxSamples] = {};
  double values[kMaxSamples] = {};
  size_t size = 0;
  size_t position = 0;  // behind the last emitted sample of the replica in use, at least 2
};

// `a` and `b` are the first samples of each replica, all up to some time.
MergeStart StartOfMerge(const chunkenc::SampleColumns& a, const chunkenc::SampleColumns& b,
                        bool adjust_counters);

// True when the merge stays on the replica with samples `used` from start.position on, and what another
// replica has up to `other_end_ms` is not used behind its end either.
bool StaysInUse(const chunkenc::SampleColumns& used, const MergeStart& start, int64_t other_end_ms);

}  // namespace thanos::dedup::internal
