#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/clock.h"
#include "base/status.h"
#include "cache/remote_config.h"

namespace thanos::bucketstore {

// The cache of index data that the blocks of a store share.
struct IndexCacheConfig {
  static constexpr int64_t kDefaultBytes = int64_t{250} << 20;
  static constexpr int64_t kDefaultItemBytes = int64_t{125} << 20;

  int64_t max_bytes = kDefaultBytes;  // 0: no cache
  int64_t max_item_bytes = kDefaultItemBytes;
  bool postings = true;
  bool series = true;
  bool expanded_postings = true;
  // On other machines, for at most `ttl`; then the sizes above mean nothing.
  std::optional<cache::RemoteConfig> remote = {};
  base::Duration ttl = std::chrono::hours(24);
};

// The content of --index-cache.config. InvalidArgument: malformed, unknown keys or types, an item that may be
// larger than the cache.
base::StatusOr<IndexCacheConfig> ParseIndexCacheConfig(std::string_view yaml);

}  // namespace thanos::bucketstore
