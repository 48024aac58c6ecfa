#pragma once

#include <cstdint>

#include "base/mutex.h"
#include "bucketstore/internal/chunk_pool.h"
#include "bucketstore/internal/index_cache.h"
#include "bucketstore/internal/limiter.h"
#include "bucketstore/internal/metrics.h"
#include "bucketstore/internal/range_fetch.h"
#include "bucketstore/options.h"
#include "concurrency/gate.h"
#include "storeapi/store.h"

namespace thanos::bucketstore::internal {

// What a request did, for metrics. Fetched is what no cache had.
struct RequestWork {
  uint64_t lists_touched = 0;
  uint64_t lists_fetched = 0;
  uint64_t postings_bytes_touched = 0;
  uint64_t postings_bytes_fetched = 0;
  uint64_t series_touched = 0;
  uint64_t series_fetched = 0;
  uint64_t series_bytes_touched = 0;
  uint64_t series_bytes_fetched = 0;
  uint64_t chunks = 0;
  uint64_t chunk_bytes_touched = 0;
  uint64_t chunk_bytes_fetched = 0;
  base::Duration series_fetch_time{};
  base::Duration chunk_fetch_time{};

  void Add(const RequestWork& other);
  void Observe(Metrics& metrics) const;
};

// What all blocks of one request share. Outlived by the store.
struct RequestScope {
  // `pool` is for reads that run in parallel.
  RequestScope(const Options& store_options, Metrics& store_metrics, IndexCache& store_cache,
               ChunkPool& store_chunk_pool, objstore::Bucket& bucket, concurrency::ThreadPool& pool)
      : options(store_options),
        metrics(store_metrics),
        index_cache(store_cache),
        chunk_pool(store_chunk_pool),
        is_local(IsLocal(bucket)),
        series_limiter("series", store_options.limits.max_series),
        chunks_limiter("chunks",
                       store_options.limits.max_samples > 0
                           ? (store_options.limits.max_samples + kSamplesPerChunk - 1) / kSamplesPerChunk
                           : 0),
        bytes_limiter("bytes", store_options.limits.max_bytes),
        fetcher(bucket, &pool, bytes_limiter) {}

  // What a chunk counts for in limits, like in Thanos.
  static constexpr int64_t kSamplesPerChunk = 120;

  const Options& options;
  Metrics& metrics;
  IndexCache& index_cache;
  ChunkPool& chunk_pool;
  const bool is_local;              // reading again is as cheap as a cache
  storeapi::SeriesRequest request;  // with the time range cut to what the store serves
  Limiter series_limiter;
  Limiter chunks_limiter;
  Limiter bytes_limiter;
  const RangeFetcher fetcher;
  concurrency::Gate::Pass gate_pass;
  base::Mutex work_mutex;
  RequestWork work ABSL_GUARDED_BY(work_mutex);  // of the blocks that are done
};

}  // namespace thanos::bucketstore::internal
