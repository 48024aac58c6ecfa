#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/mutex.h"
#include "base/status.h"
#include "block/filters.h"
#include "block/meta.h"
#include "concurrency/thread_pool.h"
#include "objstore/bucket.h"
#include "telemetry/metrics.h"

namespace thanos::block {

struct FetchOptions {
  // Directory of the local copies, "<data-dir>/meta-syncer"; empty: none.
  std::string cache_directory;
  size_t concurrency = 32;
  // List everything at once instead of one directory per block.
  bool recursive_listing = false;
  // Names of the metrics begin with it; fetchers of one process must differ.
  std::string metrics_prefix = "thanos_blocks_meta";
};

struct FetchResult {
  MetaMap metas;  // after the filters
  // Directories whose meta.json is there but cannot be used: damaged or of another version.
  std::map<model::Ulid, base::Status> damaged;
  // Directories without meta.json: uploads that are not finished, or deletions.
  std::vector<model::Ulid> partial;
  // Not OK: some metas could not be read just now. Blocks absent from `metas` may exist.
  base::Status incomplete;
  // Those metas, with what kept each from being read.
  std::map<model::Ulid, base::Status> unreadable;
};

// Reads the metas of all blocks of a bucket. meta.json never changes once uploaded, so each is read once and
// kept in memory and in the cache directory. Thread-safe; fetches run one after another.
class MetaFetcher {
 public:
  // `filters` run in order. All references must outlive the fetcher. Fetch must not run on a thread of
  // `pool`.
  MetaFetcher(FetchOptions options, objstore::Bucket& bucket, concurrency::ThreadPool& pool,
              telemetry::Registry& metrics, std::vector<std::unique_ptr<BlockFilter>> filters);

  // Calls `changed` at the end of every Fetch, with the metas after the filters and what went wrong. To be
  // set before the first Fetch.
  using Changed = std::function<void(const MetaMap& metas, const base::Status& error)>;
  void OnFetched(Changed changed) { on_fetched_ = std::move(changed); }

  // An error when the bucket cannot be listed or a filter fails. One bad meta never hides the others.
  base::StatusOr<FetchResult> Fetch(const base::CancelToken& cancel);

 private:
  struct ListedBlock {
    model::Ulid ulid;
    std::optional<bool> has_meta{};  // when the listing tells
    bool listed = true;              // false: known from before, but not in the listing
  };
  static void AddUnlisted(const MetaMap& known, std::vector<ListedBlock>* blocks);
  base::StatusOr<std::vector<ListedBlock>> ListBlocks(const base::CancelToken& cancel);
  base::StatusOr<FetchResult> FetchLocked(const base::CancelToken& cancel)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // `known` are the metas of earlier fetches; it must not change meanwhile.
  base::Status ReadAll(const base::CancelToken& cancel, const std::vector<ListedBlock>& blocks,
                       const MetaMap& known, FetchResult* result);
  // The known meta or a new one. NotFound: the bucket has none.
  base::StatusOr<std::shared_ptr<const Meta>> FindMeta(const base::CancelToken& cancel,
                                                       const ListedBlock& block, const MetaMap& known);
  // The copy in the cache directory; null when there is none that can be used.
  std::shared_ptr<const Meta> LoadCached(const model::Ulid& ulid) const;
  // From the bucket. NotFound; DataLoss: the bucket's copy is unusable.
  base::StatusOr<std::shared_ptr<const Meta>> LoadMeta(const base::CancelToken& cancel,
                                                       const model::Ulid& ulid);
  void RemoveStaleCache(const MetaMap& metas);
  void SetStates(const StateCounts& counts);

  const FetchOptions options_;
  objstore::Bucket& bucket_;
  concurrency::ThreadPool& pool_;
  telemetry::Registry& metrics_;
  const std::vector<std::unique_ptr<BlockFilter>> filters_;
  Changed on_fetched_;
  telemetry::Counter& syncs_;
  telemetry::Counter& base_syncs_;
  telemetry::Counter& failures_;
  telemetry::Histogram& duration_;
  base::Mutex mutex_;
  MetaMap known_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace thanos::block
