#include "block/reader.h"

#include <utility>

#include "chunkenc/column_decoder.h"
#include "index/mapped_file.h"

namespace thanos::block {

BlockReader::BlockReader(Meta meta, std::unique_ptr<index::Reader> index, ChunkReader chunks)
    : meta_(std::move(meta)), index_(std::move(index)), chunks_(std::move(chunks)) {}

base::StatusOr<std::unique_ptr<BlockReader>> BlockReader::Open(const std::string& directory) {
  TH_ASSIGN_OR_RETURN(Meta meta, ReadMetaFile(directory));
  const std::string name = meta.ulid.ToString();
  auto bytes = index::MapFile(base::Concat(directory, "/", kIndexFileName));
  if (!bytes.ok()) {
    return base::Annotate(bytes.status(), "block ", name);
  }
  auto index = index::Reader::Open(*std::move(bytes));
  if (!index.ok()) {
    return base::Annotate(index.status(), "block ", name, " index");
  }
  TH_ASSIGN_OR_RETURN(ChunkReader chunks,
                      ChunkReader::Open(base::Concat(directory, "/", kChunksDirectory), name));
  return std::unique_ptr<BlockReader>(new BlockReader(std::move(meta), *std::move(index), std::move(chunks)));
}

base::Status VerifyBlock(const BlockReader& block) {
  const std::string name = block.meta().ulid.ToString();
  const auto refs = block.index().AllPostings();
  if (!refs.ok()) {
    return base::Annotate(refs.status(), "block ", name, " index");
  }
  BlockStats stats;
  index::IndexSeries series;
  for (const index::SeriesRef ref : *refs) {
    if (const base::Status status = block.index().Series(ref, &series); !status.ok()) {
      return base::Annotate(status, "block ", name, " index");
    }
    ++stats.num_series;
    for (const index::ChunkMeta& meta : series.chunks) {
      TH_ASSIGN_OR_RETURN(const EncodedChunk chunk, block.chunks().Read(meta.ref));
      TH_ASSIGN_OR_RETURN(const int num_samples, chunkenc::NumSamples(chunk.encoding, chunk.data));
      stats.num_samples += static_cast<uint64_t>(num_samples);
      ++stats.num_chunks;
    }
  }
  const BlockStats& wanted = block.meta().stats;
  if (stats.num_series != wanted.num_series || stats.num_chunks != wanted.num_chunks) {
    return base::DataLoss("block ", name, ": meta.json counts ", wanted.num_series, " series and ",
                          wanted.num_chunks, " chunks, the index ", stats.num_series, " and ",
                          stats.num_chunks);
  }
  return base::OkStatus();
}

}  // namespace thanos::block
