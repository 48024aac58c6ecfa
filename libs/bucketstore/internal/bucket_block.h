#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/mutex.h"
#include "base/status.h"
#include "block/meta.h"
#include "bucketstore/internal/metrics.h"
#include "bucketstore/options.h"
#include "index/index_header.h"
#include "objstore/bucket.h"

namespace thanos::bucketstore::internal {

// One block of the bucket: its meta, its index-header and where its objects are. Thread-safe. Shared, because
// requests outlive the synchronisation that drops a block.
class BucketBlock {
 public:
  // References must outlive the block.
  BucketBlock(std::shared_ptr<const block::Meta> meta, objstore::Bucket& bucket, const Options& options,
              Metrics& metrics);

  // Makes the index-header ready as far as the options ask for that at load.
  base::Status Load(const base::CancelToken& cancel);

  const block::Meta& meta() const { return *meta_; }
  const std::string& id() const { return id_; }
  objstore::Bucket& bucket() const { return bucket_; }
  // "<ULID>/index".
  const std::string& index_object() const { return index_object_; }
  std::string SegmentObject(uint32_t segment) const;

  // The index-header, opened or built when need be. DataLoss: the index is damaged.
  base::StatusOr<std::shared_ptr<const index::IndexHeader>> Header(const base::CancelToken& cancel);
  // Unmaps the header when it was not used since `unused_since`; requests that hold it keep it.
  void CloseIdleHeader(base::TimePoint unused_since);
  // Size of a chunk segment, from meta.json or the bucket. DataLoss: there is no such segment.
  base::StatusOr<uint64_t> SegmentBytes(const base::CancelToken& cancel, uint32_t segment);

 private:
  base::StatusOr<uint64_t> IndexBytes(const base::CancelToken& cancel);
  // As meta.json lists it; 0 when it does not.
  uint64_t ListedSegmentBytes(uint32_t segment) const;
  base::Status BuildHeader(const base::CancelToken& cancel);
  base::StatusOr<std::shared_ptr<const index::IndexHeader>> OpenOrBuild(const base::CancelToken& cancel);
  // Also keeps, in `owner` if given, the owner of what was read last.
  index::RangeReader IndexRangeReader(const base::CancelToken& cancel, base::BufferOwner* owner = nullptr);

  const std::shared_ptr<const block::Meta> meta_;
  const std::string id_;
  objstore::Bucket& bucket_;
  const Options& options_;
  Metrics& metrics_;
  const std::string index_object_;
  const std::string header_path_;

  base::Mutex build_mutex_;  // held while the header is built or opened; before mutex_
  base::Mutex mutex_;
  std::shared_ptr<const index::IndexHeader> header_ ABSL_GUARDED_BY(mutex_);
  base::TimePoint last_used_ ABSL_GUARDED_BY(mutex_);
  std::vector<uint64_t> segment_bytes_ ABSL_GUARDED_BY(mutex_);  // 0: not known yet
};

}  // namespace thanos::bucketstore::internal
