#pragma once

// `tools bucket rewrite`: a block without some of its data, or with other labels.

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/cancel.h"
#include "base/status.h"
#include "block/meta.h"
#include "concurrency/thread_pool.h"
#include "labels/matcher.h"
#include "relabel/relabel.h"

namespace thanos::buckettools {

// Series that all matchers match (and that have each of those labels) lose the samples of the intervals, or
// all of them when there are none.
struct DeletionRequest {
  std::vector<labels::Matcher> matchers;
  block::BlockRewrite::Deletion text;  // as it is recorded in meta.json; its intervals are those deleted
};

// A YAML sequence of {matchers: '{a="b"}', intervals: [{mint: <ms>, maxt: <ms>}]}. InvalidArgument with the
// line for anything else.
base::StatusOr<std::vector<DeletionRequest>> ParseDeletionRequests(std::string_view yaml);

struct RewriteOptions {
  model::Ulid ulid;  // of the result
  std::vector<DeletionRequest> deletions{};
  std::vector<relabel::Rule> relabels{};  // applied before the deletions
  bool dry_run = true;                    // nothing is written, changes are only told
  // Gets a line for each series that is deleted, cut or relabelled.
  std::function<void(std::string_view line)> change{};
  concurrency::ThreadPool* pool = nullptr;  // as in compact::MergeOptions
};

struct RewriteResult {
  bool empty = false;  // nothing is left, or a dry run: nothing was written
  block::Meta meta;
  std::vector<block::BlockFile> files;
  uint64_t num_deleted_series = 0;
  uint64_t num_cut_series = 0;
  uint64_t num_relabelled_series = 0;
};

// Writes `<out_parent>/<ulid>` from the block in `block_dir`, which gets a tombstones file on the way: pass a
// copy. Series that relabelling makes equal become one. The new block is its own only source, with what was
// done to it in thanos.rewrites. `out_parent` is also used as scratch. DataLoss: the input is damaged.
base::StatusOr<RewriteResult> RewriteBlock(const base::CancelToken& cancel, const std::string& block_dir,
                                           const std::string& out_parent, const RewriteOptions& options);

}  // namespace thanos::buckettools
