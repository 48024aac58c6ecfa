#include "bucketstore/internal/range_fetch.h"

#include <algorithm>
#include <utility>

namespace thanos::bucketstore::internal {

std::vector<ByteRange> Coalesce(std::vector<ByteRange> ranges, uint64_t max_gap) {
  const auto by_begin = [](const ByteRange& a, const ByteRange& b) { return a.begin < b.begin; };
  if (!std::is_sorted(ranges.begin(), ranges.end(), by_begin)) {
    std::sort(ranges.begin(), ranges.end(), by_begin);
  }
  std::vector<ByteRange> joined;
  for (const ByteRange& range : ranges) {
    if (range.begin >= range.end) {
      continue;
    }
    if (!joined.empty() && (range.begin <= joined.back().end || range.begin - joined.back().end <= max_gap)) {
      joined.back().end = std::max(joined.back().end, range.end);
    } else {
      joined.push_back(range);
    }
  }
  return joined;
}

std::string_view FetchedRanges::From(uint64_t offset) const {
  auto part =
      std::upper_bound(parts_.begin(), parts_.end(), offset,
                       [](uint64_t wanted, const Part& candidate) { return wanted < candidate.offset; });
  if (part == parts_.begin()) {
    return {};
  }
  --part;
  const uint64_t skipped = offset - part->offset;
  return skipped < part->bytes.bytes.size() ? part->bytes.bytes.substr(skipped) : std::string_view();
}

void FetchedRanges::ForEachOwner(const std::function<void(const base::BufferOwner&)>& retain) const {
  for (const Part& part : parts_) {
    retain(part.bytes.owner);
  }
}

base::StatusOr<FetchedRanges> FetchRanges(const base::CancelToken& cancel, objstore::Bucket& bucket,
                                          const std::string& object, std::vector<ByteRange> ranges,
                                          Limiter& bytes_limiter) {
  FetchedRanges fetched;
  for (const ByteRange& range : Coalesce(std::move(ranges), kMaxGapBytes)) {
    TH_RETURN_IF_ERROR(bytes_limiter.Reserve(range.size()));
    TH_ASSIGN_OR_RETURN(base::SharedBytes bytes,
                        bucket.GetRange(cancel, object, static_cast<int64_t>(range.begin),
                                        static_cast<int64_t>(range.size())));
    if (bytes.bytes.size() != range.size()) {
      return base::DataLoss("object ", object, ": read ", bytes.bytes.size(), " of ", range.size(), " bytes");
    }
    fetched.num_bytes_ += range.size();
    fetched.parts_.push_back({range.begin, std::move(bytes)});
  }
  return fetched;
}

}  // namespace thanos::bucketstore::internal
