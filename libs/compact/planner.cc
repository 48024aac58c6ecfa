#include "compact/planner.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/strings.h"
#include "block/markers.h"
#include "model/time_range.h"

namespace thanos::compact {
namespace {

constexpr int64_t kHourMs = 3'600'000;
constexpr int64_t kLadderMs[] = {kHourMs, 2 * kHourMs, 8 * kHourMs, 48 * kHourMs, 14 * 24 * kHourMs};
constexpr double kMaxTombstonesPerSeries = 0.05;
// What is left for the growth of an index by merging.
constexpr double kIndexShare = 0.85;

using BlockSpan = std::span<const MetaPtr>;

// Start of the aligned window of `range_ms` that holds `time_ms`.
int64_t WindowStart(int64_t time_ms, int64_t range_ms) {
  const int64_t remainder = time_ms % range_ms;
  return model::SaturatingSubtract(time_ms, remainder < 0 ? remainder + range_ms : remainder);
}

// The blocks of one aligned window after another, without those that reach over its end.
std::vector<BlockSpan> SplitIntoWindows(BlockSpan blocks, int64_t range_ms) {
  std::vector<BlockSpan> windows;
  size_t i = 0;
  while (i < blocks.size()) {
    const int64_t start_ms = WindowStart(blocks[i]->min_time_ms, range_ms);
    const auto inside = [&](const MetaPtr& meta) {
      return meta->min_time_ms >= start_ms && meta->max_time_ms <= model::SaturatingAdd(start_ms, range_ms);
    };
    size_t end = i;
    while (end < blocks.size() && inside(blocks[end])) {
      ++end;
    }
    if (end == i) {
      ++i;  // longer than the window, or not aligned to it
      continue;
    }
    windows.push_back(blocks.subspan(i, end - i));
    i = end;
  }
  return windows;
}

// The first stretch of at least two blocks without an excluded one.
BlockSpan FirstStretch(BlockSpan window, const std::set<model::Ulid>& excluded) {
  size_t begin = 0;
  for (size_t i = 0; i <= window.size(); ++i) {
    if (i < window.size() && !excluded.contains(window[i]->ulid)) {
      continue;
    }
    if (i - begin >= 2) {
      return window.subspan(begin, i - begin);
    }
    begin = i + 1;
  }
  return {};
}

BlockSpan FirstWindow(std::span<const int64_t> ranges_ms, const std::set<model::Ulid>& excluded,
                      BlockSpan blocks) {
  if (blocks.empty() || ranges_ms.size() < 2) {
    return {};
  }
  const int64_t newest_min_ms = blocks.back()->min_time_ms;
  for (const int64_t range_ms : ranges_ms.subspan(1)) {
    for (const BlockSpan window : SplitIntoWindows(blocks, range_ms)) {
      const bool failed = std::any_of(window.begin(), window.end(),
                                      [](const MetaPtr& meta) { return meta->compaction.failed; });
      const int64_t end_ms = window.back()->max_time_ms;
      const bool filled = model::SaturatingSubtract(end_ms, window.front()->min_time_ms) == range_ms;
      if (failed || window.size() < 2 || (!filled && end_ms > newest_min_ms)) {
        continue;
      }
      if (const BlockSpan stretch = FirstStretch(window, excluded); !stretch.empty()) {
        return stretch;
      }
    }
  }
  return {};
}

std::vector<MetaPtr> ManyTombstones(std::span<const int64_t> ranges_ms, BlockSpan blocks) {
  const int64_t long_ms = ranges_ms[ranges_ms.size() / 2];
  for (size_t i = blocks.size(); i-- > 0;) {
    const block::Meta& meta = *blocks[i];
    if (model::SaturatingSubtract(meta.max_time_ms, meta.min_time_ms) < long_ms) {
      break;
    }
    const double ratio =
        static_cast<double>(meta.stats.num_tombstones) / static_cast<double>(meta.stats.num_series + 1);
    if (ratio > kMaxTombstonesPerSeries) {
      return {blocks[i]};
    }
  }
  return {};
}

// The position of the largest index when all together are too large to be merged.
base::StatusOr<std::optional<size_t>> LargestOfTooMany(const PlannerOptions& options, BlockSpan plan,
                                                       const IndexBytes& index_bytes) {
  const auto limit = static_cast<int64_t>(static_cast<double>(options.max_index_bytes) * kIndexShare);
  int64_t total = 0;
  int64_t largest = -1;
  size_t position = 0;
  for (size_t i = 0; i < plan.size(); ++i) {
    int64_t size = 0;
    if (plan[i]->thanos) {
      for (const block::BlockFile& file : plan[i]->thanos->files) {
        size = file.rel_path == block::kIndexFileName ? file.size_bytes : size;
      }
    }
    if (size <= 0) {
      TH_ASSIGN_OR_RETURN(size, index_bytes(*plan[i]));
    }
    if (size > largest) {
      largest = size;
      position = i;
    }
    total += size;
    if (total >= limit) {
      return std::optional<size_t>(position);
    }
  }
  return std::optional<size_t>();
}

}  // namespace

base::StatusOr<std::vector<int64_t>> CompactionRanges(int64_t max_level) {
  if (max_level < 0 || max_level >= static_cast<int64_t>(std::size(kLadderMs))) {
    return base::InvalidArgument("level ", max_level, " is bigger than the default set of ",
                                 std::size(kLadderMs));
  }
  return std::vector<int64_t>(kLadderMs, kLadderMs + max_level + 1);
}

std::vector<MetaPtr> FirstOverlap(const std::vector<MetaPtr>& blocks) {
  std::vector<MetaPtr> run;
  int64_t max_time_ms = 0;
  for (size_t i = 0; i < blocks.size(); ++i) {
    if (i > 0 && blocks[i]->min_time_ms < max_time_ms) {
      if (run.empty()) {
        run.push_back(blocks[i - 1]);
      }
      run.push_back(blocks[i]);
    } else if (!run.empty()) {
      break;
    }
    max_time_ms = i == 0 ? blocks[i]->max_time_ms : std::max(max_time_ms, blocks[i]->max_time_ms);
  }
  return run;
}

std::vector<MetaPtr> PlanBlocks(std::span<const int64_t> ranges_ms, const std::set<model::Ulid>& excluded,
                                const std::vector<MetaPtr>& blocks) {
  if (blocks.empty() || ranges_ms.empty()) {
    return {};
  }
  std::vector<MetaPtr> included;
  for (const MetaPtr& meta : blocks) {
    if (!excluded.contains(meta->ulid)) {
      included.push_back(meta);
    }
  }
  if (std::vector<MetaPtr> overlap = FirstOverlap(included); !overlap.empty()) {
    return overlap;
  }
  if (!excluded.contains(blocks.back()->ulid)) {
    included.pop_back();
  }
  const BlockSpan waiting = BlockSpan(blocks).first(blocks.size() - 1);
  if (const BlockSpan window = FirstWindow(ranges_ms, excluded, waiting); !window.empty()) {
    return {window.begin(), window.end()};
  }
  return ManyTombstones(ranges_ms, included);
}

base::StatusOr<Plan> PlanGroup(const PlannerOptions& options, std::set<model::Ulid> excluded,
                               const std::vector<MetaPtr>& blocks, const IndexBytes& index_bytes) {
  Plan plan;
  const auto exclude = [&](const block::Meta& meta, std::string_view reason, std::string details) {
    plan.exclusions.push_back({meta.ulid, std::string(reason), std::move(details)});
    excluded.insert(meta.ulid);
  };
  // Each round but the last excludes a block.
  while (true) {
    plan.blocks = PlanBlocks(options.ranges_ms, excluded, blocks);
    const size_t num_exclusions = plan.exclusions.size();
    TH_ASSIGN_OR_RETURN(const std::optional<size_t> largest,
                        LargestOfTooMany(options, plan.blocks, index_bytes));
    if (largest && plan.blocks.size() > 1) {
      exclude(*plan.blocks[*largest], block::kReasonIndexSize,
              base::Concat("the index of the compacted block could exceed ", options.max_index_bytes,
                           " bytes with this block"));
    } else if (options.vertical && !FirstOverlap(plan.blocks).empty()) {
      for (const MetaPtr& meta : plan.blocks) {
        if (meta->resolution_ms() != 0) {
          exclude(*meta, block::kReasonVerticalDownsampled,
                  "a downsampled block that overlaps others cannot be merged with them");
        }
      }
    }
    if (plan.exclusions.size() == num_exclusions) {
      return plan;
    }
  }
}

}  // namespace thanos::compact
