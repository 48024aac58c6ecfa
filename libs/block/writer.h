#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "block/chunk_writer.h"
#include "block/meta.h"
#include "chunkenc/chunk.h"
#include "index/writer.h"
#include "labels/labels.h"

namespace thanos::block {

// A chunk to be written; both times are inclusive milliseconds.
struct ChunkToWrite {
  int64_t min_time_ms = 0;
  int64_t max_time_ms = 0;
  chunkenc::Encoding encoding = chunkenc::Encoding::kNone;
  std::string_view data;
};

// A chunk as it stands in a segment (see ChunkWriter::WriteRecord), with what the index and the statistics
// want to know of it.
struct ChunkRecord {
  int64_t min_time_ms = 0;
  int64_t max_time_ms = 0;
  chunkenc::Encoding encoding = chunkenc::Encoding::kNone;
  uint32_t num_samples = 0;
  uint32_t data_bytes = 0;  // of the chunk's data alone
  std::string_view record;
};

struct BlockWriterOptions {
  ChunkWriterOptions chunks;
  index::WriterOptions index;
};

// Writes one block in one pass: all symbols, all series, Finish. The block appears as `<parent>/<ULID>` when
// it is complete and synced; until then it is `<parent>/<ULID>.tmp-for-creation`, removed by the destructor.
// Not thread-safe.
class BlockWriter {
 public:
  // `parent` must exist. AlreadyExists: there is such a block.
  static base::StatusOr<std::unique_ptr<BlockWriter>> Create(const std::string& parent,
                                                             const model::Ulid& ulid,
                                                             const BlockWriterOptions& options = {});
  ~BlockWriter();
  BlockWriter(const BlockWriter&) = delete;
  BlockWriter& operator=(const BlockWriter&) = delete;

  // Strictly ascending; see index::Writer.
  base::Status AddSymbol(std::string_view symbol) { return index_->AddSymbol(symbol); }
  // Series ascend by labels, chunks by time.
  base::Status AddSeries(labels::LabelSpan labels, std::span<const ChunkToWrite> chunks);
  // The fast form for many series, see index::Writer: symbols are not copied, series name them by ordinal.
  base::Status SetSymbols(std::span<const std::string_view> symbols) { return index_->SetSymbols(symbols); }
  base::Status AddSeries(std::span<const index::SymbolPair> labels, std::span<const ChunkRecord> chunks);
  // Writes meta.json from `meta`, with its ULID, statistics and (if there is a Thanos section) index_stats
  // and segment_files replaced by what was written, and puts the block in its place. Returns that meta.
  // With kKeepKinds the numbers of float and histogram samples and of tombstones stay as given.
  enum class Statistics { kReplace, kKeepKinds };
  base::StatusOr<Meta> Finish(Meta meta, Statistics statistics = Statistics::kReplace);

  const BlockStats& stats() const { return stats_; }

 private:
  BlockWriter(std::string parent, const model::Ulid& ulid);
  void CountChunk(chunkenc::Encoding encoding, uint64_t num_samples, size_t data_bytes);

  const std::string parent_;
  const model::Ulid ulid_;
  const std::string temporary_;
  bool finished_ = false;
  std::unique_ptr<ChunkWriter> chunks_;
  std::unique_ptr<index::Writer> index_;
  BlockStats stats_;
  int64_t max_chunk_bytes_ = 0;
  std::vector<index::ChunkMeta> chunk_metas_;
};

// The files of the block in `directory` as a Thanos section lists them: by path, with sizes, meta.json last
// and without size. Tombstones and markers are no part of it.
base::StatusOr<std::vector<BlockFile>> ListBlockFiles(const std::string& directory);

}  // namespace thanos::block
