#pragma once

// A bucket whose small and often read parts are cached.

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "base/clock.h"
#include "base/status.h"
#include "cache/cache.h"
#include "cache/lru.h"
#include "cache/remote_config.h"
#include "concurrency/thread_pool.h"
#include "objstore/bucket.h"
#include "telemetry/metrics.h"

namespace thanos::bucketstore {

struct CachingBucketConfig {
  cache::LruOptions memory = {.max_bytes = int64_t{250} << 20, .max_item_bytes = int64_t{125} << 20};
  std::optional<cache::RemoteConfig> remote = {};  // instead of memory

  // Chunk files are cached in pieces of this size; missing pieces of one read are fetched with at most so
  // many reads (0: as many as it takes).
  int64_t chunk_subrange_bytes = 16'000;
  int64_t max_chunk_reads = 3;
  base::Duration chunk_attributes_ttl = std::chrono::hours(24);
  base::Duration chunk_subrange_ttl = std::chrono::hours(24);
  // Listings of the root: how late a new block may be seen.
  base::Duration blocks_listing_ttl = std::chrono::minutes(5);
  // meta.json and deletion-mark.json.
  base::Duration meta_exists_ttl = std::chrono::hours(2);
  base::Duration meta_absent_ttl = std::chrono::minutes(15);
  base::Duration meta_content_ttl = std::chrono::hours(24);
  int64_t max_meta_bytes = int64_t{1} << 20;
};

// The content of --store.caching-bucket.config. InvalidArgument: malformed, unknown keys or types.
base::StatusOr<CachingBucketConfig> ParseCachingBucketConfig(std::string_view yaml);

// The cache that `config` describes. `clock` and `metrics` must outlive it.
base::StatusOr<std::unique_ptr<cache::Cache>> MakeBucketCache(const CachingBucketConfig& config,
                                                              const base::Clock& clock,
                                                              telemetry::Registry& metrics);

// Caches, of the bucket of a store: listings of the root, existence and content of meta.json and
// deletion-mark.json, sizes and pieces of chunk files. Everything else, index files included, is passed on.
// Changes through this bucket do not touch the cache: other processes change the bucket too, and what is
// cached is old for at most its time to live. Thread-safe.
class CachingBucket final : public objstore::Bucket {
 public:
  // References must outlive the bucket. Missing pieces are fetched in parallel on `pool`.
  CachingBucket(const CachingBucketConfig& config, objstore::Bucket& inner, cache::Cache& cache,
                concurrency::ThreadPool& pool, telemetry::Registry& metrics);

  std::string_view provider() const override { return inner_.provider(); }
  std::string_view name() const override { return inner_.name(); }
  base::Status List(const base::CancelToken& cancel, std::string_view directory,
                    const objstore::ListOptions& options,
                    const std::function<base::Status(const objstore::ListEntry&)>& visit) override;
  base::StatusOr<base::SharedBytes> Get(const base::CancelToken& cancel, std::string_view name) override;
  base::StatusOr<base::SharedBytes> GetRange(const base::CancelToken& cancel, std::string_view name,
                                             int64_t offset, int64_t length) override;
  base::StatusOr<bool> Exists(const base::CancelToken& cancel, std::string_view name) override;
  base::StatusOr<objstore::ObjectAttributes> Attributes(const base::CancelToken& cancel,
                                                        std::string_view name) override;
  base::Status Upload(const base::CancelToken& cancel, std::string_view name,
                      std::string_view content) override {
    return inner_.Upload(cancel, name, content);
  }
  base::Status UploadFile(const base::CancelToken& cancel, std::string_view name,
                          const std::string& local_path) override {
    return inner_.UploadFile(cancel, name, local_path);
  }
  base::Status Delete(const base::CancelToken& cancel, std::string_view name) override {
    return inner_.Delete(cancel, name);
  }

 private:
  struct Operation {
    Operation(telemetry::Registry& metrics, const char* config, const char* operation);
    telemetry::Counter& requests;
    telemetry::Counter& hits;
  };
  struct Pieces;  // of one read

  std::optional<base::SharedBytes> Find(const base::CancelToken& cancel, const std::string& key);
  void Keep(const std::string& key, std::string value, base::Duration ttl);
  void KeepExistence(std::string_view name, bool exists);
  // Reads the pieces the cache did not have, a few neighbours at a time, and keeps them.
  base::Status FetchMissing(const base::CancelToken& cancel, std::string_view name, Pieces* pieces);

  const CachingBucketConfig config_;
  objstore::Bucket& inner_;
  cache::Cache& cache_;
  concurrency::ThreadPool& pool_;
  const Operation list_;
  const Operation meta_exists_;
  const Operation meta_get_;
  const Operation chunk_attributes_;
  const Operation chunk_range_;
  telemetry::Counter& requested_bytes_;
  telemetry::Counter& bytes_from_cache_;
  telemetry::Counter& bytes_from_bucket_;
  telemetry::Counter& refetched_bytes_from_cache_;
  telemetry::Counter& refetched_bytes_from_bucket_;
};

}  // namespace thanos::bucketstore
