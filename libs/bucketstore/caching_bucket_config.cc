#include <algorithm>

#include "base/strings.h"
#include "bucketstore/caching_bucket.h"
#include "cache/memory_cache.h"
#include "cache/remote_cache.h"
#include "config/yaml.h"

namespace thanos::bucketstore {
namespace {

constexpr const char* kCacheName = "caching-bucket";

base::Status ReadBackend(config::YamlMap& map, CachingBucketConfig* bucket) {
  std::string type;
  map.Read("type", &type);
  config::ByteSize max_size{bucket->memory.max_bytes};
  config::ByteSize max_item_size{-1};
  map.ReadMap("config", [&](config::YamlMap& keys) {
    if (base::EqualsIgnoreCase(type, "MEMCACHED")) {
      bucket->remote = cache::ReadMemcachedConfig(keys);
    } else if (base::EqualsIgnoreCase(type, "REDIS")) {
      bucket->remote = cache::ReadRedisConfig(keys);
    } else if (base::EqualsIgnoreCase(type, "IN-MEMORY")) {
      keys.Read("max_size", &max_size);
      keys.Read("max_item_size", &max_item_size);
    } else {
      keys.IgnoreRest();
    }
  });
  if (base::EqualsIgnoreCase(type, "MEMCACHED") || base::EqualsIgnoreCase(type, "REDIS")) {
    bucket->remote = bucket->remote.value_or(cache::RemoteConfig());
    return base::OkStatus();
  }
  if (base::EqualsIgnoreCase(type, "GROUPCACHE")) {
    return base::Unimplemented("caching bucket of type GROUPCACHE is not supported, use MEMCACHED or REDIS");
  }
  if (!base::EqualsIgnoreCase(type, "IN-MEMORY")) {
    return base::InvalidArgument("unsupported cache type: ", type);
  }
  bucket->memory.max_bytes = max_size.value;
  bucket->memory.max_item_bytes = max_item_size.value >= 0
                                      ? max_item_size.value
                                      : std::min(bucket->memory.max_item_bytes, max_size.value);
  if (bucket->memory.max_item_bytes > max_size.value) {
    return base::InvalidArgument("max item size (", max_item_size.value,
                                 ") cannot be bigger than overall cache size (", max_size.value, ")");
  }
  return base::OkStatus();
}

}  // namespace

base::StatusOr<CachingBucketConfig> ParseCachingBucketConfig(std::string_view yaml) {
  TH_ASSIGN_OR_RETURN(const config::YamlNode root, config::ParseYaml(yaml));
  config::YamlMap map(root);
  CachingBucketConfig bucket;
  const base::Status backend = ReadBackend(map, &bucket);
  config::ByteSize max_meta_size{bucket.max_meta_bytes};
  config::ByteSize subrange_size{bucket.chunk_subrange_bytes};
  map.Read("chunk_subrange_size", &subrange_size);
  map.Read("max_chunks_get_range_requests", &bucket.max_chunk_reads);
  map.Read("metafile_max_size", &max_meta_size);
  map.Read("chunk_object_attrs_ttl", &bucket.chunk_attributes_ttl);
  map.Read("chunk_subrange_ttl", &bucket.chunk_subrange_ttl);
  map.Read("blocks_iter_ttl", &bucket.blocks_listing_ttl);
  map.Read("metafile_exists_ttl", &bucket.meta_exists_ttl);
  map.Read("metafile_doesnt_exist_ttl", &bucket.meta_absent_ttl);
  map.Read("metafile_content_ttl", &bucket.meta_content_ttl);
  TH_RETURN_IF_ERROR(backend);
  TH_RETURN_IF_ERROR(map.Finish());
  if (bucket.remote) {
    TH_RETURN_IF_ERROR(cache::Validate(*bucket.remote));
  }
  bucket.max_meta_bytes = max_meta_size.value;
  bucket.chunk_subrange_bytes = subrange_size.value;
  if (bucket.chunk_subrange_bytes <= 0) {
    return base::InvalidArgument("chunk_subrange_size must be positive");
  }
  return bucket;
}

base::StatusOr<std::unique_ptr<cache::Cache>> MakeBucketCache(const CachingBucketConfig& config,
                                                              const base::Clock& clock,
                                                              telemetry::Registry& metrics) {
  if (config.remote) {
    return cache::MakeRemoteCache(kCacheName, *config.remote, clock, metrics);
  }
  return std::unique_ptr<cache::Cache>(
      std::make_unique<cache::MemoryCache>(kCacheName, config.memory, clock, metrics));
}

}  // namespace thanos::bucketstore
