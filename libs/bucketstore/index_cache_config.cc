#include "bucketstore/index_cache_config.h"

#include <algorithm>
#include <string>
#include <vector>

#include "base/strings.h"
#include "config/yaml.h"

namespace thanos::bucketstore {
namespace {

constexpr std::string_view kInMemory = "IN-MEMORY";

std::string ToUpper(std::string text) {
  for (char& c : text) {
    c = c >= 'a' && c <= 'z' ? static_cast<char>(c ^ 0x20) : c;
  }
  return text;
}

base::Status EnableItems(const std::vector<std::string>& items, IndexCacheConfig* cache) {
  if (items.empty()) {
    return base::OkStatus();
  }
  cache->postings = false;
  cache->series = false;
  cache->expanded_postings = false;
  for (const std::string& item : items) {
    if (item == "Postings") {
      cache->postings = true;
    } else if (item == "Series") {
      cache->series = true;
    } else if (item == "ExpandedPostings") {
      cache->expanded_postings = true;
    } else {
      return base::InvalidArgument("unsupported item type ", item, " in enabled_items");
    }
  }
  return base::OkStatus();
}

}  // namespace

base::StatusOr<IndexCacheConfig> ParseIndexCacheConfig(std::string_view yaml) {
  TH_ASSIGN_OR_RETURN(const config::YamlNode root, config::ParseYaml(yaml));
  config::YamlMap map(root);
  std::string type;
  map.Read("type", &type);
  const std::string kind = ToUpper(type);
  IndexCacheConfig cache;
  config::ByteSize max_size{IndexCacheConfig::kDefaultBytes};
  config::ByteSize max_item_size{-1};
  map.ReadMap("config", [&](config::YamlMap& keys) {
    if (kind == "MEMCACHED") {
      cache.remote = cache::ReadMemcachedConfig(keys);
    } else if (kind == "REDIS") {
      cache.remote = cache::ReadRedisConfig(keys);
    } else {
      keys.Read("max_size", &max_size);
      keys.Read("max_item_size", &max_item_size);
    }
  });
  if (kind != kInMemory && kind != "MEMCACHED" && kind != "REDIS") {
    return base::InvalidArgument("index cache with type ", type, " is not supported");
  }
  std::vector<std::string> items;
  map.Read("enabled_items", &items);
  map.Read("ttl", &cache.ttl);  // entries of memory live until they are evicted
  TH_RETURN_IF_ERROR(map.Finish());
  TH_RETURN_IF_ERROR(EnableItems(items, &cache));
  if (kind != kInMemory) {
    if (!cache.remote) {
      cache.remote.emplace().kind =
          kind == "REDIS" ? cache::RemoteKind::kRedis : cache::RemoteKind::kMemcached;
    }
    TH_RETURN_IF_ERROR(cache::Validate(*cache.remote));
    return cache;
  }
  if (max_item_size.value > max_size.value) {
    return base::InvalidArgument("max item size (", max_item_size.value,
                                 ") cannot be bigger than overall cache size (", max_size.value, ")");
  }
  cache.max_bytes = max_size.value;
  cache.max_item_bytes = max_item_size.value >= 0
                             ? max_item_size.value
                             : std::min(IndexCacheConfig::kDefaultItemBytes, cache.max_bytes);
  return cache;
}

}  // namespace thanos::bucketstore
