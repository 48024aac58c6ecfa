#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "base/cancel.h"
#include "base/mutex.h"
#include "base/status.h"
#include "block/fetcher.h"
#include "bucketstore/options.h"
#include "concurrency/gate.h"
#include "concurrency/thread_pool.h"
#include "objstore/bucket.h"
#include "storeapi/store.h"
#include "telemetry/metrics.h"

namespace thanos::bucketstore {

namespace internal {
class BlockSet;
class ChunkPool;
class IndexCache;
struct Metrics;
struct RequestScope;
struct SelectedBlock;
}  // namespace internal

// Serves the blocks of a bucket. Thread-safe.
class BucketStore final : public storeapi::Store {
 public:
  // All references must outlive the store. `pool` does the store's bucket reads; neither Sync nor a call of
  // the Store interface may run on its threads. InvalidArgument or Internal: the data directory or the index
  // cache cannot be used.
  static base::StatusOr<std::unique_ptr<BucketStore>> Create(Options options, objstore::Bucket& bucket,
                                                             block::MetaFetcher& fetcher,
                                                             concurrency::ThreadPool& pool,
                                                             telemetry::Registry& metrics);
  ~BucketStore() override;

  // Loads new blocks and drops those that are gone. The first success makes the store ready, or the second
  // try, when some blocks could be loaded and others could not even be read about. A block that
  // cannot be loaded is logged, tried again by the next Sync, and named in the warnings of requests that it
  // might have answered. An error means that the view of the bucket is incomplete: what was found is served
  // nevertheless.
  base::Status Sync(const base::CancelToken& cancel);
  bool ready() const { return ready_.load(); }

  base::StatusOr<std::unique_ptr<series::SeriesSet>> Series(const base::CancelToken& cancel,
                                                            const storeapi::SeriesRequest& request) override;
  base::StatusOr<storeapi::LabelsResponse> LabelNames(const base::CancelToken& cancel,
                                                      const storeapi::LabelNamesRequest& request) override;
  base::StatusOr<storeapi::LabelsResponse> LabelValues(const base::CancelToken& cancel,
                                                       const storeapi::LabelValuesRequest& request) override;
  base::StatusOr<storeapi::StoreInfo> Info() override;

 private:
  BucketStore(Options options, objstore::Bucket& bucket, block::MetaFetcher& fetcher,
              concurrency::ThreadPool& pool, telemetry::Registry& metrics,
              std::unique_ptr<internal::IndexCache> index_cache);

  std::shared_ptr<const internal::BlockSet> blocks() const;
  std::shared_ptr<const internal::BlockSet> LoadBlocks(const base::CancelToken& cancel,
                                                       const block::FetchResult& fetched);
  void RemoveUnknownDirectories(const block::FetchResult& fetched);
  void RemoveDirectory(const std::string& name);

  // What label calls do with one block: adds to `values`.
  using CollectFromBlock =
      std::function<base::Status(const base::CancelToken&, const internal::SelectedBlock&,
                                 internal::RequestScope&, std::vector<std::string>*)>;
  // Runs `collect` over the blocks of `request` in parallel and joins the values, sorted and unique.
  // `response_hints` is the message in which the queried blocks are named.
  base::StatusOr<storeapi::LabelsResponse> Collect(const base::CancelToken& cancel,
                                                   const storeapi::SeriesRequest& request,
                                                   std::string_view response_hints,
                                                   const CollectFromBlock& collect);
  model::ClosedRange ServedRange() const;
  storeapi::SeriesRequest CutToServedRange(storeapi::SeriesRequest request) const;

  const Options options_;
  objstore::Bucket& bucket_;
  block::MetaFetcher& fetcher_;
  concurrency::ThreadPool& pool_;
  const std::unique_ptr<internal::Metrics> metrics_;
  const std::unique_ptr<internal::IndexCache> index_cache_;
  const std::unique_ptr<internal::ChunkPool> chunk_pool_;
  concurrency::Gate gate_;
  std::atomic<bool> ready_{false};
  base::Mutex sync_mutex_;  // one Sync at a time; before mutex_
  bool has_tried_ ABSL_GUARDED_BY(sync_mutex_) = false;
  mutable base::Mutex mutex_;
  std::shared_ptr<const internal::BlockSet> blocks_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace thanos::bucketstore
