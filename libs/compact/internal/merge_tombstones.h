#pragma once

// The tombstones file of a local block: magic, version, body, CRC32 of the body; the body is a list of series
// reference uvarint, first and last deleted timestamp as varints.

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "index/postings.h"

namespace thanos::compact::internal {

// Deleted timestamps, both inclusive.
struct Interval {
  int64_t min_time_ms = 0;
  int64_t max_time_ms = 0;
};

// Per series sorted and without overlaps.
using Tombstones = std::map<index::SeriesRef, std::vector<Interval>>;

// DataLoss: damaged.
base::StatusOr<Tombstones> ParseTombstones(std::string_view file);
// Of the block in `directory`; a missing file has none.
base::StatusOr<Tombstones> ReadTombstones(const std::string& directory);

// True when all of [min_time_ms, max_time_ms] is deleted.
bool CoversAll(std::span<const Interval> deleted, int64_t min_time_ms, int64_t max_time_ms);
// True when any of it is.
bool CoversSome(std::span<const Interval> deleted, int64_t min_time_ms, int64_t max_time_ms);

}  // namespace thanos::compact::internal
