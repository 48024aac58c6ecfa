#pragma once

// Which blocks of a group are compacted next. Nothing here does I/O but through the given functions.

#include <cstdint>
#include <functional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "base/status.h"
#include "block/meta.h"
#include "compact/grouping.h"
#include "model/ulid.h"

namespace thanos::compact {

// The ladder of block ranges 1h, 2h, 8h, 2d, 14d in milliseconds, up to the given level (0 is 1h).
// InvalidArgument: there is no such level.
base::StatusOr<std::vector<int64_t>> CompactionRanges(int64_t max_level);

// The first run of blocks of which each overlaps one before it; empty when none do. `blocks` by min time.
std::vector<MetaPtr> FirstOverlap(const std::vector<MetaPtr>& blocks);

// The blocks to compact next; empty when there is nothing to do. Blocks of `excluded` take no part and are
// never skipped over. In this order, as Thanos and Prometheus plan:
//  - the first run of overlapping blocks;
//  - the newest block waits for its successor: the rest without it, per range of the ladder from the second
//    on in windows aligned to that range; a window with two blocks or more is taken when it is filled from
//    start to end or lies before the newest remaining block. In a window that holds excluded blocks the first
//    stretch of two or more blocks between them is taken. A window with a block whose compaction failed
//    waits;
//  - the newest long block (at least the middle range) of which more than 5 % of the series have tombstones.
std::vector<MetaPtr> PlanBlocks(std::span<const int64_t> ranges_ms, const std::set<model::Ulid>& excluded,
                                const std::vector<MetaPtr>& blocks);

struct PlannerOptions {
  std::vector<int64_t> ranges_ms;
  // Inputs whose indexes together reach 85 % of this are not merged: the one with the largest index is left
  // out from then on.
  int64_t max_index_bytes = int64_t{64} << 30;
  // Overlapping blocks are merged; downsampled ones cannot be and are left out from then on.
  bool vertical = false;
};

// A block found to be unfit while planning: it is to get a no-compact mark.
struct Exclusion {
  model::Ulid ulid;
  std::string reason;
  std::string details;
};

struct Plan {
  std::vector<MetaPtr> blocks;
  std::vector<Exclusion> exclusions;
};

// The size of a block's index file.
using IndexBytes = std::function<base::StatusOr<int64_t>(const block::Meta&)>;

// PlanBlocks, repeated until no planned block is unfit. `index_bytes` is asked for blocks whose meta does not
// tell; its errors are returned.
base::StatusOr<Plan> PlanGroup(const PlannerOptions& options, std::set<model::Ulid> excluded,
                               const std::vector<MetaPtr>& blocks, const IndexBytes& index_bytes);

}  // namespace thanos::compact
