#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "block/chunk_reader.h"
#include "block/meta.h"
#include "index/reader.h"

namespace thanos::block {

// A whole local block, memory-mapped. Immutable, thread-safe; views live as long as the reader.
class BlockReader {
 public:
  // Errors name the block.
  static base::StatusOr<std::unique_ptr<BlockReader>> Open(const std::string& directory);

  const Meta& meta() const { return meta_; }
  const index::Reader& index() const { return *index_; }
  const ChunkReader& chunks() const { return chunks_; }

 private:
  BlockReader(Meta meta, std::unique_ptr<index::Reader> index, ChunkReader chunks);
  const Meta meta_;
  const std::unique_ptr<index::Reader> index_;
  const ChunkReader chunks_;
};

// Reads everything once: postings, series, chunks with their checksums, samples counts against `meta`. OK, or
// DataLoss naming the first damage.
base::Status VerifyBlock(const BlockReader& block);

}  // namespace thanos::block
