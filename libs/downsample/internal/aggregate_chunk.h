#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"
#include "block/chunk_records.h"
#include "chunkenc/aggr_chunk.h"
#include "chunkenc/appender.h"
#include "model/histogram.h"

namespace thanos::downsample::internal {

enum Part : size_t { kCount = 0, kSum = 1, kMin = 2, kMax = 3, kCounter = 4 };

// What one window's samples come to.
struct Window {
  int64_t time_ms = 0;
  uint64_t count = 0;
  double sum = 0;
  double min = 0;
  double max = 0;
  double counter = 0;
};

// Builds aggregate chunks one after the other. Keeps its memory. Not thread-safe.
class AggregateChunkWriter {
 public:
  // One aggregate of one window. Windows of an aggregate ascend.
  void Add(Part part, int64_t time_ms, double value) {
    if (floats_[part].num_samples() == chunkenc::kMaxSamplesPerChunk) [[unlikely]] {
      is_full_ = true;
      return;
    }
    floats_[part].Append(time_ms, value);
    used_[part] = true;
  }
  void AddWindow(const Window& window);
  // A histogram aggregate (kSum or kCounter).
  void AddHistogram(Part part, int64_t time_ms, model::Histogram value);
  // Number of windows of the count aggregate.
  int num_windows() const { return floats_[kCount].num_samples(); }

  // Forgets what was added, after an error.
  void Reset();

  // Puts the chunk into `out` and starts an empty one; without any windows it does nothing. The times are
  // those of the index. DataLoss: its histograms do not fit one chunk, or there are too many windows.
  base::Status Finish(int64_t min_time_ms, int64_t max_time_ms, block::ChunkRecordBuffer* out);

 private:
  struct Histograms {
    std::vector<int64_t> times_ms;
    std::vector<model::Histogram> values;
  };
  std::array<chunkenc::XorAppender, chunkenc::kNumAggregates> floats_;
  std::array<Histograms, chunkenc::kNumAggregates> histograms_;
  std::array<bool, chunkenc::kNumAggregates> used_{};
  bool is_full_ = false;
  std::array<std::string, chunkenc::kNumAggregates> bytes_;
  std::string data_;
};

}  // namespace thanos::downsample::internal
