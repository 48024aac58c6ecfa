#pragma once

// One input of a merge: its series in order, with symbols renumbered to a table that all inputs share.

#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "block/chunk_reader.h"
#include "block/meta.h"
#include "block/reader.h"
#include "compact/internal/merge_tombstones.h"
#include "index/series_decoder.h"

namespace thanos::compact::internal {

// The union of the symbols of some blocks, ascending, so that numbers compare like strings. Views into the
// blocks' indexes.
class UnionSymbols {
 public:
  void Add(const index::SymbolTable& symbols);
  std::span<const std::string_view> symbols() const { return symbols_; }
  // The number of `symbol`, which must be one of them.
  uint32_t Number(std::string_view symbol) const;
  // For each symbol of `symbols`, in its order, the number here; all must be in the union.
  std::vector<uint32_t> Renumber(const index::SymbolTable& symbols) const;

 private:
  std::vector<std::string_view> symbols_;
};

// Compares label sets in symbols of one union.
inline uint64_t PairKey(const index::SymbolPair& pair) {
  return uint64_t{pair.name} << 32 | pair.value;
}
// Negative, zero or positive.
int CompareLabels(std::span<const index::SymbolPair> a, std::span<const index::SymbolPair> b);

enum class LabelOrder : uint8_t {
  kChecked,  // unsorted labels or series are DataLoss
  kSorted,   // both are sorted; equal series stay next to each other
};

// Not thread-safe, but chunks() is.
class MergeInput {
 public:
  // Errors name the block.
  static base::StatusOr<std::unique_ptr<MergeInput>> Open(const std::string& directory);

  const block::Meta& meta() const { return block_->meta(); }
  const std::string& name() const { return name_; }
  const index::Reader& index() const { return block_->index(); }
  const block::ChunkReader& chunks() const { return block_->chunks(); }
  // True when some samples may have to be left out: tombstones, or chunks outside the block's time range.
  bool has_tombstones() const { return !tombstones_.empty(); }

  // Prepares for Next; `symbols` contains those of this block and outlives it.
  base::Status Start(const UnionSymbols& symbols, LabelOrder order);
  // Moves to the first or next series. False: there are no more.
  base::StatusOr<bool> Next();
  // Of the current series.
  std::span<const index::SymbolPair> labels() const { return entry_.labels; }
  std::span<const index::ChunkMeta> chunk_metas() const { return entry_.chunks; }
  // Sorted, lives as long as this.
  std::span<const Interval> deleted() const { return deleted_; }

 private:
  explicit MergeInput(std::unique_ptr<block::BlockReader> block);
  base::Status Load(index::SeriesRef ref);
  base::Status Renumber();
  base::Status SortSeries();

  const std::unique_ptr<block::BlockReader> block_;
  const std::string name_;
  Tombstones tombstones_;
  LabelOrder order_ = LabelOrder::kChecked;
  const UnionSymbols* symbols_ = nullptr;
  std::vector<uint32_t> numbers_;  // empty for index version 1
  index::Postings refs_;
  size_t next_ = 0;
  index::SeriesEntry entry_;
  std::vector<index::SymbolPair> previous_;
  std::span<const Interval> deleted_;
};

}  // namespace thanos::compact::internal
