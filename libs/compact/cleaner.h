#pragma once

// What leaves the bucket: blocks behind their retention are marked, marked blocks are deleted after a delay,
// and so are uploads that were never finished.

#include <cstdint>
#include <map>
#include <optional>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/status.h"
#include "compact/marker.h"
#include "compact/syncer.h"
#include "concurrency/thread_pool.h"
#include "objstore/bucket.h"
#include "telemetry/metrics.h"

namespace thanos::compact {

// How long blocks of a resolution (milliseconds, as in meta.json) are kept after their max time; none or zero
// is for ever.
using RetentionMs = std::map<int64_t, int64_t>;

bool IsExpired(const RetentionMs& retention, const block::Meta& meta, int64_t now_ms);

// InvalidArgument: blocks would be deleted before they could be downsampled.
base::Status CheckRetention(const RetentionMs& retention, bool downsampling);

// Marks what is expired and not marked yet. Goes on after a failure and returns the first.
base::Status MarkExpired(const base::CancelToken& cancel, const RetentionMs& retention,
                         const BucketView& view, int64_t now_ms, Marker& marker);

// Deletes the objects of a block in the order that never shows half a block: meta.json first, the deletion
// mark last. Objects that are gone already are no error.
base::Status DeleteBlock(const base::CancelToken& cancel, objstore::Bucket& bucket, const model::Ulid& ulid);

// Directories without meta.json whose newest object is older are deleted.
inline constexpr int64_t kPartialUploadAgeMs = int64_t{48} * 3'600'000;

// Thread-safe.
class Cleaner {
 public:
  // References must outlive this. The functions must not run on a thread of `pool`.
  Cleaner(int64_t delete_delay_ms, objstore::Bucket& bucket, concurrency::ThreadPool& pool,
          const base::Clock& clock, telemetry::Registry& metrics);

  // Deletes the blocks of `view` that have been marked for longer than the delay; each mark is read again
  // before. Goes on after a failure and returns the first.
  base::Status DeleteMarked(const base::CancelToken& cancel, const BucketView& view);

  // Deletes unfinished uploads and finishes deletions that were interrupted after meta.json. Whatever could
  // be a block stays: the directory is listed and meta.json is asked for again before. Failures are logged;
  // the next run tries again.
  void DeletePartial(const base::CancelToken& cancel, const BucketView& view);

 private:
  // Why a directory without meta.json can go; nothing when it has to stay.
  base::StatusOr<std::optional<std::string>> WhyDeletable(const base::CancelToken& cancel,
                                                          const model::Ulid& ulid);
  bool IsDue(const block::DeletionMark& mark) const;
  base::Status Delete(const base::CancelToken& cancel, const model::Ulid& ulid, std::string_view why);

  const int64_t delete_delay_ms_;
  objstore::Bucket& bucket_;
  concurrency::ThreadPool& pool_;
  const base::Clock& clock_;
  telemetry::Counter& blocks_cleaned_;
  telemetry::Counter& cleanup_failures_;
  telemetry::Counter& partial_attempts_;
};

}  // namespace thanos::compact
