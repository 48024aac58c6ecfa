#include "services/store/store.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "block/blocks_api.h"
#include "block/fetcher.h"
#include "block/filters.h"
#include "bucketstore/bucket_store.h"
#include "bucketstore/caching_bucket.h"
#include "concurrency/thread_pool.h"
#include "model/time_range.h"
#include "objstore/factory.h"
#include "storeapi/server.h"
#include "telemetry/log.h"

namespace thanos::services {
namespace {

constexpr base::Duration kFirstSyncRetry = std::chrono::seconds(5);
// Bucket reads of the store; apart from the pool whose threads serve requests and wait for these.
constexpr int kMinFetchThreads = 8;
constexpr int kMaxFetchThreads = 64;

base::StatusOr<bucketstore::IndexCacheConfig> IndexCacheOf(const StoreFlags& flags) {
  TH_ASSIGN_OR_RETURN(const std::string yaml, flags.index_cache_config.Read());
  if (!yaml.empty()) {
    return bucketstore::ParseIndexCacheConfig(yaml);
  }
  bucketstore::IndexCacheConfig config;
  config.max_bytes = std::max(flags.index_cache_size.value, int64_t{0});
  config.max_item_bytes = std::min(config.max_item_bytes, config.max_bytes);
  return config;
}

bucketstore::Options StoreOptions(const StoreFlags& flags, std::function<model::ClosedRange()> served_range) {
  bucketstore::Options options;
  options.data_directory = flags.data_dir;
  options.cache_index_headers = flags.cache_index_header;
  options.lazy_index_headers = flags.store_enable_index_header_lazy_reader;
  options.index_header_idle_timeout = flags.store_index_header_lazy_reader_idle_timeout.value;
  options.lazy_index_header_download = flags.store_index_header_lazy_download_strategy == "lazy";
  options.block_sync_concurrency = static_cast<size_t>(std::max<int64_t>(flags.block_sync_concurrency, 1));
  options.max_concurrent_series = static_cast<int>(flags.store_grpc_series_max_concurrency);
  options.limits.max_series = std::max(flags.store_grpc_touched_series_limit, int64_t{0});
  options.limits.max_samples = std::max(flags.store_grpc_series_sample_limit, int64_t{0});
  options.limits.max_bytes = flags.store_grpc_downloaded_bytes_limit.value;
  options.served_range = std::move(served_range);
  options.advertise_compatibility_label = flags.debug_advertise_compatibility_label;
  options.postings_sampling =
      static_cast<size_t>(std::max<int64_t>(flags.store_index_header_posting_offsets_in_mem_sampling, 1));
  options.lazy_expanded_postings = flags.store_enable_lazy_expanded_postings;
  options.posting_group_max_key_series_ratio = flags.store_posting_group_max_key_series_ratio;
  options.chunk_pool_bytes = std::max(flags.chunk_pool_size.value, int64_t{0});
  options.max_remote_batch_series = static_cast<size_t>(std::max<int64_t>(flags.debug_series_batch_size, 1));
  options.max_batch_series = std::min(options.max_batch_series, options.max_remote_batch_series);
  options.series_guess_bytes = std::max<int64_t>(flags.debug_estimated_max_series_size, 64);
  options.chunk_guess_bytes = std::max<int64_t>(flags.debug_estimated_max_chunk_size, 64);
  return options;
}

base::StatusOr<std::vector<std::unique_ptr<block::BlockFilter>>> Filters(
    const StoreFlags& flags, std::function<model::ClosedRange()> served_range, objstore::Bucket& bucket,
    concurrency::ThreadPool& pool, const base::Clock& clock) {
  TH_ASSIGN_OR_RETURN(const std::string selector_yaml, flags.selector_relabel.config.Read());
  auto selector = block::ParseBlockSelector(selector_yaml);
  if (!selector.ok()) {
    return base::Annotate(selector.status(), "selector.relabel-config");
  }
  std::vector<std::unique_ptr<block::BlockFilter>> filters;
  filters.push_back(std::make_unique<block::TimeFilter>(std::move(served_range)));
  if (*selector != nullptr) {
    filters.push_back(*std::move(selector));
  }
  filters.push_back(
      std::make_unique<block::ConsistencyDelayFilter>(base::ToMs(flags.consistency_delay.value), clock));
  filters.push_back(std::make_unique<block::DeletionMarkFilter>(
      bucket, pool, base::ToMs(flags.ignore_deletion_marks_delay.value), clock));
  filters.push_back(std::make_unique<block::DuplicateFilter>());
  filters.push_back(std::make_unique<block::ExtensionFilter>("parquet_migrated"));
  return filters;
}

// One round of the periodic synchronisation. Until the first success the rounds follow each other quickly.
base::Status SyncRound(const base::CancelToken& cancel, bucketstore::BucketStore& store,
                       app::Service& service) {
  while (true) {
    const base::Status status = store.Sync(cancel);
    if (cancel.cancelled()) {
      return base::OkStatus();
    }
    if (store.ready()) {
      service.SetReady();
      return status;
    }
    TH_LOG(kWarn, "initial sync of blocks, trying again").With("err", status);
    if (!cancel.SleepFor(kFirstSyncRetry)) {
      return base::OkStatus();
    }
  }
}

base::StatusOr<std::unique_ptr<objstore::Bucket>> OpenBucket(const StoreFlags& flags,
                                                             telemetry::Registry& metrics) {
  TH_ASSIGN_OR_RETURN(const std::string yaml, flags.objstore.config.ReadRequired());
  return objstore::FromConfig(yaml, metrics);
}

// The bucket as requests see it, behind a cache when one is configured.
struct CachedBucket {
  std::unique_ptr<cache::Cache> cache;
  std::unique_ptr<bucketstore::CachingBucket> caching;
  objstore::Bucket* bucket = nullptr;
};

base::StatusOr<CachedBucket> WithCache(const StoreFlags& flags, objstore::Bucket& bucket,
                                       concurrency::ThreadPool& pool, const app::Deps& deps) {
  CachedBucket cached;
  cached.bucket = &bucket;
  TH_ASSIGN_OR_RETURN(const std::string yaml, flags.store_caching_bucket_config.Read());
  if (yaml.empty()) {
    return cached;
  }
  TH_ASSIGN_OR_RETURN(const bucketstore::CachingBucketConfig config,
                      bucketstore::ParseCachingBucketConfig(yaml));
  TH_ASSIGN_OR_RETURN(cached.cache, bucketstore::MakeBucketCache(config, deps.clock, deps.metrics));
  cached.caching =
      std::make_unique<bucketstore::CachingBucket>(config, bucket, *cached.cache, pool, deps.metrics);
  cached.bucket = cached.caching.get();
  return cached;
}

// The API behind the block viewer.
void AddPages(app::Service& service, const StoreFlags& flags, block::MetaFetcher& fetcher,
              block::BlocksApi& blocks_api) {
  if (flags.web_disable) {
    return;
  }
  service.AddStatusRoutes();
  for (net::HttpServer::Route& route : blocks_api.Routes()) {
    service.AddRoute(std::move(route));
  }
  fetcher.OnFetched([&blocks_api](const block::MetaMap& metas, const base::Status& error) {
    blocks_api.SetLoaded(metas, error);
  });
}

}  // namespace

int RunStore(app::Service& service, const StoreFlags& flags) {
  const app::Deps deps = service.deps();
  if (const base::Status status = service.UseRequestLogging(flags.request_logging); !status.ok()) {
    return service.ExitWith(status);
  }
  const auto served_range = flags.time_range.Range(deps.clock);
  if (!served_range.ok()) {
    return service.ExitWith(served_range.status());
  }
  const auto index_cache = IndexCacheOf(flags);
  if (!index_cache.ok()) {
    return service.ExitWith(base::Annotate(index_cache.status(), "create index cache"));
  }
  const auto bucket = OpenBucket(flags, deps.metrics);
  if (!bucket.ok()) {
    return service.ExitWith(base::Annotate(bucket.status(), "create bucket client"));
  }
  const auto fetch_concurrency =
      static_cast<size_t>(std::max<int64_t>(flags.block_meta_fetch_concurrency, 1));
  concurrency::ThreadPool fetch_pool(
      "bucket-fetch", std::clamp(static_cast<int>(std::min<size_t>(fetch_concurrency, kMaxFetchThreads)),
                                 kMinFetchThreads, kMaxFetchThreads));
  deps.metrics.AddGauge("thanos_consistency_delay_seconds", "Configured consistency delay in seconds.")
      .Set(base::ToSeconds(flags.consistency_delay.value));
  const auto cached = WithCache(flags, **bucket, fetch_pool, deps);
  if (!cached.ok()) {
    return service.ExitWith(base::Annotate(cached.status(), "create caching bucket"));
  }
  objstore::Bucket& reads = *cached->bucket;
  auto filters = Filters(flags, *served_range, reads, fetch_pool, deps.clock);
  if (!filters.ok()) {
    return service.ExitWith(filters.status());
  }
  block::MetaFetcher fetcher({.cache_directory = base::Concat(flags.data_dir, "/meta-syncer"),
                              .concurrency = fetch_concurrency,
                              .recursive_listing = flags.block_discovery_strategy == "recursive"},
                             reads, fetch_pool, deps.metrics, *std::move(filters));
  block::BlocksApi blocks_api({.label = flags.bucket_web_label,
                               .disable_admin_operations = flags.disable_admin_operations,
                               .cors = !flags.web.disable_cors},
                              **bucket, deps.clock);
  AddPages(service, flags, fetcher, blocks_api);
  bucketstore::Options options = StoreOptions(flags, *served_range);
  options.index_cache = *index_cache;
  const auto store =
      bucketstore::BucketStore::Create(std::move(options), reads, fetcher, fetch_pool, deps.metrics);
  if (!store.ok()) {
    return service.ExitWith(base::Annotate(store.status(), "create object storage store"));
  }
  storeapi::StoreServer store_server(
      **store, deps.io_pool, deps.metrics,
      {.max_series = flags.store_limits.request_series, .max_samples = flags.store_limits.request_samples});
  storeapi::InfoServer info_server("store", **store);
  service.AddGrpc(store_server);
  service.AddGrpc(info_server);
  service.AddPeriodic("block-sync", flags.sync_block_duration.value,
                      [&](const base::CancelToken& cancel) { return SyncRound(cancel, **store, service); });
  return service.Run();
}

}  // namespace thanos::services
