#include "compact/internal/progress.h"

#include <algorithm>
#include <map>
#include <utility>

#include "compact/downsampling.h"

namespace thanos::compact::internal {
namespace {

int64_t IndexBytesOf(const block::Meta& meta) {
  if (meta.thanos) {
    for (const block::BlockFile& file : meta.thanos->files) {
      if (file.rel_path == block::kIndexFileName) {
        return file.size_bytes;
      }
    }
  }
  return 0;
}

// What merging `plan` would give, as far as planning looks at it.
MetaPtr Merged(const std::vector<MetaPtr>& plan, uint64_t number) {
  auto merged = std::make_shared<block::Meta>();
  merged->ulid = model::Ulid::FromParts(0, 0, number);
  merged->min_time_ms = plan.front()->min_time_ms;
  merged->max_time_ms = plan.front()->max_time_ms;
  block::BlockFile index;
  index.rel_path = std::string(block::kIndexFileName);
  for (const MetaPtr& meta : plan) {
    merged->min_time_ms = std::min(merged->min_time_ms, meta->min_time_ms);
    merged->max_time_ms = std::max(merged->max_time_ms, meta->max_time_ms);
    merged->stats.num_series = std::max(merged->stats.num_series, meta->stats.num_series);
    index.size_bytes += IndexBytesOf(*meta);
  }
  merged->thanos.emplace().resolution_ms = plan.front()->resolution_ms();
  merged->thanos->files.push_back(std::move(index));
  return merged;
}

}  // namespace

base::StatusOr<TodoCounts> CountTodo(const base::CancelToken& cancel, const PlannerOptions& planner,
                                     const RetentionMs& retention, bool downsampling, const BucketView& view,
                                     int64_t now_ms) {
  TodoCounts todo;
  uint64_t number = 0;
  const IndexBytes unknown = [](const block::Meta&) { return base::StatusOr<int64_t>(0); };
  for (Group& group : GroupBlocks(view.blocks)) {
    std::set<model::Ulid> excluded = view.NoCompaction();
    while (group.blocks.size() > 1) {
      TH_RETURN_IF_ERROR(cancel.status());
      TH_ASSIGN_OR_RETURN(const Plan plan, PlanGroup(planner, excluded, group.blocks, unknown));
      for (const Exclusion& exclusion : plan.exclusions) {
        excluded.insert(exclusion.ulid);
      }
      if (plan.blocks.empty()) {
        break;
      }
      ++todo.num_compactions;
      todo.num_compaction_blocks += static_cast<int64_t>(plan.blocks.size());
      std::erase_if(group.blocks, [&](const MetaPtr& meta) {
        return std::find(plan.blocks.begin(), plan.blocks.end(), meta) != plan.blocks.end();
      });
      group.blocks.push_back(Merged(plan.blocks, ++number));
      SortByMinTime(&group.blocks);
    }
  }
  for (const auto& [ulid, meta] : view.blocks) {
    todo.num_deletion_blocks +=
        IsExpired(retention, *meta, now_ms) && !view.marks.deletion.contains(ulid) ? 1 : 0;
  }
  if (downsampling) {
    todo.num_downsample_blocks =
        static_cast<int64_t>(PlanDownsampling(view.blocks, view.NoDownsampling()).size());
  }
  return todo;
}

}  // namespace thanos::compact::internal
