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
#include "concurrency/thread_pool.h"
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
  // From the first to the last byte when all lie in one piece of memory, such as a mapped file; else the last
  // piece.
  base::SharedBytes Extent() const;
  uint64_t num_bytes() const { return num_bytes_; }
  // DataLoss: a mapped file was cut short, so that what was read from it may be wrong. To be asked after the
  // bytes were used.
  base::Status CheckIntact() const;

 private:
  friend class RangeFetcher;
  struct Part {
    uint64_t offset = 0;
    base::SharedBytes bytes;
  };
  std::vector<Part> parts_;  // by offset
  uint64_t num_bytes_ = 0;
};

// Ranges of one object, in any order.
struct ObjectRanges {
  std::string object;
  std::vector<ByteRange> ranges;
};

// The reads of one request. Thread-safe.
class RangeFetcher {
 public:
  // At most this many reads of one Fetch at a time: enough to hide latency, too few to starve other requests.
  static constexpr size_t kMaxParallelReads = 8;

  // Reads of a bucket on other machines run in parallel on `pool`; null: one after another. All references
  // must outlive the fetcher.
  RangeFetcher(objstore::Bucket& bucket, concurrency::ThreadPool* pool, Limiter& bytes_limiter);

  // Reads the ranges of `object`. All bytes are charged to the limiter before the first is read. May be
  // called on a thread of the pool.
  base::StatusOr<FetchedRanges> Fetch(const base::CancelToken& cancel, std::string object,
                                      std::vector<ByteRange> ranges) const;
  // The same for several objects, with one answer for each.
  base::StatusOr<std::vector<FetchedRanges>> Fetch(const base::CancelToken& cancel,
                                                   std::vector<ObjectRanges> objects) const;
  // Charges bytes that came from a cache.
  base::Status Charge(uint64_t num_bytes) const { return bytes_limiter_.Reserve(num_bytes); }

 private:
  objstore::Bucket& bucket_;
  concurrency::ThreadPool* const pool_;
  Limiter& bytes_limiter_;
};

// True when reads cost no network round trip.
bool IsLocal(const objstore::Bucket& bucket);

}  // namespace thanos::bucketstore::internal
