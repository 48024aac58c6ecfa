#include "bucketstore/internal/block_series.h"

#include <algorithm>
#include <new>
#include <utility>

#include "block/chunk_reader.h"
#include "bucketstore/internal/range_fetch.h"
#include "chunkenc/aggr_chunk.h"
#include "telemetry/log.h"

namespace thanos::bucketstore::internal {
namespace {

// Chunks of different series lie apart: this many are brought to the cache before they are read.
constexpr size_t kChunksAhead = 8;
constexpr size_t kPrefetchedBytes = 704;
constexpr size_t kCacheLineBytes = 64;

void Prefetch(std::string_view bytes) {
  for (size_t i = 0; i < std::min(bytes.size(), kPrefetchedBytes); i += kCacheLineBytes) {
    __builtin_prefetch(bytes.data() + i);
  }
}

// Length, encoding and checksum around a chunk's data.
constexpr uint64_t kChunkFrameBytes = 16;

bool IsIn(const std::vector<std::string>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

// One chunk segment with what the batch needs of it.
struct BlockSeriesSet::Segment {
  uint32_t number = 0;
  uint64_t size_bytes = 0;
  std::vector<ByteRange> ranges;
  FetchedRanges fetched;
};

struct BlockSeriesSet::SortedSeries {
  struct Item {
    labels::LabelSpan labels;
    index::SeriesRef ref = 0;
  };
  base::Arena arena{1024 * 1024};
  std::vector<Item> items;
};

BlockSeriesSet::BlockSeriesSet(SelectedBlock selected, std::shared_ptr<RequestScope> scope)
    : selected_(std::move(selected)),
      scope_(std::move(scope)),
      external_([this] {
        std::vector<labels::LabelView> kept;
        for (const labels::LabelView& label : selected_.block->meta().external_labels()) {
          if (!IsIn(scope_->request.without_replica_labels, label.name)) {
            kept.push_back(label);
          }
        }
        return kept;
      }()),
      order_(external_.empty() ? std::string_view() : external_.back().name),
      shard_(scope_->request.shard) {}

BlockSeriesSet::~BlockSeriesSet() {
  if (reader_ != nullptr) {
    chunk_work_.Add(reader_->work());
  }
  base::MutexLock lock(scope_->work_mutex);
  scope_->work.Add(chunk_work_);
}

void BlockSeriesSet::Prepare(const base::CancelToken& cancel) {
  prepare_status_ = PrepareOrFail(cancel);
  prepared_ = true;
}

void BlockSeriesSet::PrepareFirstBatch(const base::CancelToken& cancel) {
  Prepare(cancel);
  if (prepare_status_.ok()) {
    has_first_ = true;
    first_result_ = NextBatch(cancel, &first_batch_);
  }
}

base::Status BlockSeriesSet::PrepareOrFail(const base::CancelToken& cancel) {
  TH_ASSIGN_OR_RETURN(reader_, BlockIndexReader::Open(cancel, selected_.block, *scope_));
  step_series_ = scope_->options.max_batch_series;
  TH_ASSIGN_OR_RETURN(postings_, reader_->ExpandPostings(cancel, *selected_.matchers, &lazy_matchers_));
  return NeedsSort() ? Sort(cancel) : base::OkStatus();
}

bool BlockSeriesSet::NeedsSort() const {
  // Names of the block itself that are dropped or replaced.
  for (const std::string_view name : reader_->header()->LabelNames()) {
    if (IsIn(scope_->request.without_replica_labels, name) ||
        std::any_of(external_.begin(), external_.end(),
                    [&](const labels::LabelView& label) { return label.name == name; })) {
      return true;
    }
  }
  return false;
}

base::Status BlockSeriesSet::Sort(const base::CancelToken& cancel) {
  auto sorted = std::make_shared<SortedSeries>();
  drop_stored_ = true;
  for (size_t begin = 0; begin < postings_.size(); begin += scope_->options.max_batch_series) {
    const size_t count = std::min(scope_->options.max_batch_series, postings_.size() - begin);
    const std::span<const index::SeriesRef> refs = std::span(postings_).subspan(begin, count);
    const auto add = [&](size_t i, index::SeriesEntry& entry) -> base::StatusOr<bool> {
      TH_RETURN_IF_ERROR(reader_->ResolveLabels(entry, &stored_));
      if (!Accepts(entry)) {
        return true;
      }
      const labels::LabelSpan labels = FinalLabels(sorted->arena);
      if (!labels.empty()) {
        sorted->items.push_back({labels, refs[i]});
      }
      return true;
    };
    TH_RETURN_IF_ERROR(reader_->ReadSeries(cancel, refs, add));
  }
  std::stable_sort(sorted->items.begin(), sorted->items.end(),
                   [](const SortedSeries::Item& a, const SortedSeries::Item& b) {
                     return labels::Compare(a.labels, b.labels) < 0;
                   });
  sorted_ = std::move(sorted);
  return base::OkStatus();
}

base::StatusOr<bool> BlockSeriesSet::Fail(const base::Status& status, series::SeriesBatch* batch) {
  done_ = true;
  batch->Clear();
  if (status.code() == base::StatusCode::kResourceExhausted ||
      status.code() == base::StatusCode::kCancelled || status.code() == base::StatusCode::kDeadlineExceeded) {
    return status;
  }
  if (status.code() == base::StatusCode::kDataLoss) {
    scope_->metrics.corrupt_blocks.Increment();
  }
  TH_LOG(kWarn, "reading block").With("block", selected_.block->id()).With("err", status);
  std::string text = base::Concat("block ", selected_.block->id(), ": ", base::Message(status));
  if (scope_->request.partial_response == storeapi::PartialResponse::kAbort) {
    return base::Aborted(text);
  }
  batch->warnings.push_back(std::move(text));
  return true;
}

base::StatusOr<bool> BlockSeriesSet::Next(const base::CancelToken& cancel, series::SeriesBatch* batch) {
  batch->Clear();
  TH_RETURN_IF_ERROR(cancel.status());
  if (done_) {
    return false;
  }
  if (!prepared_) {
    Prepare(cancel);
  }
  if (!prepare_status_.ok()) {
    return Fail(prepare_status_, batch);
  }
  base::StatusOr<bool> result = true;
  if (has_first_) {
    has_first_ = false;
    *batch = std::move(first_batch_);
    result = std::move(first_result_);
  } else {
    result = NextBatch(cancel, batch);
  }
  if (!result.ok()) {
    TH_RETURN_IF_ERROR(cancel.status());
    return Fail(result.status(), batch);
  }
  return result;
}

base::StatusOr<bool> BlockSeriesSet::NextBatch(const base::CancelToken& cancel, series::SeriesBatch* batch) {
  jobs_.clear();
  metas_.clear();
  const size_t total = sorted_ != nullptr ? sorted_->items.size() : postings_.size();
  while (batch->series.empty() && (position_ < total || !front_.empty())) {
    TH_RETURN_IF_ERROR(sorted_ != nullptr ? ReadSortedStep(cancel, batch) : ReadStep(cancel, batch));
  }
  if (position_ >= total && front_.empty()) {
    order_.Flush(&batch->series);
  }
  if (batch->series.empty()) {
    done_ = true;
    return false;
  }
  // Series still waiting for their place are read again with the next batch.
  const std::vector<index::SeriesRef> held = order_.TakeHeld();
  front_.insert(front_.begin(), held.begin(), held.end());
  std::erase_if(
      jobs_, [&](const ChunkJob& job) { return std::find(held.begin(), held.end(), job.ref) != held.end(); });
  batch->Retain(reader_->header());
  batch->Retain(selected_.block);  // external labels
  if (sorted_ != nullptr) {
    batch->Retain(sorted_);
  }
  if (!scope_->request.skip_chunks) {
    TH_RETURN_IF_ERROR(ReadChunks(cancel, batch));
  }
  TH_RETURN_IF_ERROR(reader_->CheckIntact());
  return true;
}

// The first batch is small, so that the answer begins early; later ones save round trips. Their chunks stay
// bounded by max_batch_chunks.
void BlockSeriesSet::GrowStep() {
  if (!scope_->is_local) {
    step_series_ = std::min(step_series_ * 2, std::max(scope_->options.max_remote_batch_series,
                                                       scope_->options.max_batch_series));
  }
}

bool BlockSeriesSet::Accepts(const index::SeriesEntry& entry) const {
  for (const labels::Matcher* matcher : lazy_matchers_) {
    if (!matcher->Matches(labels::Get(stored_, matcher->name()))) {
      // A label is two numbers, a chunk three.
      const size_t num_bytes = 4 * entry.labels.size() + 8 * entry.chunks.size();
      scope_->metrics.lazy_overfetched_bytes.Increment(static_cast<double>(num_bytes));
      return false;
    }
  }
  return true;
}

labels::LabelSpan BlockSeriesSet::FinalLabels(base::Arena& arena) {
  if (drop_stored_) {
    std::erase_if(stored_, [&](const labels::LabelView& label) {
      return IsIn(scope_->request.without_replica_labels, label.name);
    });
  }
  const labels::LabelSpan labels = CopyWithExternal(arena, stored_, external_);
  return shard_.active() && !shard_.Matches(labels) ? labels::LabelSpan() : labels;
}

series::Series BlockSeriesSet::AddSeries(base::Arena& arena, index::SeriesRef ref, labels::LabelSpan labels,
                                         const index::SeriesEntry& entry) {
  if (scope_->request.skip_chunks) {
    return {labels, {}};
  }
  auto* chunks = arena.AllocateArray<series::Chunk>(entry.chunks.size());
  const size_t begin = metas_.size();
  for (size_t i = 0; i < entry.chunks.size(); ++i) {
    new (&chunks[i]) series::Chunk{};
    chunks[i].min_time_ms = entry.chunks[i].min_time_ms;
    chunks[i].max_time_ms = entry.chunks[i].max_time_ms;
    metas_.push_back(entry.chunks[i]);
  }
  jobs_.push_back({ref, chunks, begin, metas_.size()});
  return {labels, {chunks, entry.chunks.size()}};
}

base::Status BlockSeriesSet::ReadStep(const base::CancelToken& cancel, series::SeriesBatch* batch) {
  step_refs_.assign(front_.begin(), front_.end());
  const size_t fresh = std::min(step_series_, postings_.size() - position_);
  GrowStep();
  step_refs_.insert(step_refs_.end(), postings_.begin() + static_cast<ptrdiff_t>(position_),
                    postings_.begin() + static_cast<ptrdiff_t>(position_ + fresh));
  position_ += fresh;
  front_.clear();
  size_t unread = step_refs_.size();
  const auto add = [&](size_t i, index::SeriesEntry& entry) -> base::StatusOr<bool> {
    TH_RETURN_IF_ERROR(reader_->ResolveLabels(entry, &stored_));
    if (!Accepts(entry)) {
      return true;
    }
    const labels::LabelSpan labels = FinalLabels(batch->arena());
    if (!labels.empty()) {
      order_.Push(step_refs_[i], entry.labels, stored_,
                  AddSeries(batch->arena(), step_refs_[i], labels, entry), &batch->series);
    }
    if (metas_.size() < scope_->options.max_batch_chunks) {
      return true;
    }
    unread = i + 1;
    return false;
  };
  TH_RETURN_IF_ERROR(reader_->ReadSeries(cancel, step_refs_, add));
  front_.assign(step_refs_.begin() + static_cast<ptrdiff_t>(unread), step_refs_.end());
  return base::OkStatus();
}

base::Status BlockSeriesSet::ReadSortedStep(const base::CancelToken& cancel, series::SeriesBatch* batch) {
  const size_t begin = position_;
  const size_t count = std::min(step_series_, sorted_->items.size() - begin);
  GrowStep();
  step_refs_.clear();
  for (size_t i = 0; i < count; ++i) {
    step_refs_.push_back(sorted_->items[begin + i].ref);
  }
  position_ += count;
  if (scope_->request.skip_chunks) {
    for (size_t i = 0; i < count; ++i) {
      batch->series.push_back({sorted_->items[begin + i].labels, {}});
    }
    return base::OkStatus();
  }
  return reader_->ReadSeries(
      cancel, step_refs_, [&](size_t i, index::SeriesEntry& entry) -> base::StatusOr<bool> {
        batch->series.push_back(
            AddSeries(batch->arena(), step_refs_[i], sorted_->items[begin + i].labels, entry));
        if (metas_.size() < scope_->options.max_batch_chunks) {
          return true;
        }
        position_ = begin + i + 1;
        return false;
      });
}

base::Status BlockSeriesSet::FetchSegments(const base::CancelToken& cancel, std::vector<Segment>* segments,
                                           series::SeriesBatch* batch) {
  const int64_t known = selected_.block->meta().thanos ? selected_.block->meta().thanos->chunk_max_bytes : 0;
  const int64_t wanted = scope_->options.chunk_guess_bytes;
  const uint64_t guess =
      static_cast<uint64_t>(known > 0 && known < wanted ? known : wanted) + kChunkFrameBytes;
  for (const ChunkJob& job : jobs_) {
    for (size_t i = job.begin; i < job.end; ++i) {
      const index::ChunkMeta& meta = metas_[i];
      auto segment = std::find_if(segments->begin(), segments->end(), [&](const Segment& candidate) {
        return candidate.number == meta.segment();
      });
      if (segment == segments->end()) {
        segments->emplace_back();
        segment = segments->end() - 1;
        segment->number = meta.segment();
        TH_ASSIGN_OR_RETURN(segment->size_bytes, selected_.block->SegmentBytes(cancel, meta.segment()));
      }
      const uint64_t offset = meta.offset();
      if (offset >= segment->size_bytes) {
        return base::DataLoss("segment ", block::SegmentFileName(meta.segment()), " has no chunk at ",
                              offset);
      }
      uint64_t end = std::min(offset + guess, segment->size_bytes);
      // Chunks of a series usually lie one behind the other.
      if (i + 1 < job.end && metas_[i + 1].segment() == meta.segment() && metas_[i + 1].offset() > offset) {
        end = std::min<uint64_t>(end, metas_[i + 1].offset());
      }
      segment->ranges.push_back({offset, end});
    }
  }
  if (!scope_->is_local) {
    uint64_t num_bytes = 0;
    for (Segment& segment : *segments) {
      segment.ranges = Coalesce(std::move(segment.ranges), kMaxGapBytes);
      for (const ByteRange& range : segment.ranges) {
        num_bytes += range.size();
      }
    }
    TH_ASSIGN_OR_RETURN(base::BufferOwner taken, scope_->chunk_pool.Take(num_bytes));
    batch->Retain(std::move(taken));
  }
  std::vector<ObjectRanges> objects;
  for (Segment& segment : *segments) {
    objects.push_back({selected_.block->SegmentObject(segment.number), std::move(segment.ranges)});
  }
  const base::TimePoint start = base::SteadyNow();
  TH_ASSIGN_OR_RETURN(std::vector<FetchedRanges> fetched, scope_->fetcher.Fetch(cancel, std::move(objects)));
  const base::Duration elapsed = base::SteadyNow() - start;
  chunk_work_.chunk_fetch_time += elapsed;
  scope_->metrics.chunks_fetch_duration.Observe(base::ToSeconds(elapsed));
  for (size_t i = 0; i < segments->size(); ++i) {
    chunk_work_.chunk_bytes_fetched += fetched[i].num_bytes();
    (*segments)[i].fetched = std::move(fetched[i]);
  }
  return base::OkStatus();
}

base::Status BlockSeriesSet::ReadChunks(const base::CancelToken& cancel, series::SeriesBatch* batch) {
  size_t num_chunks = 0;
  for (const ChunkJob& job : jobs_) {
    num_chunks += job.end - job.begin;
  }
  TH_RETURN_IF_ERROR(scope_->chunks_limiter.Reserve(num_chunks));
  chunk_work_.chunks += num_chunks;
  std::vector<Segment> segments;
  TH_RETURN_IF_ERROR(FetchSegments(cancel, &segments, batch));
  for (const Segment& segment : segments) {
    segment.fetched.ForEachOwner([&](const base::BufferOwner& owner) { batch->Retain(owner); });
    const base::SharedBytes extent = segment.fetched.Extent();
    (*segment_windows_)[segment.number].MoveTo(extent.owner, extent.bytes);
  }
  // The last batch is still being read when this is gone.
  batch->Retain(segment_windows_);
  const auto segment_of = [&](const index::ChunkMeta& meta) {
    return std::find_if(segments.begin(), segments.end(),
                        [&](const Segment& candidate) { return candidate.number == meta.segment(); });
  };
  for (const ChunkJob& job : jobs_) {
    for (size_t i = job.begin; i < job.end; ++i) {
      const index::ChunkMeta& meta = metas_[i];
      const auto segment = segment_of(meta);
      if (i + kChunksAhead < metas_.size()) {
        const index::ChunkMeta& ahead = metas_[i + kChunksAhead];
        if (const auto found = segment_of(ahead); found != segments.end()) {
          Prefetch(found->fetched.From(ahead.offset()));
        }
      }
      if (const base::Status status = FillChunk(cancel, meta, *segment, batch, &job.chunks[i - job.begin]);
          !status.ok()) {
        return base::Annotate(status, "segment ", block::SegmentFileName(meta.segment()), " offset ",
                              meta.offset());
      }
    }
  }
  for (const Segment& segment : segments) {
    TH_RETURN_IF_ERROR(segment.fetched.CheckIntact());
  }
  return base::OkStatus();
}

base::Status BlockSeriesSet::FillChunk(const base::CancelToken& cancel, const index::ChunkMeta& meta,
                                       const Segment& segment, series::SeriesBatch* batch,
                                       series::Chunk* chunk) {
  const uint64_t offset = meta.offset();
  const std::string_view bytes = segment.fetched.From(offset);
  const auto size = block::ChunkRecordBytes(bytes);
  if (!size.ok()) {
    return base::DataLoss(base::Message(size.status()));
  }
  chunk_work_.chunk_bytes_touched += *size;
  if (*size <= bytes.size()) {
    return SetData(bytes, batch->arena(), chunk);
  }
  // Longer than guessed.
  if (*size > segment.size_bytes - offset) {
    return base::DataLoss("chunk of ", *size, " bytes reaches beyond the segment");
  }
  scope_->metrics.chunk_refetches.Increment();
  TH_ASSIGN_OR_RETURN(const FetchedRanges fetched,
                      scope_->fetcher.Fetch(cancel, selected_.block->SegmentObject(segment.number),
                                            {{offset, offset + *size}}));
  chunk_work_.chunk_bytes_fetched += *size;
  fetched.ForEachOwner([&](const base::BufferOwner& owner) { batch->Retain(owner); });
  TH_RETURN_IF_ERROR(SetData(fetched.From(offset), batch->arena(), chunk));
  return fetched.CheckIntact();
}

base::Status BlockSeriesSet::SetData(std::string_view record, base::Arena& arena, series::Chunk* chunk) {
  TH_ASSIGN_OR_RETURN(const block::EncodedChunk encoded, block::ParseChunkRecord(record));
  if (encoded.encoding != chunkenc::Encoding::kAggregate) {
    chunk->raw = {encoded.encoding, encoded.data, 0};
    return base::OkStatus();
  }
  TH_ASSIGN_OR_RETURN(const chunkenc::AggregateParts parts, chunkenc::SplitAggregateChunk(encoded.data));
  auto* aggregates =
      new (arena.Allocate(sizeof(std::array<series::ChunkData, 6>), alignof(series::ChunkData)))
          std::array<series::ChunkData, 6>{};
  for (const series::Aggregate aggregate : scope_->request.aggregates) {
    const auto number = static_cast<size_t>(aggregate);
    if (number >= 1 && number <= parts.size()) {
      const chunkenc::AggregatePart& part = parts[number - 1];
      (*aggregates)[number] = {part.encoding, part.data, 0};
    }
  }
  chunk->aggregates = aggregates;
  return base::OkStatus();
}

}  // namespace thanos::bucketstore::internal
