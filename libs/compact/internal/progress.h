#pragma once

// How much work is left, by planning on without doing it.

#include <cstdint>
#include <set>
#include <vector>

#include "base/cancel.h"
#include "base/status.h"
#include "compact/cleaner.h"
#include "compact/grouping.h"
#include "compact/planner.h"
#include "compact/syncer.h"

namespace thanos::compact::internal {

struct TodoCounts {
  int64_t num_compactions = 0;
  int64_t num_compaction_blocks = 0;
  int64_t num_downsample_blocks = 0;
  int64_t num_deletion_blocks = 0;  // behind their retention
};

// Plans every group until nothing is left, as if each plan had become a block.
base::StatusOr<TodoCounts> CountTodo(const base::CancelToken& cancel, const PlannerOptions& planner,
                                     const RetentionMs& retention, bool downsampling, const BucketView& view,
                                     int64_t now_ms);

}  // namespace thanos::compact::internal
