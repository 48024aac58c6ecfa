#pragma once

#include <cstddef>
#include <cstdint>

namespace thanos::downsample::internal {

// The last timestamp of the window that `time_ms` (not negative) falls into.
constexpr int64_t WindowEnd(int64_t time_ms, int64_t resolution_ms) {
  return time_ms - time_ms % resolution_ms + resolution_ms - 1;
}

// In how many chunks a series should come: its time range at the output resolution, less what
// `num_samples` at the input resolution show to be gaps, in chunks of at most 140 windows.
size_t TargetChunkCount(int64_t min_time_ms, int64_t max_time_ms, int64_t input_resolution_ms,
                        int64_t output_resolution_ms, size_t num_samples);

}  // namespace thanos::downsample::internal
