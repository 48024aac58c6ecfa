#pragma once

#include <cstdint>
#include <string_view>

#include "base/status.h"

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
};

// The content of --index-cache.config. InvalidArgument: malformed, unknown keys or types, an item that may be
// larger than the cache. Unimplemented: a type that is known but not there yet.
base::StatusOr<IndexCacheConfig> ParseIndexCacheConfig(std::string_view yaml);

}  // namespace thanos::bucketstore
