#pragma once

// What the compactor knows of its bucket.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "base/status.h"
#include "block/fetcher.h"
#include "block/filters.h"
#include "compact/marker.h"
#include "concurrency/thread_pool.h"
#include "objstore/bucket.h"
#include "telemetry/metrics.h"

namespace thanos::compact {

// The bucket at one moment.
struct BucketView {
  // Blocks in use, replica labels removed: without those covered by others, and without those marked for
  // deletion for longer than half the delete delay. Blocks marked more recently are still here unless they
  // have no samples, so that no gap is compacted before a replacement exists.
  block::MetaMap blocks;
  // Marks of all selected blocks, also of those that are not in `blocks`.
  block::BlockMarks marks;
  // Blocks covered by another (the value), neither of both marked for deletion.
  std::map<model::Ulid, model::Ulid> garbage;
  // The covering blocks of `garbage`.
  block::MetaMap covering;
  // Directories without meta.json.
  std::vector<model::Ulid> partial;

  std::set<model::Ulid> NoCompaction() const;
  std::set<model::Ulid> NoDownsampling() const;
};

struct SyncerOptions {
  block::FetchOptions fetch{};
  std::vector<std::string> replica_labels{};
  int64_t delete_delay_ms = 0;
};

// Thread-safe; synchronisations run one after another.
class Syncer {
 public:
  // `filters` (time, selection, consistency delay) run before those of the compactor. All references must
  // outlive this. Sync must not run on a thread of `pool`.
  Syncer(SyncerOptions options, objstore::Bucket& bucket, concurrency::ThreadPool& pool,
         const base::Clock& clock, telemetry::Registry& metrics,
         std::vector<std::unique_ptr<block::BlockFilter>> filters);

  // Called at the end of every Sync; to be set before the first.
  void OnSynced(block::MetaFetcher::Changed synced) { fetcher_->OnFetched(std::move(synced)); }

  // Reads metas and marks. An error when anything could not be read: an incomplete view is none. A damaged
  // meta.json hides its block, with a warning.
  base::StatusOr<std::shared_ptr<const BucketView>> Sync(const base::CancelToken& cancel);

  // Marks the garbage of `view` for deletion, after making sure that the files of the covering blocks are in
  // the bucket in full. Goes on after a failure and returns the first.
  base::Status CollectGarbage(const base::CancelToken& cancel, const BucketView& view, Marker& marker);

 private:
  class Collector;
  struct Metrics {
    explicit Metrics(telemetry::Registry& registry);
    telemetry::Counter& garbage_collections;
    telemetry::Counter& garbage_collection_failures;
    telemetry::Counter& garbage_collected_blocks;
    telemetry::Histogram& garbage_collection_duration;
  };

  base::Status CheckComplete(const base::CancelToken& cancel, const block::Meta& meta);

  objstore::Bucket& bucket_;
  concurrency::ThreadPool& pool_;
  Metrics metrics_;
  base::Mutex mutex_;
  Collector* collector_;  // owned by the fetcher; used under mutex_
  std::unique_ptr<block::MetaFetcher> fetcher_;
};

}  // namespace thanos::compact
