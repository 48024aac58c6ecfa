// VerifyBlock: one pass over the index on the calling thread, the chunks on the pool.

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <sys/stat.h>
#include <utility>

#include "block/reader.h"
#include "chunkenc/aggr_chunk.h"
#include "chunkenc/column_decoder.h"
#include "compact/block_merger.h"
#include "concurrency/ordered_batches.h"
#include "encoding/crc32c.h"
#include "index/mapped_file.h"

namespace thanos::compact {
namespace {

using chunkenc::Encoding;

constexpr size_t kBatchChunks = 2048;
constexpr size_t kMaxDetails = 20;
constexpr int64_t kMinTime = std::numeric_limits<int64_t>::min();
constexpr int64_t kMaxTime = std::numeric_limits<int64_t>::max();

struct ChunkToCheck {
  index::SeriesRef series = 0;
  index::ChunkMeta meta;
  bool may_be_duplicate = false;  // same times as the predecessor
  bool out_of_order = false;
  uint64_t previous_ref = 0;
};

// Counts of a batch, and their details in order.
struct Batch {
  std::vector<ChunkToCheck> chunks;
  BlockHealth found;
};

base::Status CheckSamples(const index::ChunkMeta& meta, Encoding encoding, std::string_view data) {
  thread_local chunkenc::SampleColumns columns;
  columns.Clear();
  TH_RETURN_IF_ERROR(chunkenc::DecodeChunk(encoding, data, kMinTime, kMaxTime, &columns));
  if (columns.empty()) {
    return base::OkStatus();
  }
  const auto& times = columns.timestamps;
  bool ascending = true;
  for (size_t i = 1; i < times.size(); ++i) {
    ascending &= times[i - 1] < times[i];
  }
  if (!ascending) {
    return base::DataLoss("timestamps do not ascend");
  }
  if (times.front() < meta.min_time_ms || times.back() > meta.max_time_ms) {
    return base::DataLoss("samples from ", times.front(), " to ", times.back(),
                          " are outside the times of the index");
  }
  return base::OkStatus();
}

base::Status CheckAggregates(const index::ChunkMeta& meta, std::string_view data) {
  constexpr size_t kCounter = 4;
  TH_ASSIGN_OR_RETURN(const chunkenc::AggregateParts parts, chunkenc::SplitAggregateChunk(data));
  for (size_t i = 0; i < parts.size(); ++i) {
    if (parts[i].encoding == Encoding::kNone) {
      continue;
    }
    if (i != kCounter) {
      TH_RETURN_IF_ERROR(CheckSamples(meta, parts[i].encoding, parts[i].data));
      continue;
    }
    // It begins and ends with raw values at times of their own: only that it can be read.
    chunkenc::SampleColumns columns;
    TH_RETURN_IF_ERROR(chunkenc::DecodeChunk(parts[i].encoding, parts[i].data, kMinTime, kMaxTime, &columns));
  }
  return base::OkStatus();
}

class Verification {
 public:
  Verification(const block::Meta& meta, const index::Reader& index, const block::ChunkReader& chunks,
               const VerifyOptions& options, BlockHealth* health)
      : meta_(meta), index_(index), chunks_(chunks), options_(options), health_(*health) {}

  base::Status Run(const base::CancelToken& cancel);

 private:
  base::StatusOr<bool> Produce(Batch* batch);
  base::Status Process(const base::CancelToken& cancel, Batch* batch) const;
  base::Status Consume(Batch* batch);
  void CheckSeries(index::SeriesRef ref, Batch* batch);
  void CheckLabels(index::SeriesRef ref, BlockHealth* found);
  void CheckTimes(index::SeriesRef ref, const index::ChunkMeta& chunk, BlockHealth* found) const;
  void CheckChunk(const ChunkToCheck& chunk, BlockHealth* found) const;
  void CompareStats();

  const block::Meta& meta_;
  const index::Reader& index_;
  const block::ChunkReader& chunks_;
  const VerifyOptions options_;
  BlockHealth& health_;
  index::Postings refs_;
  size_t next_ = 0;
  index::SeriesEntry entry_;
  std::vector<labels::LabelView> labels_;
  std::vector<labels::LabelView> previous_labels_;
  bool has_previous_ = false;
  std::set<uint32_t> missing_segments_;
};

void Note(BlockHealth* health, std::string detail) {
  if (health->details.size() < kMaxDetails) {
    health->details.push_back(std::move(detail));
  }
}

base::Status Verification::Run(const base::CancelToken& cancel) {
  auto refs = index_.AllPostings();
  if (!refs.ok()) {
    health_.index_damage = base::Message(refs.status());
    return base::OkStatus();
  }
  refs_ = *std::move(refs);
  const size_t in_flight =
      options_.pool == nullptr ? 1 : static_cast<size_t>(options_.pool->num_threads()) * 2 + 1;
  TH_RETURN_IF_ERROR(concurrency::RunOrderedBatches<Batch>(
      options_.pool, cancel, in_flight,
      {.produce = [this](Batch* batch) { return Produce(batch); },
       .process = [this](const base::CancelToken& token, Batch* batch) { return Process(token, batch); },
       .consume = [this](Batch* batch) { return Consume(batch); }}));
  for (const uint32_t segment : missing_segments_) {
    health_.missing_segments.push_back(block::SegmentFileName(segment));
  }
  CompareStats();
  return base::OkStatus();
}

base::StatusOr<bool> Verification::Produce(Batch* batch) {
  batch->chunks.clear();
  batch->found = {};
  const size_t begin = next_;
  while (next_ < refs_.size() && batch->chunks.size() < kBatchChunks) {
    CheckSeries(refs_[next_++], batch);
  }
  return next_ > begin;
}

void Verification::CheckSeries(index::SeriesRef ref, Batch* batch) {
  BlockHealth& found = batch->found;
  ++found.num_series;
  uint64_t entry_bytes = 0;
  if (const base::Status status = index_.Entry(ref, &entry_, &entry_bytes); !status.ok()) {
    ++found.damaged_series;
    Note(&found, std::string(base::Message(status)));
    return;
  }
  found.max_series_bytes = std::max(found.max_series_bytes, entry_bytes);
  CheckLabels(ref, &found);
  for (size_t i = 0; i < entry_.chunks.size(); ++i) {
    const index::ChunkMeta& chunk = entry_.chunks[i];
    ++found.num_chunks;
    CheckTimes(ref, chunk, &found);
    ChunkToCheck check{.series = ref, .meta = chunk};
    if (i > 0) {
      const index::ChunkMeta& previous = entry_.chunks[i - 1];
      check.out_of_order = chunk.min_time_ms <= previous.max_time_ms;
      check.may_be_duplicate =
          chunk.min_time_ms == previous.min_time_ms && chunk.max_time_ms == previous.max_time_ms;
      check.previous_ref = previous.ref;
    }
    batch->chunks.push_back(check);
  }
}

void Verification::CheckLabels(index::SeriesRef ref, BlockHealth* found) {
  labels_.clear();
  for (const index::SymbolPair& pair : entry_.labels) {
    const auto name = index_.symbols().Lookup(pair.name);
    const auto value = index_.symbols().Lookup(pair.value);
    if (!name.ok() || !value.ok()) {
      ++found->damaged_series;
      Note(found,
           base::Concat("series ", ref, ": ", base::Message(name.ok() ? value.status() : name.status())));
      return;
    }
    labels_.push_back({*name, *value});
  }
  const auto by_name = [](const labels::LabelView& a, const labels::LabelView& b) { return a.name < b.name; };
  bool duplicated = std::ranges::any_of(labels_, [](const auto& label) { return label.value.empty(); });
  if (!std::is_sorted(labels_.begin(), labels_.end(), by_name)) {
    ++found->out_of_order_labels;
    Note(found, base::Concat("series ", ref, ": labels out of order: ", labels::ToString(labels_)));
    std::stable_sort(labels_.begin(), labels_.end(), by_name);
  }
  duplicated |= std::adjacent_find(labels_.begin(), labels_.end(), [](const auto& a, const auto& b) {
                  return a.name == b.name;
                }) != labels_.end();
  if (duplicated) {
    ++found->duplicated_labels;
    Note(found, base::Concat("series ", ref, ": a label twice or empty: ", labels::ToString(labels_)));
  }
  if (has_previous_) {
    const auto order = labels::Compare(previous_labels_, labels_);
    if (order == 0) {
      ++found->duplicated_series;
      Note(found, base::Concat("series ", ref, " is there twice: ", labels::ToString(labels_)));
    } else if (order > 0) {
      ++found->out_of_order_series;
      Note(found, base::Concat("series ", ref, " is out of order: ", labels::ToString(labels_)));
    }
  }
  has_previous_ = true;
  previous_labels_.swap(labels_);
}

void Verification::CheckTimes(index::SeriesRef ref, const index::ChunkMeta& chunk, BlockHealth* found) const {
  if (chunk.min_time_ms >= meta_.min_time_ms && chunk.max_time_ms < meta_.max_time_ms) {
    return;
  }
  ++found->outside_chunks;
  if (chunk.min_time_ms >= meta_.max_time_ms || chunk.max_time_ms < meta_.min_time_ms) {
    ++found->complete_outside_chunks;
    found->issue347_outside_chunks += chunk.min_time_ms == meta_.max_time_ms ? 1 : 0;
  }
  Note(found, base::Concat("series ", ref, ": chunk from ", chunk.min_time_ms, " to ", chunk.max_time_ms,
                           " is not within the block"));
}

base::Status Verification::Process(const base::CancelToken& cancel, Batch* batch) const {
  for (size_t i = 0; i < batch->chunks.size(); ++i) {
    if (i % 256 == 0) {
      TH_RETURN_IF_ERROR(cancel.status());
    }
    CheckChunk(batch->chunks[i], &batch->found);
  }
  return base::OkStatus();
}

void Verification::CheckChunk(const ChunkToCheck& check, BlockHealth* found) const {
  const uint32_t segment = check.meta.segment();
  if (segment >= chunks_.num_segments()) {
    ++found->damaged_chunks;
    found->missing_segments.push_back(block::SegmentFileName(segment));
    Note(found, base::Concat("series ", check.series, ": no segment file ", block::SegmentFileName(segment)));
    return;
  }
  const auto read = chunks_.Read(check.meta.ref);
  base::Status status = read.status();
  if (read.ok()) {
    found->max_chunk_bytes = std::max<uint64_t>(found->max_chunk_bytes, read->data.size());
    const auto num_samples = chunkenc::NumSamples(read->encoding, read->data);
    found->num_samples += num_samples.ok() ? static_cast<uint64_t>(*num_samples) : 0;
    status = num_samples.status();
    if (status.ok() && options_.read_chunks) {
      status = read->encoding == Encoding::kAggregate ? CheckAggregates(check.meta, read->data)
                                                      : CheckSamples(check.meta, read->encoding, read->data);
    }
  }
  if (!status.ok()) {
    ++found->damaged_chunks;
    Note(found, base::Concat("series ", check.series, ": chunk from ", check.meta.min_time_ms, " to ",
                             check.meta.max_time_ms, ": ", base::Message(status)));
    return;
  }
  if (!check.out_of_order) {
    return;
  }
  const auto previous = check.may_be_duplicate ? chunks_.Read(check.previous_ref)
                                               : base::StatusOr<block::EncodedChunk>(base::NotFound(""));
  if (previous.ok() && previous->encoding == read->encoding && previous->data == read->data) {
    ++found->duplicated_chunks;
  } else {
    ++found->out_of_order_chunks;
  }
  Note(found, base::Concat("series ", check.series, ": chunk from ", check.meta.min_time_ms, " to ",
                           check.meta.max_time_ms, " begins before its predecessor ends"));
}

base::Status Verification::Consume(Batch* batch) {
  const BlockHealth& found = batch->found;
  for (const auto field :
       {&BlockHealth::num_series, &BlockHealth::num_chunks, &BlockHealth::num_samples,
        &BlockHealth::out_of_order_series, &BlockHealth::duplicated_series, &BlockHealth::out_of_order_labels,
        &BlockHealth::duplicated_labels, &BlockHealth::out_of_order_chunks, &BlockHealth::duplicated_chunks,
        &BlockHealth::outside_chunks, &BlockHealth::complete_outside_chunks,
        &BlockHealth::issue347_outside_chunks, &BlockHealth::damaged_series, &BlockHealth::damaged_chunks}) {
    health_.*field += found.*field;
  }
  health_.max_series_bytes = std::max(health_.max_series_bytes, found.max_series_bytes);
  health_.max_chunk_bytes = std::max(health_.max_chunk_bytes, found.max_chunk_bytes);
  for (const ChunkToCheck& check : batch->chunks) {
    if (check.meta.segment() >= chunks_.num_segments() && missing_segments_.size() < kMaxDetails) {
      missing_segments_.insert(check.meta.segment());
    }
  }
  for (const std::string& detail : found.details) {
    Note(&health_, detail);
  }
  return base::OkStatus();
}

void Verification::CompareStats() {
  const block::BlockStats& stats = meta_.stats;
  if (stats == block::BlockStats{}) {
    return;
  }
  // Counting samples of aggregate chunks is not the same everywhere.
  const bool samples_differ = meta_.resolution_ms() == 0 && stats.num_samples != health_.num_samples;
  if (stats.num_series != health_.num_series || stats.num_chunks != health_.num_chunks || samples_differ) {
    health_.wrong_stats = true;
    Note(&health_, base::Concat("meta.json counts ", stats.num_series, " series, ", stats.num_chunks,
                                " chunks, ", stats.num_samples, " samples; there are ", health_.num_series,
                                ", ", health_.num_chunks, ", ", health_.num_samples));
  }
}

std::string FirstDetails(const BlockHealth& health) {
  std::string text;
  for (size_t i = 0; i < std::min<size_t>(3, health.details.size()); ++i) {
    base::Append(text, i == 0 ? " (" : "; ", health.details[i]);
  }
  return text.empty() ? text : text + ")";
}

}  // namespace

base::Status BlockHealth::Damage() const {
  if (!index_damage.empty()) {
    return base::DataLoss("damaged index: ", index_damage);
  }
  if (!missing_segments.empty()) {
    return base::DataLoss("missing chunk segment ", missing_segments.front(), FirstDetails(*this));
  }
  if (damaged_series > 0 || damaged_chunks > 0) {
    return base::DataLoss(damaged_series, " damaged series and ", damaged_chunks, " damaged chunks",
                          FirstDetails(*this));
  }
  return base::OkStatus();
}

base::Status BlockHealth::Critical() const {
  const uint64_t outside = complete_outside_chunks - issue347_outside_chunks;
  if (out_of_order_series == 0 && duplicated_series == 0 && outside == 0) {
    return base::OkStatus();
  }
  return base::DataLoss(out_of_order_series, " series out of order, ", duplicated_series,
                        " duplicated series, ", outside, " of ", num_chunks,
                        " chunks completely outside the block", FirstDetails(*this));
}

base::Status BlockHealth::OutOfOrderChunks() const {
  return out_of_order_chunks == 0 ? base::OkStatus()
                                  : base::DataLoss(out_of_order_chunks, " of ", num_chunks,
                                                   " chunks are out of order", FirstDetails(*this));
}

base::Status BlockHealth::Issue347() const {
  return issue347_outside_chunks == 0
             ? base::OkStatus()
             : base::DataLoss(issue347_outside_chunks,
                              " chunks begin at the end of the block (tsdb issue 347)", FirstDetails(*this));
}

base::Status BlockHealth::OutOfOrderLabels() const {
  return out_of_order_labels == 0 && duplicated_labels == 0
             ? base::OkStatus()
             : base::DataLoss(out_of_order_labels, " series with labels out of order, ", duplicated_labels,
                              " with a label twice or empty", FirstDetails(*this));
}

base::Status BlockHealth::Duplicates() const {
  return duplicated_chunks == 0
             ? base::OkStatus()
             : base::DataLoss(duplicated_chunks, " duplicated chunks", FirstDetails(*this));
}

base::Status BlockHealth::Any() const {
  for (const auto& status :
       {Damage(), Critical(), OutOfOrderChunks(), Issue347(), OutOfOrderLabels(), Duplicates()}) {
    TH_RETURN_IF_ERROR(status);
  }
  if (outside_chunks > 0) {
    return base::DataLoss(outside_chunks, " chunks are partly outside the block", FirstDetails(*this));
  }
  return wrong_stats ? base::DataLoss("wrong statistics in meta.json", FirstDetails(*this))
                     : base::OkStatus();
}

base::StatusOr<BlockHealth> VerifyBlock(const base::CancelToken& cancel, const std::string& block_dir,
                                        const VerifyOptions& options) {
  TH_ASSIGN_OR_RETURN(const block::Meta meta, block::ReadMetaFile(block_dir));
  const std::string name = meta.ulid.ToString();
  BlockHealth health;
  auto bytes = index::MapFile(base::Concat(block_dir, "/", block::kIndexFileName));
  if (!bytes.ok()) {
    return base::Annotate(bytes.status(), "block ", name);
  }
  const auto index = index::Reader::Open(*std::move(bytes));
  if (!index.ok()) {
    health.index_damage = base::Message(index.status());
    return health;
  }
  const auto chunks = block::ChunkReader::Open(base::Concat(block_dir, "/", block::kChunksDirectory), name);
  if (!chunks.ok()) {
    if (chunks.status().code() != base::StatusCode::kDataLoss) {
      return chunks.status();
    }
    ++health.damaged_chunks;
    health.details.emplace_back(base::Message(chunks.status()));
    return health;
  }
  Verification verification(meta, **index, *chunks, options, &health);
  TH_RETURN_IF_ERROR(verification.Run(cancel));
  return health;
}

}  // namespace thanos::compact
