#include "series/merge.h"

#include <algorithm>
#include <compare>
#include <optional>

namespace thanos::series {
namespace {

constexpr size_t kMaxBatchSeries = 256;
constexpr size_t kMaxBatchBytes = size_t{1} << 20;

std::strong_ordering CompareData(const ChunkData& a, const ChunkData& b) {
  if (const auto order = a.encoding <=> b.encoding; order != 0) {
    return order;
  }
  if (const auto order = a.data.size() <=> b.data.size(); order != 0) {
    return order;
  }
  return a.data.data() == b.data.data() ? std::strong_ordering::equal : a.data.compare(b.data) <=> 0;
}

// A total order, so that the result does not depend on the order of the inputs: times first, then content.
std::strong_ordering CompareChunks(const Chunk& a, const Chunk& b) {
  if (const auto order = a.min_time_ms <=> b.min_time_ms; order != 0) {
    return order;
  }
  if (const auto order = a.max_time_ms <=> b.max_time_ms; order != 0) {
    return order;
  }
  if (const auto order = CompareData(a.raw, b.raw); order != 0 || a.aggregates == b.aggregates) {
    return order;
  }
  if (a.aggregates == nullptr || b.aggregates == nullptr) {
    return a.aggregates == nullptr ? std::strong_ordering::less : std::strong_ordering::greater;
  }
  for (size_t i = 0; i < a.aggregates->size(); ++i) {
    if (const auto order = CompareData((*a.aggregates)[i], (*b.aggregates)[i]); order != 0) {
      return order;
    }
  }
  return std::strong_ordering::equal;
}

bool StrictlyAscending(std::span<const Chunk> chunks) {
  return std::ranges::adjacent_find(
             chunks, [](const Chunk& a, const Chunk& b) { return CompareChunks(a, b) >= 0; }) == chunks.end();
}

size_t DataBytes(const Chunk& chunk) {
  size_t num_bytes = sizeof(Chunk) + chunk.raw.data.size();
  if (chunk.aggregates != nullptr) {
    for (const ChunkData& data : *chunk.aggregates) {
      num_bytes += data.data.size();
    }
  }
  return num_bytes;
}

// One input with its current batch, which is shared with the outputs that point into it.
class Cursor {
 public:
  explicit Cursor(std::unique_ptr<SeriesSet> input) : input_(std::move(input)) {}

  // False at the end of the input.
  bool valid() const { return valid_; }
  const Series& series() const { return batch_->series[position_]; }

  // Moves to the next series; warnings met on the way go to `output`.
  base::Status Advance(const base::CancelToken& cancel, SeriesBatch* output) {
    if (valid_ && ++position_ < batch_->series.size()) {
      return base::OkStatus();
    }
    do {
      batch_ = std::make_shared<SeriesBatch>();
      position_ = 0;
      retained_by_ = 0;
      TH_ASSIGN_OR_RETURN(valid_, input_->Next(cancel, batch_.get()));
      std::ranges::move(batch_->warnings, std::back_inserter(output->warnings));
      batch_->warnings.clear();
    } while (valid_ && batch_->series.empty());
    if (!valid_) {
      batch_.reset();
      input_.reset();
    }
    return base::OkStatus();
  }

  // Keeps the current batch alive with `output`, once per output.
  void RetainIn(SeriesBatch* output, uint64_t output_number) {
    if (retained_by_ != output_number) {
      retained_by_ = output_number;
      output->Retain(batch_);
    }
  }

 private:
  std::unique_ptr<SeriesSet> input_;
  std::shared_ptr<SeriesBatch> batch_;
  size_t position_ = 0;
  bool valid_ = false;
  uint64_t retained_by_ = 0;
};

class MergedSet final : public SeriesSet {
 public:
  explicit MergedSet(std::vector<std::unique_ptr<SeriesSet>> inputs) {
    cursors_.reserve(inputs.size());
    for (auto& input : inputs) {
      cursors_.emplace_back(std::move(input));
    }
  }

  base::StatusOr<bool> Next(const base::CancelToken& cancel, SeriesBatch* output) override {
    output->Clear();
    if (!status_.ok()) {
      return status_;
    }
    if (cancel.cancelled()) {
      return cancel.status();
    }
    status_ = Fill(cancel, output);
    if (!status_.ok()) {
      output->Clear();
      return status_;
    }
    return !output->empty();
  }

 private:
  base::Status Fill(const base::CancelToken& cancel, SeriesBatch* output) {
    if (!started_) {
      started_ = true;
      for (Cursor& cursor : cursors_) {
        TH_RETURN_IF_ERROR(cursor.Advance(cancel, output));
      }
      BuildTree();
    }
    ++output_number_;
    size_t num_bytes = 0;
    while (output->series.size() < kMaxBatchSeries && num_bytes < kMaxBatchBytes) {
      if (cursors_.empty() || !cursors_[winner_].valid()) {
        break;
      }
      TH_RETURN_IF_ERROR(TakeRun(cancel, output));
      for (const Chunk& chunk : output->series.back().chunks) {
        num_bytes += DataBytes(chunk);
      }
    }
    return base::OkStatus();
  }

  // Appends the smallest label set with the chunks of all series that have it.
  base::Status TakeRun(const base::CancelToken& cancel, SeriesBatch* output) {
    Series result = cursors_[winner_].series();
    TH_RETURN_IF_ERROR(Pass(cancel, output));
    bool joined = false;
    while (cursors_[winner_].valid() && labels::Equal(cursors_[winner_].series().labels, result.labels)) {
      if (!joined) {
        joined = true;
        joined_.assign(result.chunks.begin(), result.chunks.end());
      }
      const std::span<const Chunk> chunks = cursors_[winner_].series().chunks;
      joined_.insert(joined_.end(), chunks.begin(), chunks.end());
      TH_RETURN_IF_ERROR(Pass(cancel, output));
    }
    if (!joined && !StrictlyAscending(result.chunks)) {
      joined = true;
      joined_.assign(result.chunks.begin(), result.chunks.end());
    }
    if (joined) {
      SortAndDropDuplicates(&joined_);
      Chunk* copy = output->arena().AllocateArray<Chunk>(joined_.size());
      std::ranges::uninitialized_copy(joined_, std::span(copy, joined_.size()));
      result.chunks = {copy, joined_.size()};
    }
    output->series.push_back(result);
    return base::OkStatus();
  }

  // Steps over the winner's series, which `output` now refers to.
  base::Status Pass(const base::CancelToken& cancel, SeriesBatch* output) {
    Cursor& cursor = cursors_[winner_];
    cursor.RetainIn(output, output_number_);
    TH_RETURN_IF_ERROR(cursor.Advance(cancel, output));
    Replay(winner_);
    return base::OkStatus();
  }

  // Ended inputs are largest; equal ones go by position.
  bool Less(size_t a, size_t b) const {
    if (!cursors_[a].valid() || !cursors_[b].valid()) {
      return cursors_[a].valid() || (!cursors_[b].valid() && a < b);
    }
    const auto order = labels::Compare(cursors_[a].series().labels, cursors_[b].series().labels);
    return order < 0 || (order == 0 && a < b);
  }

  // losers_[n] is the loser of the match at inner node n; the leaf of input i is node i + k, the root is
  // node 1.
  void BuildTree() {
    const size_t k = cursors_.size();
    losers_.assign(k, 0);
    std::vector<size_t> winners(2 * k);
    for (size_t node = 2 * k; node-- > 1;) {
      if (node >= k) {
        winners[node] = node - k;
        continue;
      }
      const size_t left = winners[2 * node];
      const size_t right = winners[2 * node + 1];
      const bool left_wins = Less(left, right);
      winners[node] = left_wins ? left : right;
      losers_[node] = left_wins ? right : left;
    }
    winner_ = k > 1 ? winners[1] : 0;
  }

  // After input `changed` (the winner) moved on.
  void Replay(size_t changed) {
    winner_ = changed;
    for (size_t node = (changed + cursors_.size()) / 2; node > 0; node /= 2) {
      if (Less(losers_[node], winner_)) {
        std::swap(losers_[node], winner_);
      }
    }
  }

  std::vector<Cursor> cursors_;
  std::vector<size_t> losers_;
  size_t winner_ = 0;
  bool started_ = false;
  uint64_t output_number_ = 0;
  base::Status status_;
  std::vector<Chunk> joined_;
};

}  // namespace

void SortAndDropDuplicates(std::vector<Chunk>* chunks) {
  std::ranges::sort(*chunks, [](const Chunk& a, const Chunk& b) { return CompareChunks(a, b) < 0; });
  const auto same = [](const Chunk& a, const Chunk& b) { return CompareChunks(a, b) == 0; };
  chunks->erase(std::unique(chunks->begin(), chunks->end(), same), chunks->end());
}

std::unique_ptr<SeriesSet> MergeSets(std::vector<std::unique_ptr<SeriesSet>> inputs) {
  return std::make_unique<MergedSet>(std::move(inputs));
}

}  // namespace thanos::series
