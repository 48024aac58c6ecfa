#pragma once

// The compaction of one group, plan after plan, until there is nothing left to do or something fails.

#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/status.h"
#include "compact/block_merger.h"
#include "compact/block_transfer.h"
#include "compact/grouping.h"
#include "compact/internal/failure.h"
#include "compact/internal/metrics.h"
#include "compact/marker.h"
#include "compact/planner.h"
#include "concurrency/thread_pool.h"

namespace thanos::compact::internal {

struct GroupOptions {
  std::string directory;  // "<data-dir>/compact"
  PlannerOptions planner;
  MergeFunction function = MergeFunction::kNone;  // of overlapping blocks
  bool accept_malformed_index = false;
  bool skip_out_of_order = false;
  bool quarantine = false;
  bool with_hashes = false;
  size_t block_fetch_concurrency = 1;
};

// What compactions share. References live as long as the compactor.
struct GroupContext {
  const GroupOptions& options;
  const Transfer& transfer;
  concurrency::ThreadPool& block_pool;  // one task per downloaded block
  concurrency::ThreadPool& cpu_pool;
  const base::Clock& clock;
  Marker& marker;
  GroupMetrics& metrics;
};

// For one thread, which must be none of the pools of the context.
class GroupCompaction {
 public:
  GroupCompaction(const GroupContext& context, Group group, std::set<model::Ulid> excluded)
      : context_(context),
        options_(context.options),
        group_(std::move(group)),
        excluded_(std::move(excluded)),
        directory_(options_.directory + "/" + group_.key) {}

  // The working directory is empty afterwards unless there was a failure; what was downloaded is used again
  // by the next attempt.
  Failure Run(const base::CancelToken& cancel);
  // True: the bucket is no longer what it was.
  bool changed() const { return changed_; }

 private:
  enum class Step : uint8_t { kDone, kAgain, kFailed };

  // One plan. `failure_` is set with kFailed.
  Step CompactNext(const base::CancelToken& cancel);
  Step Fail(Failure failure);
  bool CheckOverlaps();
  bool CheckSources(const std::vector<MetaPtr>& plan);
  bool ApplyExclusions(const base::CancelToken& cancel, const std::vector<Exclusion>& exclusions);
  Step CompactPlan(const base::CancelToken& cancel, const std::vector<MetaPtr>& plan);
  // Downloads and verifies the blocks of a plan. kAgain: one of them was repaired, plan again.
  Step Fetch(const base::CancelToken& cancel, const std::vector<MetaPtr>& plan);
  Failure FetchBlock(const base::CancelToken& cancel, const MetaPtr& meta, bool* repairable);
  Step Repair(const base::CancelToken& cancel, const MetaPtr& broken);
  Step Merge(const base::CancelToken& cancel, const std::vector<MetaPtr>& plan);
  // Why merging failed: reads the inputs completely and blames those that are damaged.
  Failure Blame(const base::CancelToken& cancel, const std::vector<MetaPtr>& plan,
                const base::Status& status);
  Step DropEmpty(const base::CancelToken& cancel, const std::vector<MetaPtr>& plan);
  // Uploads the block in `directory_` and marks what it replaces.
  Step Publish(const base::CancelToken& cancel, block::Meta meta, const std::vector<MetaPtr>& replaced,
               std::string_view details);
  // Sets bad blocks aside if that is allowed. True: the group goes on without them.
  bool Quarantine(const base::CancelToken& cancel, const Failure& failure);
  void Replace(const std::vector<MetaPtr>& replaced, const MetaPtr& by);
  std::string BlockDirectory(const model::Ulid& ulid) const;

  const GroupContext& context_;
  const GroupOptions& options_;
  Group group_;
  std::set<model::Ulid> excluded_;
  const std::string directory_;
  std::set<model::Ulid> fetched_again_;  // damaged at first sight: the copy was thrown away once
  bool changed_ = false;
  Failure failure_;
};

}  // namespace thanos::compact::internal
