#include "block/writer.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <unistd.h>
#include <utility>

#include "block/internal/local_files.h"
#include "chunkenc/column_decoder.h"

namespace thanos::block {

BlockWriter::BlockWriter(std::string parent, const model::Ulid& ulid)
    : parent_(std::move(parent)),
      ulid_(ulid),
      temporary_(base::Concat(parent_, "/", ulid.ToString(), ".tmp-for-creation")) {}

BlockWriter::~BlockWriter() {
  chunks_.reset();
  index_.reset();
  if (!finished_) {
    (void)internal::RemoveTree(
        temporary_);  // left-overs are ignored by readers and removed by the next writer
  }
}

base::StatusOr<std::unique_ptr<BlockWriter>> BlockWriter::Create(const std::string& parent,
                                                                 const model::Ulid& ulid,
                                                                 const BlockWriterOptions& options) {
  std::unique_ptr<BlockWriter> writer(new BlockWriter(parent, ulid));
  if (access(base::Concat(parent, "/", ulid.ToString()).c_str(), F_OK) == 0) {
    writer->finished_ = true;
    return base::AlreadyExists("block ", ulid.ToString(), " exists in ", parent);
  }
  TH_RETURN_IF_ERROR(internal::RemoveTree(writer->temporary_));
  TH_RETURN_IF_ERROR(internal::MakeDirectories(writer->temporary_));
  TH_ASSIGN_OR_RETURN(
      writer->chunks_,
      ChunkWriter::Create(base::Concat(writer->temporary_, "/", kChunksDirectory), options.chunks));
  TH_ASSIGN_OR_RETURN(
      writer->index_,
      index::Writer::Create(base::Concat(writer->temporary_, "/", kIndexFileName), options.index));
  return writer;
}

base::Status BlockWriter::AddSeries(labels::LabelSpan labels, std::span<const ChunkToWrite> chunks) {
  chunk_metas_.clear();
  for (const ChunkToWrite& chunk : chunks) {
    TH_ASSIGN_OR_RETURN(const int num_samples, chunkenc::NumSamples(chunk.encoding, chunk.data));
    TH_ASSIGN_OR_RETURN(const uint64_t ref, chunks_->Write(chunk.encoding, chunk.data));
    chunk_metas_.push_back({ref, chunk.min_time_ms, chunk.max_time_ms});
    const auto count = static_cast<uint64_t>(num_samples);
    stats_.num_samples += count;
    if (chunk.encoding == chunkenc::Encoding::kXor) {
      stats_.num_float_samples += count;
    } else if (chunk.encoding != chunkenc::Encoding::kAggregate) {
      stats_.num_histogram_samples += count;
    }
    max_chunk_bytes_ = std::max(max_chunk_bytes_, static_cast<int64_t>(chunk.data.size()));
  }
  TH_RETURN_IF_ERROR(index_->AddSeries(labels, chunk_metas_));
  ++stats_.num_series;
  stats_.num_chunks += chunks.size();
  return base::OkStatus();
}

base::StatusOr<Meta> BlockWriter::Finish(Meta meta) {
  TH_RETURN_IF_ERROR(chunks_->Finish());
  TH_RETURN_IF_ERROR(index_->Finish());
  meta.ulid = ulid_;
  meta.stats = stats_;
  if (meta.thanos) {
    meta.thanos->series_max_bytes = static_cast<int64_t>(index_->max_series_bytes());
    meta.thanos->chunk_max_bytes = max_chunk_bytes_;
  }
  TH_RETURN_IF_ERROR(WriteMetaFile(temporary_, meta));
  TH_RETURN_IF_ERROR(internal::SyncDirectory(temporary_));
  const std::string final_path = base::Concat(parent_, "/", ulid_.ToString());
  if (rename(temporary_.c_str(), final_path.c_str()) != 0) {
    return base::ErrnoStatus(errno, base::Concat("rename to ", final_path));
  }
  finished_ = true;
  TH_RETURN_IF_ERROR(internal::SyncDirectory(parent_));
  return meta;
}

}  // namespace thanos::block
