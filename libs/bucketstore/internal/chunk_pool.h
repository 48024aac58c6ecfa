#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "base/bytes.h"
#include "base/status.h"

namespace thanos::bucketstore::internal {

// The memory for chunks that all requests of a store may hold at a time. Thread-safe.
class ChunkPool {
 public:
  // 0: no limit.
  explicit ChunkPool(int64_t max_bytes)
      : max_bytes_(max_bytes), used_bytes_(std::make_shared<std::atomic<uint64_t>>(0)) {}

  // The bytes are in use until the last copy of the owner is gone, which may be after the pool.
  // ResourceExhausted: there are not so many left.
  base::StatusOr<base::BufferOwner> Take(uint64_t num_bytes) {
    const uint64_t used = used_bytes_->fetch_add(num_bytes) + num_bytes;
    base::BufferOwner owner(this,
                            [used_bytes = used_bytes_, num_bytes](const void*) { *used_bytes -= num_bytes; });
    if (max_bytes_ > 0 && used > static_cast<uint64_t>(max_bytes_)) {
      return base::ResourceExhausted("chunk pool exhausted: limit ", max_bytes_, " violated (got ", used,
                                     ")");
    }
    return owner;
  }
  uint64_t used_bytes() const { return used_bytes_->load(); }

 private:
  const int64_t max_bytes_;
  const std::shared_ptr<std::atomic<uint64_t>> used_bytes_;
};

}  // namespace thanos::bucketstore::internal
