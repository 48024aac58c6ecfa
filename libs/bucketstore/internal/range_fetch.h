#pragma once

// Reading many small ranges of one object with few requests.

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/cancel.h"
#include "base/status.h"
#include "bucketstore/internal/limiter.h"
#include "index/postings.h"
#include "objstore/bucket.h"

namespace thanos::bucketstore::internal {

using index::ByteRange;

// Ranges closer than this are read together.
inline constexpr uint64_t kMaxGapBytes = 512 * 1024;

// Sorts `ranges` and joins those that overlap or lie at most `max_gap` apart. Empty ranges vanish.
std::vector<ByteRange> Coalesce(std::vector<ByteRange> ranges, uint64_t max_gap);

// What was read of one object.
class FetchedRanges {
 public:
  // The bytes from `offset` on to the end of the read that covers it; empty when none does.
  std::string_view From(uint64_t offset) const;
  // Calls `retain` with the owner of every piece of memory.
  void ForEachOwner(const std::function<void(const base::BufferOwner&)>& retain) const;
  uint64_t num_bytes() const { return num_bytes_; }

 private:
  friend base::StatusOr<FetchedRanges> FetchRanges(const base::CancelToken&, objstore::Bucket&,
                                                   const std::string&, std::vector<ByteRange>, Limiter&);
  struct Part {
    uint64_t offset = 0;
    base::SharedBytes bytes;
  };
  std::vector<Part> parts_;  // by offset
  uint64_t num_bytes_ = 0;
};

// Reads `ranges`, given in any order, from `object`. The bytes are charged to `bytes_limiter` before they are
// read.
base::StatusOr<FetchedRanges> FetchRanges(const base::CancelToken& cancel, objstore::Bucket& bucket,
                                          const std::string& object, std::vector<ByteRange> ranges,
                                          Limiter& bytes_limiter);

}  // namespace thanos::bucketstore::internal
