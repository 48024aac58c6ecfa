#include "bucketstore/bucket_store.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "bucketstore/internal/block_set.h"
#include "bucketstore/internal/chunk_pool.h"
#include "bucketstore/internal/index_cache.h"
#include "bucketstore/internal/metrics.h"
#include "cache/remote_cache.h"

namespace thanos::bucketstore {
namespace {

// Old queriers recognise bucket stores by this label.
constexpr std::string_view kCompatibilityLabel = "@thanos_compatibility_store_type";

}  // namespace

BucketStore::BucketStore(Options options, objstore::Bucket& bucket, block::MetaFetcher& fetcher,
                         concurrency::ThreadPool& pool, telemetry::Registry& metrics,
                         std::unique_ptr<internal::IndexCache> index_cache)
    : options_(std::move(options)),
      bucket_(bucket),
      fetcher_(fetcher),
      pool_(pool),
      metrics_(std::make_unique<internal::Metrics>(metrics)),
      index_cache_(std::move(index_cache)),
      chunk_pool_(std::make_unique<internal::ChunkPool>(options_.chunk_pool_bytes)),
      gate_(options_.max_concurrent_series),
      blocks_(std::make_shared<const internal::BlockSet>()) {
  metrics_->gate_max.Set(options_.max_concurrent_series);
}

BucketStore::~BucketStore() = default;

base::StatusOr<std::unique_ptr<BucketStore>> BucketStore::Create(Options options, objstore::Bucket& bucket,
                                                                 block::MetaFetcher& fetcher,
                                                                 concurrency::ThreadPool& pool,
                                                                 telemetry::Registry& metrics) {
  if (options.max_concurrent_series < 1) {
    return base::InvalidArgument("max concurrency value cannot be lower than 1 (got ",
                                 options.max_concurrent_series, ")");
  }
  std::error_code error;
  std::filesystem::create_directories(options.data_directory, error);
  if (error) {
    return base::ErrnoStatus(error.value(), base::Concat("create data directory ", options.data_directory));
  }
  std::unique_ptr<cache::Cache> remote;
  if (options.index_cache.remote) {
    static const base::SystemClock kClock;  // long times to live are absolute
    TH_ASSIGN_OR_RETURN(remote,
                        cache::MakeRemoteCache("index-cache", *options.index_cache.remote, kClock, metrics));
  }
  auto index_cache = std::make_unique<internal::IndexCache>(options.index_cache, metrics, std::move(remote));
  return std::unique_ptr<BucketStore>(
      new BucketStore(std::move(options), bucket, fetcher, pool, metrics, std::move(index_cache)));
}

std::shared_ptr<const internal::BlockSet> BucketStore::blocks() const {
  base::MutexLock lock(mutex_);
  return blocks_;
}

model::ClosedRange BucketStore::ServedRange() const {
  return options_.served_range ? options_.served_range() : model::ClosedRange();
}

storeapi::SeriesRequest BucketStore::CutToServedRange(storeapi::SeriesRequest request) const {
  const model::ClosedRange served = ServedRange();
  request.min_time_ms = std::max(request.min_time_ms, served.min_ms);
  request.max_time_ms = std::min(request.max_time_ms, served.max_ms);
  return request;
}

base::StatusOr<storeapi::StoreInfo> BucketStore::Info() {
  if (!ready()) {
    return base::Unavailable("bucket store is not ready: blocks are being loaded");
  }
  const auto current = blocks();
  storeapi::StoreInfo info = current->Describe();
  info.supports_sharding = true;
  info.supports_without_replica_labels = true;
  if (info.tsdb_infos.empty()) {
    return info;
  }
  const model::ClosedRange served = ServedRange();
  info.min_time_ms = std::max(info.min_time_ms, served.min_ms);
  info.max_time_ms = std::min(info.max_time_ms, served.max_ms);
  if (options_.advertise_compatibility_label) {
    info.label_sets.push_back(labels::Labels({{kCompatibilityLabel, "store"}}));
  }
  return info;
}

}  // namespace thanos::bucketstore
