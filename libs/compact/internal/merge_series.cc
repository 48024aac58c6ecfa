#include "compact/internal/merge_series.h"

#include <algorithm>
#include <deque>
#include <limits>

#include "chunkenc/column_decoder.h"
#include "compact/internal/merge_aggregates.h"
#include "compact/internal/merge_encode.h"
#include "dedup/decode.h"
#include "model/time_range.h"

namespace thanos::compact::internal {
namespace {

using chunkenc::Encoding;
using chunkenc::SampleColumns;

constexpr int64_t kMin = std::numeric_limits<int64_t>::min();
constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
constexpr int64_t kJoinedGapMs = 600'000;

struct Scratch {
  std::vector<LoadedChunk> loaded;
  std::vector<series::Chunk> chunks;
  SampleColumns columns;
  // Records of chunks that lost samples, until the end of the series.
  std::deque<block::ChunkRecordBuffer> trimmed;
};

Scratch& ThreadScratch() {
  thread_local Scratch scratch;
  return scratch;
}

bool SameChunk(const LoadedChunk& a, const LoadedChunk& b) {
  return a.min_time_ms == b.min_time_ms && a.max_time_ms == b.max_time_ms && a.encoding == b.encoding &&
         a.data == b.data;
}

// Removes the samples with deleted timestamps.
void RemoveDeleted(std::span<const Interval> deleted, SampleColumns* columns) {
  SampleColumns kept;
  size_t next_histogram = 0;
  for (size_t i = 0; i < columns->size(); ++i) {
    const bool is_histogram =
        next_histogram < columns->histograms.size() && columns->histograms[next_histogram].index == i;
    const int64_t t = columns->timestamps[i];
    if (!CoversSome(deleted, t, t)) {
      if (is_histogram) {
        kept.histograms.push_back({kept.size(), std::move(columns->histograms[next_histogram].value)});
      }
      kept.timestamps.push_back(t);
      kept.values.push_back(columns->values[i]);
    }
    next_histogram += is_histogram ? 1 : 0;
  }
  *columns = std::move(kept);
}

int64_t MaxTime(std::span<const LoadedChunk> chunks) {
  return std::ranges::max(chunks, {}, &LoadedChunk::max_time_ms).max_time_ms;
}

// The position behind the chunks that overlap the one at `begin`, directly or through each other.
size_t EndOfOverlap(std::span<const LoadedChunk> chunks, size_t begin) {
  int64_t max_time_ms = chunks[begin].max_time_ms;
  size_t end = begin + 1;
  for (; end < chunks.size() && chunks[end].min_time_ms <= max_time_ms; ++end) {
    max_time_ms = std::max(max_time_ms, chunks[end].max_time_ms);
  }
  return end;
}

std::string_view DataOf(const block::ChunkRecord& record) {
  constexpr size_t kChecksumBytes = 4;
  return record.record.substr(record.record.size() - kChecksumBytes - record.data_bytes, record.data_bytes);
}

}  // namespace

void MergeBatch::Clear() {
  labels.clear();
  sources.clear();
  series.clear();
  records.Clear();
  num_copied = 0;
  num_recoded = 0;
}

std::span<const index::SymbolPair> MergeBatch::Labels(size_t i) const {
  const size_t begin = i == 0 ? 0 : series[i - 1].labels_end;
  return std::span<const index::SymbolPair>(labels).subspan(begin, series[i].labels_end - begin);
}

base::Status SeriesMerger::Process(const base::CancelToken& cancel, MergeBatch* batch) const {
  size_t begin = 0;
  for (const MergeBatch::Series& series : batch->series) {
    if (batch->records.num_series() % 64 == 0) {
      TH_RETURN_IF_ERROR(cancel.status());
    }
    const auto sources =
        std::span<const SourceChunk>(batch->sources).subspan(begin, series.sources_end - begin);
    TH_RETURN_IF_ERROR(ProcessSeries(sources, batch));
    batch->records.EndSeries();
    begin = series.sources_end;
  }
  return base::OkStatus();
}

base::Status SeriesMerger::ProcessSeries(std::span<const SourceChunk> sources, MergeBatch* batch) const {
  Scratch& scratch = ThreadScratch();
  scratch.trimmed.clear();
  auto& loaded = scratch.loaded;
  loaded.clear();
  for (const SourceChunk& source : sources) {
    TH_RETURN_IF_ERROR(Load(source, &loaded));
  }
  const auto before = [](const LoadedChunk& a, const LoadedChunk& b) {
    return a.min_time_ms != b.min_time_ms ? a.min_time_ms < b.min_time_ms : a.max_time_ms < b.max_time_ms;
  };
  if (!std::is_sorted(loaded.begin(), loaded.end(), before)) {
    std::stable_sort(loaded.begin(), loaded.end(), before);
  }
  const std::span<const LoadedChunk> chunks = loaded;
  for (size_t begin = 0; begin < chunks.size();) {
    size_t end = EndOfOverlap(chunks, begin);
    // Replicas that overlap again soon are merged in one go, so that the one in use stays in use.
    while (function_ == MergeFunction::kPenalty && end - begin > 1 && end < chunks.size() &&
           model::SaturatingSubtract(chunks[end].min_time_ms, MaxTime(chunks.subspan(begin, end - begin))) <=
               kJoinedGapMs) {
      const size_t next_end = EndOfOverlap(chunks, end);
      if (next_end - end == 1) {
        break;
      }
      end = next_end;
    }
    TH_RETURN_IF_ERROR(Emit(chunks.subspan(begin, end - begin), batch));
    begin = end;
  }
  return base::OkStatus();
}

base::Status SeriesMerger::Load(const SourceChunk& source, std::vector<LoadedChunk>* out) const {
  const MergeInput& input = *inputs_[source.input];
  const block::Meta& meta = input.meta();
  // Like Prometheus, which does not look outside the block's range.
  const bool outside = source.min_time_ms < meta.min_time_ms || source.max_time_ms >= meta.max_time_ms;
  if (CoversAll(source.deleted, source.min_time_ms, source.max_time_ms) ||
      source.max_time_ms < meta.min_time_ms || source.min_time_ms >= meta.max_time_ms) {
    return base::OkStatus();
  }
  LoadedChunk chunk;
  TH_ASSIGN_OR_RETURN(const block::EncodedChunk read, input.chunks().Read(source.ref, &chunk.record));
  const auto num_samples = chunkenc::NumSamples(read.encoding, read.data);
  if (!num_samples.ok()) {
    return base::Annotate(num_samples.status(), "block ", input.name(), " chunk ", source.ref);
  }
  if (*num_samples == 0) {
    return base::OkStatus();
  }
  chunk.input = source.input;
  chunk.min_time_ms = source.min_time_ms;
  chunk.max_time_ms = source.max_time_ms;
  chunk.encoding = read.encoding;
  chunk.num_samples = static_cast<uint32_t>(*num_samples);
  chunk.data = read.data;
  const bool trim = outside || CoversSome(source.deleted, source.min_time_ms, source.max_time_ms);
  // Aggregates cannot be cut; what they stand for is at their window's end.
  if (trim && chunk.encoding != Encoding::kAggregate) {
    return LoadTrimmed(chunk, source, out);
  }
  out->push_back(chunk);
  return base::OkStatus();
}

// The chunk without its deleted samples and those outside the block.
base::Status SeriesMerger::LoadTrimmed(const LoadedChunk& chunk, const SourceChunk& source,
                                       std::vector<LoadedChunk>* out) const {
  const MergeInput& input = *inputs_[source.input];
  Scratch& scratch = ThreadScratch();
  SampleColumns& columns = scratch.columns;
  columns.Clear();
  const base::Status status = chunkenc::DecodeChunk(chunk.encoding, chunk.data, input.meta().min_time_ms,
                                                    input.meta().max_time_ms - 1, &columns);
  if (!status.ok()) {
    return base::Annotate(status, "block ", input.name(), " chunk ", source.ref);
  }
  RemoveDeleted(source.deleted, &columns);
  block::ChunkRecordBuffer& records = scratch.trimmed.emplace_back();
  EncodeSamples(columns, &records);
  for (const block::ChunkRecord& record : records.Chunks()) {
    out->push_back({.input = source.input,
                    .min_time_ms = record.min_time_ms,
                    .max_time_ms = record.max_time_ms,
                    .encoding = record.encoding,
                    .num_samples = record.num_samples,
                    .data = DataOf(record),
                    .record = record.record,
                    .copied = false});
  }
  return base::OkStatus();
}

// Chunks that overlap each other, or follow others that do.
base::Status SeriesMerger::Emit(std::span<const LoadedChunk> cluster, MergeBatch* batch) const {
  const LoadedChunk& first = cluster.front();
  const bool all_equal = std::ranges::all_of(
      cluster.subspan(1), [&](const LoadedChunk& chunk) { return SameChunk(first, chunk); });
  if (all_equal) {
    const block::ChunkRecord record{.min_time_ms = first.min_time_ms,
                                    .max_time_ms = first.max_time_ms,
                                    .encoding = first.encoding,
                                    .num_samples = first.num_samples,
                                    .data_bytes = static_cast<uint32_t>(first.data.size()),
                                    .record = first.record};
    if (first.copied) {
      batch->records.AddCopy(record);
      ++batch->num_copied;
    } else {
      // Its bytes do not outlive the series.
      batch->records.AddChunk(record.min_time_ms, record.max_time_ms, record.encoding, record.num_samples,
                              first.data);
      ++batch->num_recoded;
    }
    return base::OkStatus();
  }
  if (function_ == MergeFunction::kNone) {
    return Overlap(cluster);
  }
  const auto num_aggregates = std::ranges::count(cluster, Encoding::kAggregate, &LoadedChunk::encoding);
  if (num_aggregates != 0 && num_aggregates != static_cast<ptrdiff_t>(cluster.size())) {
    return base::Annotate(Overlap(cluster), "raw and downsampled chunks");
  }
  batch->num_recoded += cluster.size();
  if (num_aggregates == 0) {
    return MergeRaw(cluster, batch);
  }
  return base::Annotate(MergeAggregates(cluster, function_, &batch->records), "block ",
                        inputs_[first.input]->name(), " and those that overlap it");
}

base::Status SeriesMerger::MergeRaw(std::span<const LoadedChunk> cluster, MergeBatch* batch) const {
  Scratch& scratch = ThreadScratch();
  scratch.chunks.clear();
  for (const LoadedChunk& chunk : cluster) {
    scratch.chunks.push_back({.min_time_ms = chunk.min_time_ms,
                              .max_time_ms = chunk.max_time_ms,
                              .raw = {.encoding = chunk.encoding, .data = chunk.data}});
  }
  scratch.columns.Clear();
  const base::Status status = dedup::DecodeSeries(
      scratch.chunks, {.deduplicate = function_ == MergeFunction::kPenalty}, kMin, kMax, &scratch.columns);
  if (!status.ok()) {
    return base::Annotate(status, "block ", inputs_[cluster.front().input]->name(),
                          " or one that overlaps it");
  }
  EncodeSamples(scratch.columns, &batch->records);
  return base::OkStatus();
}

base::Status SeriesMerger::Overlap(std::span<const LoadedChunk> cluster) const {
  const LoadedChunk& a = cluster[0];
  const LoadedChunk& b = cluster[1];
  return base::FailedPrecondition("chunks of one series overlap: ", a.min_time_ms, " to ", a.max_time_ms,
                                  " in block ", inputs_[a.input]->name(), " and ", b.min_time_ms, " to ",
                                  b.max_time_ms, " in block ", inputs_[b.input]->name());
}

}  // namespace thanos::compact::internal
