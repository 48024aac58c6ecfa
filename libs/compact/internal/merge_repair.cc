// RepairBlock: a merge of one block with sorted labels and series and without what may be dropped.

#include <algorithm>
#include <memory>
#include <utility>

#include "block/writer.h"
#include "chunkenc/column_decoder.h"
#include "compact/block_merger.h"
#include "compact/internal/merge_input.h"

namespace thanos::compact {
namespace {

using internal::MergeInput;

struct RepairedChunk {
  block::ChunkRecord record;
  std::string_view data;
};

class Repair {
 public:
  Repair(MergeInput& input, block::BlockWriter& writer, RepairResult* result)
      : input_(input), writer_(writer), result_(*result) {}

  base::Status Run(const base::CancelToken& cancel);

 private:
  base::Status TakeChunks();
  base::Status WriteSeries();

  MergeInput& input_;
  block::BlockWriter& writer_;
  RepairResult& result_;
  std::vector<index::SymbolPair> labels_;
  std::vector<RepairedChunk> chunks_;
  std::vector<block::ChunkRecord> records_;
};

base::Status Repair::Run(const base::CancelToken& cancel) {
  TH_ASSIGN_OR_RETURN(bool more, input_.Next());
  for (uint64_t count = 0; more; ++count) {
    if (count % 256 == 0) {
      TH_RETURN_IF_ERROR(cancel.status());
    }
    labels_.assign(input_.labels().begin(), input_.labels().end());
    chunks_.clear();
    while (more && internal::CompareLabels(labels_, input_.labels()) == 0) {
      TH_RETURN_IF_ERROR(TakeChunks());
      TH_ASSIGN_OR_RETURN(more, input_.Next());
    }
    TH_RETURN_IF_ERROR(WriteSeries());
  }
  return base::OkStatus();
}

base::Status Repair::TakeChunks() {
  for (const index::ChunkMeta& meta : input_.chunk_metas()) {
    if (meta.min_time_ms >= input_.meta().max_time_ms || meta.max_time_ms < input_.meta().min_time_ms) {
      ++result_.dropped_outside;
      continue;
    }
    RepairedChunk chunk;
    TH_ASSIGN_OR_RETURN(const block::EncodedChunk read, input_.chunks().Read(meta.ref, &chunk.record.record));
    TH_ASSIGN_OR_RETURN(const int num_samples, chunkenc::NumSamples(read.encoding, read.data));
    chunk.data = read.data;
    chunk.record.min_time_ms = meta.min_time_ms;
    chunk.record.max_time_ms = meta.max_time_ms;
    chunk.record.encoding = read.encoding;
    chunk.record.num_samples = static_cast<uint32_t>(num_samples);
    chunk.record.data_bytes = static_cast<uint32_t>(read.data.size());
    chunks_.push_back(chunk);
  }
  return base::OkStatus();
}

base::Status Repair::WriteSeries() {
  std::stable_sort(chunks_.begin(), chunks_.end(), [](const RepairedChunk& a, const RepairedChunk& b) {
    return a.record.min_time_ms != b.record.min_time_ms ? a.record.min_time_ms < b.record.min_time_ms
                                                        : a.record.max_time_ms < b.record.max_time_ms;
  });
  records_.clear();
  const RepairedChunk* previous = nullptr;
  for (const RepairedChunk& chunk : chunks_) {
    if (previous != nullptr && chunk.record.min_time_ms <= previous->record.max_time_ms) {
      if (chunk.record.min_time_ms != previous->record.min_time_ms ||
          chunk.record.max_time_ms != previous->record.max_time_ms || chunk.data != previous->data) {
        return base::FailedPrecondition("chunks from ", previous->record.min_time_ms, " and from ",
                                        chunk.record.min_time_ms, " overlap and are not equal");
      }
      ++result_.dropped_duplicates;
      continue;
    }
    records_.push_back(chunk.record);
    previous = &chunk;
  }
  return records_.empty() ? base::OkStatus() : writer_.AddSeries(labels_, records_);
}

}  // namespace

base::StatusOr<RepairResult> RepairBlock(const base::CancelToken& cancel, const std::string& block_dir,
                                         const std::string& out_parent, const RepairOptions& options) {
  TH_ASSIGN_OR_RETURN(const auto input, MergeInput::Open(block_dir));
  internal::UnionSymbols symbols;
  symbols.Add(input->index().symbols());
  block::BlockWriterOptions writer_options;
  writer_options.chunks.max_segment_bytes = options.max_segment_bytes;
  TH_ASSIGN_OR_RETURN(const auto writer,
                      block::BlockWriter::Create(out_parent, options.ulid, writer_options));
  TH_RETURN_IF_ERROR(writer->SetSymbols(symbols.symbols()));
  RepairResult result;
  TH_RETURN_IF_ERROR(input->Start(symbols, internal::LabelOrder::kSorted));
  const base::Status status = Repair(*input, *writer, &result).Run(cancel);
  if (!status.ok()) {
    return base::Annotate(status, "repairing block ", input->name());
  }
  block::Meta meta = input->meta();
  meta.compaction.parents = {{meta.ulid, meta.min_time_ms, meta.max_time_ms}};
  if (meta.thanos) {
    meta.thanos->source = options.source;
    meta.thanos->files.clear();
    meta.thanos->upload_time.clear();
  }
  result.empty = writer->stats().num_series == 0;
  if (result.empty) {
    result.meta = std::move(meta);
    return result;
  }
  TH_ASSIGN_OR_RETURN(result.meta, writer->Finish(std::move(meta)));
  TH_ASSIGN_OR_RETURN(result.files,
                      block::ListBlockFiles(base::Concat(out_parent, "/", options.ulid.ToString())));
  return result;
}

}  // namespace thanos::compact
