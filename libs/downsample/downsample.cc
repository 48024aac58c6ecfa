#include "downsample/downsample.h"

#include <algorithm>
#include <deque>
#include <memory>
#include <span>
#include <utility>

#include "block/chunk_records.h"
#include "block/reader.h"
#include "block/writer.h"
#include "concurrency/ordered_batches.h"
#include "downsample/internal/aggregate_chunk.h"
#include "downsample/internal/aggregates.h"
#include "downsample/internal/raw.h"

namespace thanos::downsample {
namespace {

using chunkenc::Encoding;
using chunkenc::SampleColumns;
using internal::AggregateInput;

// A batch has about this much encoded input, but whole series.
constexpr uint64_t kBatchInputBytes = uint64_t{256} << 10;
constexpr size_t kBatchSeries = 512;

struct Batch {
  struct Series {
    size_t labels_end = 0;
    size_t chunks_end = 0;
  };
  std::vector<index::SymbolPair> labels;
  std::vector<index::ChunkMeta> chunks;
  std::vector<Series> series;
  block::ChunkRecordBuffer records;

  void Clear() {
    labels.clear();
    chunks.clear();
    series.clear();
    records.Clear();
  }
};

// What one thread needs to work on a series.
struct Scratch {
  SampleColumns samples;
  internal::AggregateChunkWriter writer;
  std::vector<AggregateInput> aggregates;
  // Of chunks of a 5m block that are not aggregated.
  std::deque<block::ChunkRecordBuffer> repaired;
};

bool HoldsHistograms(Encoding encoding) {
  return encoding == Encoding::kHistogram || encoding == Encoding::kFloatHistogram;
}

class Downsampling {
 public:
  Downsampling(std::unique_ptr<block::BlockReader> block, int64_t resolution_ms,
               const DownsampleOptions& options)
      : block_(std::move(block)), resolution_ms_(resolution_ms), options_(options) {}

  base::StatusOr<DownsampleResult> Run(const base::CancelToken& cancel, const std::string& out_parent);

 private:
  base::StatusOr<bool> Produce(Batch* batch);
  base::Status Process(const base::CancelToken& cancel, Batch* batch) const;
  base::Status Consume(Batch* batch);
  base::Status Raw(std::span<const index::ChunkMeta> chunks, Scratch& scratch, Batch* batch) const;
  base::Status Aggregated(std::span<const index::ChunkMeta> chunks, Scratch& scratch, Batch* batch) const;
  base::Status Repair(const block::EncodedChunk& chunk, Scratch& scratch) const;

  std::string Name() const { return block_->meta().ulid.ToString(); }

  const std::unique_ptr<block::BlockReader> block_;
  const int64_t resolution_ms_;
  const DownsampleOptions options_;
  std::vector<std::string_view> symbols_;
  index::Postings refs_;
  size_t next_ = 0;
  index::SeriesEntry entry_;
  std::unique_ptr<block::BlockWriter> writer_;
  uint64_t released_ = 0;  // chunk reference up to which memory was given back
};

base::StatusOr<DownsampleResult> Downsampling::Run(const base::CancelToken& cancel,
                                                   const std::string& out_parent) {
  symbols_ = block_->index().symbols().All();
  TH_ASSIGN_OR_RETURN(refs_, block_->index().AllPostings());
  block::BlockWriterOptions writer_options;
  writer_options.chunks.max_segment_bytes = options_.max_segment_bytes;
  writer_options.index.max_postings_in_memory = uint64_t{2} << 20;
  TH_ASSIGN_OR_RETURN(writer_, block::BlockWriter::Create(out_parent, options_.ulid, writer_options));
  TH_RETURN_IF_ERROR(writer_->SetSymbols(symbols_));
  const size_t in_flight =
      options_.pool == nullptr ? 1 : static_cast<size_t>(options_.pool->num_threads()) * 2 + 1;
  TH_RETURN_IF_ERROR(concurrency::RunOrderedBatches<Batch>(
      options_.pool, cancel, in_flight,
      {.produce = [this](Batch* batch) { return Produce(batch); },
       .process = [this](const base::CancelToken& token, Batch* batch) { return Process(token, batch); },
       .consume = [this](Batch* batch) { return Consume(batch); }}));
  DownsampleResult result;
  result.empty = writer_->stats().num_series == 0;
  if (result.empty) {
    return result;
  }
  block::Meta meta = block_->meta();
  if (!meta.thanos) {
    meta.thanos.emplace();
  }
  meta.thanos->resolution_ms = resolution_ms_;
  meta.thanos->source = block::kSourceCompactor;
  meta.thanos->files.clear();
  meta.thanos->upload_time.clear();
  TH_ASSIGN_OR_RETURN(result.meta,
                      writer_->Finish(std::move(meta), block::BlockWriter::Statistics::kKeepKinds));
  TH_ASSIGN_OR_RETURN(result.files,
                      block::ListBlockFiles(base::Concat(out_parent, "/", options_.ulid.ToString())));
  return result;
}

base::StatusOr<bool> Downsampling::Produce(Batch* batch) {
  batch->Clear();
  uint64_t input_bytes = 0;
  while (next_ < refs_.size() && batch->series.size() < kBatchSeries && input_bytes < kBatchInputBytes) {
    const index::SeriesRef ref = refs_[next_++];
    TH_RETURN_IF_ERROR(block_->index().Entry(ref, &entry_));
    for (size_t i = 1; i < entry_.chunks.size(); ++i) {
      if (entry_.chunks[i].min_time_ms <= entry_.chunks[i - 1].max_time_ms) {
        return base::DataLoss("series ", ref, " has overlapping chunks");
      }
    }
    batch->labels.insert(batch->labels.end(), entry_.labels.begin(), entry_.labels.end());
    batch->chunks.insert(batch->chunks.end(), entry_.chunks.begin(), entry_.chunks.end());
    batch->series.push_back({batch->labels.size(), batch->chunks.size()});
    constexpr uint64_t kUsualChunkBytes = 200;
    input_bytes += entry_.chunks.size() * kUsualChunkBytes;
  }
  return !batch->series.empty();
}

base::Status Downsampling::Process(const base::CancelToken& cancel, Batch* batch) const {
  thread_local Scratch scratch;
  scratch.writer.Reset();  // an earlier job may have failed half-way
  size_t begin = 0;
  for (const Batch::Series& series : batch->series) {
    TH_RETURN_IF_ERROR(cancel.status());
    const auto chunks =
        std::span<const index::ChunkMeta>(batch->chunks).subspan(begin, series.chunks_end - begin);
    if (block_->meta().resolution_ms() == kResolutionRaw) {
      TH_RETURN_IF_ERROR(Raw(chunks, scratch, batch));
    } else {
      TH_RETURN_IF_ERROR(Aggregated(chunks, scratch, batch));
    }
    batch->records.EndSeries();
    begin = series.chunks_end;
  }
  return base::OkStatus();
}

base::Status Downsampling::Raw(std::span<const index::ChunkMeta> chunks, Scratch& scratch,
                               Batch* batch) const {
  scratch.samples.Clear();
  bool histograms = false;
  for (const index::ChunkMeta& meta : chunks) {
    TH_ASSIGN_OR_RETURN(const block::EncodedChunk chunk, block_->chunks().Read(meta.ref));
    if (!scratch.samples.empty() && HoldsHistograms(chunk.encoding) != histograms) {
      TH_RETURN_IF_ERROR(
          internal::DownsampleRaw(&scratch.samples, resolution_ms_, &scratch.writer, &batch->records));
      scratch.samples.Clear();
    }
    histograms = HoldsHistograms(chunk.encoding);
    TH_RETURN_IF_ERROR(internal::ExpandChunk(chunk.encoding, chunk.data, &scratch.samples));
  }
  return internal::DownsampleRaw(&scratch.samples, resolution_ms_, &scratch.writer, &batch->records);
}

base::Status Downsampling::Aggregated(std::span<const index::ChunkMeta> chunks, Scratch& scratch,
                                      Batch* batch) const {
  scratch.aggregates.clear();
  scratch.repaired.clear();
  for (const index::ChunkMeta& meta : chunks) {
    TH_ASSIGN_OR_RETURN(const block::EncodedChunk chunk, block_->chunks().Read(meta.ref));
    if (chunk.encoding != Encoding::kAggregate) {
      TH_RETURN_IF_ERROR(Repair(chunk, scratch));
      continue;
    }
    TH_ASSIGN_OR_RETURN(const chunkenc::AggregateParts parts, chunkenc::SplitAggregateChunk(chunk.data));
    scratch.aggregates.push_back({meta.min_time_ms, meta.max_time_ms, parts});
  }
  return internal::DownsampleAggregates(scratch.aggregates, kResolution5m, resolution_ms_, &scratch.writer,
                                        &batch->records);
}

// Old versions left raw chunks in downsampled blocks; empty ones are skipped, others aggregated.
base::Status Downsampling::Repair(const block::EncodedChunk& chunk, Scratch& scratch) const {
  scratch.samples.Clear();
  TH_RETURN_IF_ERROR(internal::ExpandChunk(chunk.encoding, chunk.data, &scratch.samples));
  block::ChunkRecordBuffer& records = scratch.repaired.emplace_back();
  TH_RETURN_IF_ERROR(internal::DownsampleRaw(&scratch.samples, kResolution5m, &scratch.writer, &records));
  for (const block::ChunkRecord& record : records.Chunks()) {
    TH_ASSIGN_OR_RETURN(const block::EncodedChunk aggregated, block::ParseChunkRecord(record.record));
    TH_ASSIGN_OR_RETURN(const chunkenc::AggregateParts parts, chunkenc::SplitAggregateChunk(aggregated.data));
    scratch.aggregates.push_back({record.min_time_ms, record.max_time_ms, parts});
  }
  return base::OkStatus();
}

base::Status Downsampling::Consume(Batch* batch) {
  size_t labels_begin = 0;
  for (size_t i = 0; i < batch->series.size(); ++i) {
    const auto labels = std::span<const index::SymbolPair>(batch->labels)
                            .subspan(labels_begin, batch->series[i].labels_end - labels_begin);
    labels_begin = batch->series[i].labels_end;
    if (const auto chunks = batch->records.Series(i); !chunks.empty()) {
      TH_RETURN_IF_ERROR(writer_->AddSeries(labels, chunks));
    }
  }
  constexpr uint64_t kStepBytes = uint64_t{4} << 20;
  const uint64_t read = batch->chunks.empty() ? released_ : std::max(released_, batch->chunks.back().ref);
  if (read - released_ >= kStepBytes) {
    block_->chunks().Release(released_, read);
    released_ = read;
  }
  return base::OkStatus();
}

}  // namespace

base::StatusOr<DownsampleResult> DownsampleBlock(const base::CancelToken& cancel,
                                                 const std::string& block_dir, int64_t resolution_ms,
                                                 const std::string& out_parent,
                                                 const DownsampleOptions& options) {
  TH_ASSIGN_OR_RETURN(auto block, block::BlockReader::Open(block_dir));
  const block::Meta& meta = block->meta();
  const bool follows = (resolution_ms == kResolution5m && meta.resolution_ms() == kResolutionRaw) ||
                       (resolution_ms == kResolution1h && meta.resolution_ms() == kResolution5m);
  if (!follows) {
    return base::FailedPrecondition("block ", meta.ulid.ToString(), " of resolution ", meta.resolution_ms(),
                                    " ms cannot be downsampled to ", resolution_ms, " ms");
  }
  if (block->index().version() != 2) {
    return base::FailedPrecondition("block ", meta.ulid.ToString(), ": index of version ",
                                    block->index().version());
  }
  const std::string name = meta.ulid.ToString();
  auto result = Downsampling(std::move(block), resolution_ms, options).Run(cancel, out_parent);
  if (!result.ok()) {
    return base::Annotate(result.status(), "downsampling block ", name);
  }
  return result;
}

}  // namespace thanos::downsample
