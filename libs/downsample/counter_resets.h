#pragma once

#include <cstddef>
#include <cstdint>

#include "chunkenc/chunk.h"

namespace thanos::downsample {

// Counter aggregates of one series, chunk by chunk, to a counter that never falls. Each such chunk begins
// with the first raw sample of its time and ends with the last raw value at the timestamp before it, which
// the next chunk is compared with.
class CounterResets {
 public:
  // Rewrites the samples behind the first `start` of `columns`, which are one chunk: NaNs, samples that do
  // not go forward in time and the trailing raw value are removed. Only floats.
  void Process(size_t start, chunkenc::SampleColumns* columns);
  // The last raw value seen.
  double last_value() const { return last_value_; }

 private:
  bool started_ = false;
  int64_t last_time_ = 0;
  double last_value_ = 0;
  double total_ = 0;
};

}  // namespace thanos::downsample
