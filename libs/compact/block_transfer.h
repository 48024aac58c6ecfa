#pragma once

// Whole blocks between bucket and local scratch.

#include <cstddef>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/status.h"
#include "block/meta.h"
#include "concurrency/thread_pool.h"
#include "objstore/bucket.h"

namespace thanos::compact {

// How files move. Functions here must not run on a thread of `pool`.
struct Transfer {
  objstore::Bucket& bucket;
  concurrency::ThreadPool& pool;
  size_t file_concurrency = 1;
};

// Missing is fine.
base::Status RemoveTree(const std::string& path);
base::Status MakeDirectories(const std::string& path);
// Removes everything in `directory` but the entries called like one of `names`. Missing is fine.
base::Status RemoveOthers(const std::string& directory, const std::vector<std::string>& names);

// Index, chunk segments and meta.json (as `meta` is here) of a block to `directory`. Files of the right size
// that are there already are kept; each appears under its name when it is complete. DataLoss: an object is
// not as large as meta.json says. NotFound: one that belongs to the block is not there.
base::Status DownloadBlock(const base::CancelToken& cancel, const Transfer& transfer, const block::Meta& meta,
                           const std::string& directory);

// The files of `meta->thanos` from `directory`: chunk segments and index first, which are read back and
// compared with the local ones byte by byte; only then meta.json, which makes the block visible, and which is
// read back too. DataLoss: the bucket holds something else than what was sent; a block whose meta.json did
// not arrive as it was is removed again.
base::Status UploadBlock(const base::CancelToken& cancel, const Transfer& transfer,
                         const std::string& directory, const block::Meta& meta);

}  // namespace thanos::compact
