#pragma once

// Private: writes the tombstones file of a local block (magic, version 1, entries, CRC32 of the entries).

#include <string>
#include <vector>

#include "base/status.h"
#include "block/meta.h"
#include "index/postings.h"

namespace thanos::buckettools {

struct SeriesTombstones {
  index::SeriesRef ref{};
  std::vector<block::BlockRewrite::Interval> deleted;
};

// Sorted, overlapping and adjacent ones joined.
std::vector<block::BlockRewrite::Interval> JoinIntervals(
    std::vector<block::BlockRewrite::Interval> intervals);

// Replaces `<directory>/tombstones`.
base::Status WriteTombstones(const std::string& directory, const std::vector<SeriesTombstones>& tombstones);

}  // namespace thanos::buckettools
