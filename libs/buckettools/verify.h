#pragma once

// `tools bucket verify`: looks for known problems of a bucket, and repairs some.

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/status.h"
#include "buckettools/catalog.h"
#include "concurrency/thread_pool.h"
#include "model/ulid.h"
#include "objstore/bucket.h"

namespace thanos::buckettools {

// Names of the issues.
//   index_known_issues     every block is read whole: index order, checksums, chunks outside the block.
//   Repair
//                          writes a new block without duplicated and outside chunks.
//   overlapped_blocks      blocks of one group that overlap. No repair.
//   duplicated_compaction  blocks with the same sources, range and statistics. Repair removes all but one.
inline constexpr std::string_view kIndexKnownIssues = "index_known_issues";
inline constexpr std::string_view kOverlappedBlocks = "overlapped_blocks";
inline constexpr std::string_view kDuplicatedCompaction = "duplicated_compaction";

struct VerifyBucketOptions {
  std::vector<std::string> issues;
  std::set<model::Ulid> blocks{};  // not empty: only these; not for issues between blocks
  // Blocks that a repair replaces are copied here and then removed: at once without a delay, else marked for
  // deletion. Null: nothing is repaired.
  objstore::Bucket* backup = nullptr;
  int64_t delete_delay_ms = 0;
  std::string scratch_directory;  // blocks are downloaded below it, one at a time
  // Told how many blocks have been read.
  std::function<void(uint64_t done, uint64_t total)> progress{};
};

// What was found, each as a line for people.
struct VerifyBucketResult {
  struct Finding {
    std::string issue;
    std::string text;
    bool repaired = false;
  };
  std::vector<Finding> findings;
  uint64_t num_blocks = 0;  // looked at
};

// Runs the issues one after another over the blocks not marked for deletion; findings are logged as they are
// made. A block that cannot be read or repaired is a finding, not an error. Errors: the bucket cannot be
// listed, a backup cannot be made. InvalidArgument: an unknown issue, one that cannot be asked of single
// blocks, or one without a repair where that is asked for. Must not run on a thread of `pool`.
base::StatusOr<VerifyBucketResult> VerifyBucket(const base::CancelToken& cancel, objstore::Bucket& bucket,
                                                const VerifyBucketOptions& options,
                                                concurrency::ThreadPool& pool, const base::Clock& clock);

}  // namespace thanos::buckettools
