#include "services/store/store.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "block/fetcher.h"
#include "bucketstore/bucket_store.h"
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

int64_t ToMs(base::Duration duration) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
}

void WarnAboutIgnoredFlags(const StoreFlags& flags) {
  std::vector<std::string> ignored;
  const auto check = [&](bool set, const char* name) {
    if (set) {
      ignored.emplace_back(name);
    }
  };
  check(flags.selector_relabel.config.is_set(), "selector.relabel-config");
  check(flags.request_logging.config.is_set(), "request.logging-config");
  check(flags.index_cache_config.is_set(), "index-cache.config");
  check(flags.store_caching_bucket_config.is_set(), "store.caching-bucket.config");
  check(flags.store_enable_lazy_expanded_postings, "store.enable-lazy-expanded-postings");
  check(flags.matcher_cache_size != 0, "matcher-cache-size");
  check(!flags.bucket_web_label.empty(), "bucket-web-label");
  check(flags.chunk_pool_size.value != StoreFlags().chunk_pool_size.value, "chunk-pool-size");
  check(flags.index_cache_size.value != StoreFlags().index_cache_size.value, "index-cache-size");
  if (!ignored.empty()) {
    TH_LOG(kWarn, "flags without effect yet").With("flags", base::Join(ignored, ","));
  }
}

// The range of --min-time and --max-time, evaluated on each use because both may be relative to now.
base::StatusOr<std::function<model::ClosedRange()>> ServedRange(const StoreFlags& flags,
                                                                const base::Clock& clock) {
  const config::TimeOrDuration min_time = flags.time_range.min_time;
  const config::TimeOrDuration max_time = flags.time_range.max_time;
  TH_ASSIGN_OR_RETURN(const int64_t min_ms, min_time.ToMs(clock.NowMs()));
  TH_ASSIGN_OR_RETURN(const int64_t max_ms, max_time.ToMs(clock.NowMs()));
  if (min_ms > max_ms) {
    return base::InvalidArgument("invalid argument: --min-time '", min_time.text,
                                 "' can't be greater than --max-time '", max_time.text, "'");
  }
  return std::function<model::ClosedRange()>([min_time, max_time, &clock] {
    const int64_t now_ms = clock.NowMs();
    return model::ClosedRange{min_time.ToMs(now_ms).value_or(model::kMinTimeMs),
                              max_time.ToMs(now_ms).value_or(model::kMaxTimeMs)};
  });
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
  options.series_guess_bytes = std::max<int64_t>(flags.debug_estimated_max_series_size, 64);
  options.chunk_guess_bytes = std::max<int64_t>(flags.debug_estimated_max_chunk_size, 64);
  return options;
}

std::vector<std::unique_ptr<block::BlockFilter>> Filters(const StoreFlags& flags,
                                                         std::function<model::ClosedRange()> served_range,
                                                         objstore::Bucket& bucket,
                                                         concurrency::ThreadPool& pool,
                                                         const base::Clock& clock) {
  std::vector<std::unique_ptr<block::BlockFilter>> filters;
  filters.push_back(std::make_unique<block::TimeFilter>(std::move(served_range)));
  filters.push_back(
      std::make_unique<block::ConsistencyDelayFilter>(ToMs(flags.consistency_delay.value), clock));
  filters.push_back(std::make_unique<block::DeletionMarkFilter>(
      bucket, pool, ToMs(flags.ignore_deletion_marks_delay.value), clock));
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

}  // namespace

int RunStore(app::Service& service, const StoreFlags& flags) {
  const app::Deps deps = service.deps();
  WarnAboutIgnoredFlags(flags);
  const auto served_range = ServedRange(flags, deps.clock);
  if (!served_range.ok()) {
    return service.ExitWith(served_range.status());
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
  block::MetaFetcher fetcher({.cache_directory = base::Concat(flags.data_dir, "/meta-syncer"),
                              .concurrency = fetch_concurrency,
                              .recursive_listing = flags.block_discovery_strategy == "recursive"},
                             **bucket, fetch_pool, deps.metrics,
                             Filters(flags, *served_range, **bucket, fetch_pool, deps.clock));
  const auto store = bucketstore::BucketStore::Create(StoreOptions(flags, *served_range), **bucket, fetcher,
                                                      fetch_pool, deps.metrics);
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
