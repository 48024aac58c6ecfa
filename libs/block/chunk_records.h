#pragma once

// Chunks of consecutive series on their way into a block, made on one thread and written by another.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "block/writer.h"
#include "chunkenc/chunk.h"

namespace thanos::block {

// Not thread-safe. Keeps its memory over Clear.
class ChunkRecordBuffer {
 public:
  void Clear();
  // A chunk whose record lives elsewhere, longer than its use here.
  void AddCopy(const ChunkRecord& chunk);
  // A chunk whose record is made here. Times are inclusive milliseconds.
  void AddChunk(int64_t min_time_ms, int64_t max_time_ms, chunkenc::Encoding encoding, uint32_t num_samples,
                std::string_view data);
  // Ends a series, which consists of what was added since the last one.
  void EndSeries() { ends_.push_back(records_.size()); }

  size_t num_series() const { return ends_.size(); }
  size_t num_chunks() const { return records_.size(); }
  size_t size_bytes() const { return bytes_.size(); }
  // All chunks; views live until the next change.
  std::span<const ChunkRecord> Chunks();
  // Those of series `i`.
  std::span<const ChunkRecord> Series(size_t i);

 private:
  std::vector<ChunkRecord> records_;
  std::vector<size_t> offsets_;  // in bytes_, kElsewhere for copies
  std::vector<size_t> ends_;
  std::string bytes_;
  size_t num_resolved_ = 0;  // records whose views are right
};

}  // namespace thanos::block
