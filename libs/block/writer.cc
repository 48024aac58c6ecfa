#include "block/writer.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

#include "block/chunk_reader.h"
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

void BlockWriter::CountChunk(chunkenc::Encoding encoding, uint64_t num_samples, size_t data_bytes) {
  stats_.num_samples += num_samples;
  if (encoding == chunkenc::Encoding::kXor) {
    stats_.num_float_samples += num_samples;
  } else if (encoding != chunkenc::Encoding::kAggregate) {
    stats_.num_histogram_samples += num_samples;
  }
  max_chunk_bytes_ = std::max(max_chunk_bytes_, static_cast<int64_t>(data_bytes));
}

base::Status BlockWriter::AddSeries(labels::LabelSpan labels, std::span<const ChunkToWrite> chunks) {
  chunk_metas_.clear();
  chunks_->BeginSeries();
  for (const ChunkToWrite& chunk : chunks) {
    TH_ASSIGN_OR_RETURN(const int num_samples, chunkenc::NumSamples(chunk.encoding, chunk.data));
    TH_ASSIGN_OR_RETURN(const uint64_t ref, chunks_->Write(chunk.encoding, chunk.data));
    chunk_metas_.push_back({ref, chunk.min_time_ms, chunk.max_time_ms});
    CountChunk(chunk.encoding, static_cast<uint64_t>(num_samples), chunk.data.size());
  }
  TH_RETURN_IF_ERROR(index_->AddSeries(labels, chunk_metas_));
  ++stats_.num_series;
  stats_.num_chunks += chunks.size();
  return base::OkStatus();
}

base::Status BlockWriter::AddSeries(std::span<const index::SymbolPair> labels,
                                    std::span<const ChunkRecord> chunks) {
  chunk_metas_.clear();
  chunks_->BeginSeries();
  for (const ChunkRecord& chunk : chunks) {
    TH_ASSIGN_OR_RETURN(const uint64_t ref, chunks_->WriteRecord(chunk.record));
    chunk_metas_.push_back({ref, chunk.min_time_ms, chunk.max_time_ms});
    CountChunk(chunk.encoding, chunk.num_samples, chunk.data_bytes);
  }
  TH_RETURN_IF_ERROR(index_->AddSeries(labels, chunk_metas_));
  ++stats_.num_series;
  stats_.num_chunks += chunks.size();
  return base::OkStatus();
}

base::StatusOr<Meta> BlockWriter::Finish(Meta meta, Statistics statistics) {
  TH_RETURN_IF_ERROR(chunks_->Finish());
  TH_RETURN_IF_ERROR(index_->Finish());
  meta.ulid = ulid_;
  const BlockStats given = std::exchange(meta.stats, stats_);
  if (statistics == Statistics::kKeepKinds) {
    meta.stats.num_float_samples = given.num_float_samples;
    meta.stats.num_histogram_samples = given.num_histogram_samples;
    meta.stats.num_tombstones = given.num_tombstones;
  }
  if (meta.thanos) {
    meta.thanos->series_max_bytes = static_cast<int64_t>(index_->max_series_bytes());
    meta.thanos->chunk_max_bytes = max_chunk_bytes_;
    meta.thanos->segment_files.clear();
    for (uint32_t segment = 0; segment < chunks_->num_segments(); ++segment) {
      meta.thanos->segment_files.push_back(SegmentFileName(segment));
    }
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

base::StatusOr<std::vector<BlockFile>> ListBlockFiles(const std::string& directory) {
  std::vector<BlockFile> files;
  struct stat status {};
  for (uint32_t segment = 0;; ++segment) {
    BlockFile file;
    file.rel_path = base::Concat(kChunksDirectory, "/", SegmentFileName(segment));
    if (stat(base::Concat(directory, "/", file.rel_path).c_str(), &status) != 0) {
      break;
    }
    file.size_bytes = status.st_size;
    files.push_back(std::move(file));
  }
  BlockFile index;
  index.rel_path = kIndexFileName;
  if (stat(base::Concat(directory, "/", kIndexFileName).c_str(), &status) != 0) {
    return base::ErrnoStatus(errno, base::Concat("index of block in ", directory));
  }
  index.size_bytes = status.st_size;
  files.push_back(std::move(index));
  BlockFile meta;
  meta.rel_path = kMetaFileName;
  files.push_back(std::move(meta));
  return files;
}

}  // namespace thanos::block
