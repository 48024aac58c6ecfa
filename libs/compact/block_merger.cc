#include "compact/block_merger.h"

#include <algorithm>
#include <memory>
#include <set>
#include <utility>

#include "block/writer.h"
#include "compact/internal/merge_input.h"
#include "compact/internal/merge_series.h"
#include "concurrency/ordered_batches.h"

namespace thanos::compact {
namespace {

using internal::MergeBatch;
using internal::MergeInput;

// A batch of series ends behind one of these.
constexpr size_t kBatchSeries = 256;
constexpr size_t kBatchChunks = 4096;

// Level, sources, parents and times of the result.
block::Meta MergedMeta(std::span<const std::unique_ptr<MergeInput>> inputs) {
  block::Meta merged;
  merged.min_time_ms = inputs.front()->meta().min_time_ms;
  merged.max_time_ms = inputs.front()->meta().max_time_ms;
  std::set<model::Ulid> sources;
  for (const auto& input : inputs) {
    const block::Meta& meta = input->meta();
    merged.min_time_ms = std::min(merged.min_time_ms, meta.min_time_ms);
    merged.max_time_ms = std::max(merged.max_time_ms, meta.max_time_ms);
    merged.compaction.level = std::max(merged.compaction.level, meta.compaction.level);
    sources.insert(meta.compaction.sources.begin(), meta.compaction.sources.end());
    merged.compaction.parents.push_back({meta.ulid, meta.min_time_ms, meta.max_time_ms});
  }
  ++merged.compaction.level;
  merged.compaction.sources.assign(sources.begin(), sources.end());
  return merged;
}

class Merge {
 public:
  Merge(std::vector<std::unique_ptr<MergeInput>> inputs, const MergeOptions& options)
      : inputs_(std::move(inputs)), options_(options), merger_(inputs_, options.function) {}

  base::StatusOr<MergeResult> Run(const base::CancelToken& cancel, const std::string& out_parent);

 private:
  base::Status Start(const std::string& out_parent);
  base::StatusOr<bool> Produce(MergeBatch* batch);
  base::Status AddSmallest(MergeBatch* batch);
  base::Status Consume(MergeBatch* batch);
  void ReleaseRead(const MergeBatch& batch);

  // Chunk references of an input: up to where it was read, and its memory given back.
  struct Progress {
    uint64_t read = 0;
    uint64_t released = 0;
  };

  const std::vector<std::unique_ptr<MergeInput>> inputs_;
  const MergeOptions& options_;
  const internal::SeriesMerger merger_;
  internal::UnionSymbols symbols_;
  std::vector<Progress> progress_;
  std::vector<bool> has_series_;  // whether the input has a current series
  std::unique_ptr<block::BlockWriter> writer_;
  MergeResult result_;
};

base::Status Merge::Start(const std::string& out_parent) {
  progress_.resize(inputs_.size());
  for (const auto& input : inputs_) {
    symbols_.Add(input->index().symbols());
  }
  const auto order =
      options_.accept_malformed_index ? internal::LabelOrder::kSorted : internal::LabelOrder::kChecked;
  for (const auto& input : inputs_) {
    TH_RETURN_IF_ERROR(input->Start(symbols_, order));
    TH_ASSIGN_OR_RETURN(const bool has_series, input->Next());
    has_series_.push_back(has_series);
  }
  block::BlockWriterOptions writer_options;
  writer_options.chunks.max_segment_bytes = options_.max_segment_bytes;
  writer_options.index.max_postings_in_memory = uint64_t{2} << 20;
  TH_ASSIGN_OR_RETURN(writer_, block::BlockWriter::Create(out_parent, options_.ulid, writer_options));
  return writer_->SetSymbols(symbols_.symbols());
}

base::StatusOr<MergeResult> Merge::Run(const base::CancelToken& cancel, const std::string& out_parent) {
  TH_RETURN_IF_ERROR(Start(out_parent));
  const size_t in_flight =
      options_.pool == nullptr ? 1 : static_cast<size_t>(options_.pool->num_threads()) * 2 + 1;
  TH_RETURN_IF_ERROR(concurrency::RunOrderedBatches<MergeBatch>(
      options_.pool, cancel, in_flight,
      {.produce = [this](MergeBatch* batch) { return Produce(batch); },
       .process = [this](const base::CancelToken& token,
                         MergeBatch* batch) { return merger_.Process(token, batch); },
       .consume = [this](MergeBatch* batch) { return Consume(batch); }}));
  block::Meta meta = MergedMeta(inputs_);
  meta.thanos = options_.thanos;
  meta.ulid = options_.ulid;
  result_.empty = writer_->stats().num_samples == 0;
  if (result_.empty) {
    result_.meta = std::move(meta);
    return std::move(result_);
  }
  TH_ASSIGN_OR_RETURN(result_.meta, writer_->Finish(std::move(meta)));
  TH_ASSIGN_OR_RETURN(result_.files,
                      block::ListBlockFiles(base::Concat(out_parent, "/", options_.ulid.ToString())));
  return std::move(result_);
}

base::StatusOr<bool> Merge::Produce(MergeBatch* batch) {
  batch->Clear();
  while (batch->series.size() < kBatchSeries && batch->sources.size() < kBatchChunks) {
    if (std::find(has_series_.begin(), has_series_.end(), true) == has_series_.end()) {
      break;
    }
    TH_RETURN_IF_ERROR(AddSmallest(batch));
  }
  return !batch->series.empty();
}

// Adds the first series in label order, from every input that has it.
base::Status Merge::AddSmallest(MergeBatch* batch) {
  size_t smallest = inputs_.size();
  for (size_t i = 0; i < inputs_.size(); ++i) {
    if (has_series_[i] && (smallest == inputs_.size() ||
                           internal::CompareLabels(inputs_[i]->labels(), inputs_[smallest]->labels()) < 0)) {
      smallest = i;
    }
  }
  const size_t labels_begin = batch->labels.size();
  const auto& labels = inputs_[smallest]->labels();
  batch->labels.insert(batch->labels.end(), labels.begin(), labels.end());
  for (size_t i = smallest; i < inputs_.size(); ++i) {
    MergeInput& input = *inputs_[i];
    const auto wanted = std::span<const index::SymbolPair>(batch->labels).subspan(labels_begin);
    while (has_series_[i] && internal::CompareLabels(input.labels(), wanted) == 0) {
      for (const index::ChunkMeta& chunk : input.chunk_metas()) {
        batch->sources.push_back({.input = static_cast<uint32_t>(i),
                                  .ref = chunk.ref,
                                  .min_time_ms = chunk.min_time_ms,
                                  .max_time_ms = chunk.max_time_ms,
                                  .deleted = input.deleted()});
      }
      TH_ASSIGN_OR_RETURN(const bool more, input.Next());
      has_series_[i] = more;
    }
  }
  batch->series.push_back({batch->labels.size(), batch->sources.size()});
  return base::OkStatus();
}

base::Status Merge::Consume(MergeBatch* batch) {
  for (size_t i = 0; i < batch->series.size(); ++i) {
    if (const auto chunks = batch->records.Series(i); !chunks.empty()) {
      TH_RETURN_IF_ERROR(writer_->AddSeries(batch->Labels(i), chunks));
    }
  }
  ReleaseRead(*batch);
  result_.num_copied_chunks += batch->num_copied;
  result_.num_recoded_chunks += batch->num_recoded;
  return base::OkStatus();
}

// Chunks ascend from series to series: what this batch and earlier ones have read is done with.
void Merge::ReleaseRead(const MergeBatch& batch) {
  constexpr uint64_t kStepBytes = uint64_t{4} << 20;
  for (const internal::SourceChunk& source : batch.sources) {
    Progress& progress = progress_[source.input];
    progress.read = std::max(progress.read, source.ref);
  }
  for (size_t i = 0; i < inputs_.size(); ++i) {
    Progress& progress = progress_[i];
    if (progress.read - progress.released >= kStepBytes) {
      inputs_[i]->chunks().Release(progress.released, progress.read);
      progress.released = progress.read;
    }
  }
}

}  // namespace

base::StatusOr<MergeResult> MergeBlocks(const base::CancelToken& cancel,
                                        std::span<const std::string> block_dirs,
                                        const std::string& out_parent, const MergeOptions& options) {
  if (block_dirs.empty()) {
    return base::InvalidArgument("no blocks to merge");
  }
  std::vector<std::unique_ptr<MergeInput>> inputs;
  for (const std::string& directory : block_dirs) {
    TH_ASSIGN_OR_RETURN(auto input, MergeInput::Open(directory));
    inputs.push_back(std::move(input));
    const MergeInput& first = *inputs.front();
    const MergeInput& last = *inputs.back();
    if (first.meta().resolution_ms() != last.meta().resolution_ms()) {
      return base::FailedPrecondition("blocks ", first.name(), " and ", last.name(),
                                      " have different resolutions");
    }
  }
  return Merge(std::move(inputs), options).Run(cancel, out_parent);
}

}  // namespace thanos::compact
