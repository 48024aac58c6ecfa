#pragma once

// The chunks of one series from several blocks to those of the merged block.

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "base/cancel.h"
#include "base/status.h"
#include "block/chunk_records.h"
#include "compact/block_merger.h"
#include "compact/internal/merge_input.h"
#include "index/series_decoder.h"

namespace thanos::compact::internal {

// Where a chunk comes from. Times are inclusive.
struct SourceChunk {
  uint32_t input = 0;
  uint64_t ref = 0;
  int64_t min_time_ms = 0;
  int64_t max_time_ms = 0;
  std::span<const Interval> deleted;
};

// Some consecutive series: first where they come from, then what becomes of them.
struct MergeBatch {
  struct Series {
    size_t labels_end = 0;
    size_t sources_end = 0;
  };
  std::vector<index::SymbolPair> labels;
  std::vector<SourceChunk> sources;
  std::vector<Series> series;
  block::ChunkRecordBuffer records;  // one (perhaps empty) series for each of `series`
  uint64_t num_copied = 0;
  uint64_t num_recoded = 0;

  void Clear();
  std::span<const index::SymbolPair> Labels(size_t i) const;
};

// A chunk read, its checksum verified.
struct LoadedChunk {
  uint32_t input = 0;
  int64_t min_time_ms = 0;
  int64_t max_time_ms = 0;
  chunkenc::Encoding encoding = chunkenc::Encoding::kNone;
  uint32_t num_samples = 0;
  std::string_view data;
  std::string_view record;
  bool copied = true;  // the record is that of the input
};

// Immutable, thread-safe; outlived by the inputs.
class SeriesMerger {
 public:
  SeriesMerger(std::span<const std::unique_ptr<MergeInput>> inputs, MergeFunction function)
      : inputs_(inputs), function_(function) {}

  // Fills the results of `batch`.
  base::Status Process(const base::CancelToken& cancel, MergeBatch* batch) const;

 private:
  base::Status ProcessSeries(std::span<const SourceChunk> sources, MergeBatch* batch) const;
  base::Status Load(const SourceChunk& source, std::vector<LoadedChunk>* out) const;
  base::Status LoadTrimmed(const LoadedChunk& chunk, const SourceChunk& source,
                           std::vector<LoadedChunk>* out) const;
  base::Status Emit(std::span<const LoadedChunk> cluster, MergeBatch* batch) const;
  base::Status MergeRaw(std::span<const LoadedChunk> cluster, MergeBatch* batch) const;
  base::Status Overlap(std::span<const LoadedChunk> cluster) const;

  const std::span<const std::unique_ptr<MergeInput>> inputs_;
  const MergeFunction function_;
};

}  // namespace thanos::compact::internal
