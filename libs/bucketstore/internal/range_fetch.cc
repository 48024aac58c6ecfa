#include "bucketstore/internal/range_fetch.h"

#include <algorithm>
#include <utility>

#include "base/file_mapping.h"
#include "bucketstore/internal/helped_for.h"

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

base::Status FetchedRanges::CheckIntact() const {
  for (const Part& part : parts_) {
    if (!base::IsIntact(part.bytes.owner)) {
      return base::DataLoss("file became shorter while it was read");
    }
  }
  return base::OkStatus();
}

base::SharedBytes FetchedRanges::Extent() const {
  if (parts_.empty()) {
    return {};
  }
  const base::SharedBytes& first = parts_.front().bytes;
  const base::SharedBytes& last = parts_.back().bytes;
  if (first.owner == nullptr || first.owner != last.owner) {
    return last;
  }
  const char* const end = last.bytes.data() + last.bytes.size();
  return {{first.bytes.data(), static_cast<size_t>(end - first.bytes.data())}, last.owner};
}

bool IsLocal(const objstore::Bucket& bucket) {
  return bucket.provider() == "FILESYSTEM";
}

RangeFetcher::RangeFetcher(objstore::Bucket& bucket, concurrency::ThreadPool* pool, Limiter& bytes_limiter)
    : bucket_(bucket), pool_(IsLocal(bucket) ? nullptr : pool), bytes_limiter_(bytes_limiter) {}

base::StatusOr<std::vector<FetchedRanges>> RangeFetcher::Fetch(const base::CancelToken& cancel,
                                                               std::vector<ObjectRanges> objects) const {
  struct Read {
    const std::string* object;
    FetchedRanges::Part* part;
    uint64_t num_bytes;
  };
  std::vector<FetchedRanges> answers(objects.size());
  std::vector<Read> reads;
  for (size_t i = 0; i < objects.size(); ++i) {
    const std::vector<ByteRange> joined = Coalesce(std::move(objects[i].ranges), kMaxGapBytes);
    answers[i].parts_.reserve(joined.size());
    for (const ByteRange& range : joined) {
      TH_RETURN_IF_ERROR(bytes_limiter_.Reserve(range.size()));
      answers[i].num_bytes_ += range.size();
      answers[i].parts_.push_back({range.begin, {}});
      reads.push_back({&objects[i].object, &answers[i].parts_.back(), range.size()});
    }
  }
  const auto read_one = [&](const base::CancelToken& token, size_t i) -> base::Status {
    const Read& read = reads[i];
    TH_ASSIGN_OR_RETURN(read.part->bytes,
                        bucket_.GetRange(token, *read.object, static_cast<int64_t>(read.part->offset),
                                         static_cast<int64_t>(read.num_bytes)));
    const size_t size = read.part->bytes.bytes.size();
    if (size != read.num_bytes) {
      return base::DataLoss("object ", *read.object, ": read ", size, " of ", read.num_bytes, " bytes");
    }
    return base::OkStatus();
  };
  if (pool_ != nullptr && reads.size() > 1) {
    TH_RETURN_IF_ERROR(HelpedFor(*pool_, cancel, reads.size(), kMaxParallelReads, read_one));
  } else {
    for (size_t i = 0; i < reads.size(); ++i) {
      TH_RETURN_IF_ERROR(read_one(cancel, i));
    }
  }
  return answers;
}

base::StatusOr<FetchedRanges> RangeFetcher::Fetch(const base::CancelToken& cancel, std::string object,
                                                  std::vector<ByteRange> ranges) const {
  std::vector<ObjectRanges> objects;
  objects.push_back({std::move(object), std::move(ranges)});
  TH_ASSIGN_OR_RETURN(std::vector<FetchedRanges> answers, Fetch(cancel, std::move(objects)));
  return std::move(answers.front());
}

}  // namespace thanos::bucketstore::internal
