#pragma once

// Which postings not to fetch because looking at the series is cheaper.

#include <cstdint>
#include <vector>

#include "index/expanded_postings.h"
#include "index/postings_table.h"

namespace thanos::bucketstore::internal {

enum class LazyReason { kNone, kKeysLimit, kPostingsSize };

struct LazyOptions {
  double max_key_series_ratio = 100;  // 0: no limit
  int64_t series_bytes = 512;         // of one entry, at most or about
};

struct LazyGroup {
  LazyReason reason = LazyReason::kNone;
  uint64_t num_bytes = 0;  // of all its lists
};

// For each group of `plan` why it should be left to a look at the series, if so. The rule is Thanos': groups
// in the order of their sizes are worth fetching while each is expected to halve the series that are left and
// costs less than the entries of the series it removes; a group of very many lists never is. At least one
// adding group is fetched.
std::vector<LazyGroup> ChooseLazyGroups(const index::PostingsPlan& plan, const index::PostingsTable& table,
                                        const LazyOptions& options);

}  // namespace thanos::bucketstore::internal
