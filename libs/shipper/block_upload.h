#pragma once

// One local block into a bucket.

#include <string>

#include "base/cancel.h"
#include "base/status.h"
#include "block/meta.h"
#include "concurrency/thread_pool.h"
#include "objstore/bucket.h"

namespace thanos::shipper {

// Hard-links chunk files and index of `block_directory` into `target_directory`, which is replaced. The copy
// stays whole when the TSDB deletes the block. The rest (tombstones, meta.json) is not copied.
base::Status LinkBlock(const std::string& block_directory, const std::string& target_directory);

// Fills segment_files and files of `meta->thanos` from the files of `directory`; with their SHA-256 when
// `with_hashes`.
base::Status DescribeFiles(const std::string& directory, bool with_hashes, block::Meta* meta);

// Uploads `directory` (chunk files, index, meta.json as in `meta`, which must have external labels) below the
// block's ULID: chunks first, `concurrency` at a time (at least one), then the index, then meta.json, which
// makes the block visible. Objects left by an earlier attempt are replaced; after an error they stay, and the
// next attempt completes them.
base::Status UploadBlock(const base::CancelToken& cancel, objstore::Bucket& bucket,
                         concurrency::ThreadPool& io_pool, int concurrency, const std::string& directory,
                         const block::Meta& meta);

}  // namespace thanos::shipper
