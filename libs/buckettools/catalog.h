#pragma once

// The blocks of a bucket, read once.

#include <memory>
#include <vector>

#include "base/cancel.h"
#include "base/status.h"
#include "block/filters.h"
#include "block/meta.h"
#include "concurrency/thread_pool.h"
#include "objstore/bucket.h"

namespace thanos::buckettools {

using MetaPtr = std::shared_ptr<const block::Meta>;

// The metas that pass `filters`, by ULID. Directories without a meta.json, and those with a damaged one, are
// logged and left out. An error when the bucket cannot be read in full. Must not run on a thread of `pool`.
base::StatusOr<std::vector<MetaPtr>> ReadCatalog(const base::CancelToken& cancel, objstore::Bucket& bucket,
                                                 concurrency::ThreadPool& pool,
                                                 std::vector<std::unique_ptr<block::BlockFilter>> filters);

}  // namespace thanos::buckettools
