#pragma once

#include <cstdint>

#include "bucketstore/internal/limiter.h"
#include "bucketstore/internal/metrics.h"
#include "bucketstore/options.h"
#include "concurrency/gate.h"
#include "storeapi/store.h"

namespace thanos::bucketstore::internal {

// What all blocks of one request share. Outlived by the store.
struct RequestScope {
  RequestScope(const Options& store_options, Metrics& store_metrics)
      : options(store_options),
        metrics(store_metrics),
        series_limiter("series", store_options.limits.max_series),
        chunks_limiter("chunks",
                       store_options.limits.max_samples > 0
                           ? (store_options.limits.max_samples + kSamplesPerChunk - 1) / kSamplesPerChunk
                           : 0),
        bytes_limiter("bytes", store_options.limits.max_bytes) {}

  // What a chunk counts for in limits, like in Thanos.
  static constexpr int64_t kSamplesPerChunk = 120;

  const Options& options;
  Metrics& metrics;
  storeapi::SeriesRequest request;  // with the time range cut to what the store serves
  Limiter series_limiter;
  Limiter chunks_limiter;
  Limiter bytes_limiter;
  concurrency::Gate::Pass gate_pass;
};

}  // namespace thanos::bucketstore::internal
