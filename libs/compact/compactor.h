#pragma once

// The compactor of one bucket: the only component that deletes.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "base/status.h"
#include "compact/block_merger.h"
#include "compact/cleaner.h"
#include "compact/marker.h"
#include "compact/syncer.h"
#include "concurrency/thread_pool.h"
#include "objstore/bucket.h"
#include "telemetry/metrics.h"

namespace thanos::compact {

struct CompactorOptions {
  std::string data_directory;
  std::vector<int64_t> ranges_ms;  // see CompactionRanges
  int64_t max_index_bytes = int64_t{64} << 30;
  // Overlapping blocks are merged by `merge_function`; without it they are an error.
  bool vertical = false;
  MergeFunction merge_function = MergeFunction::kOneToOne;
  bool accept_malformed_index = false;
  bool skip_out_of_order = false;  // such blocks get a no-compact mark
  bool quarantine = false;         // bad blocks get a mark instead of ending all work
  bool with_hashes = false;
  bool downsampling = true;
  RetentionMs retention;
  int64_t delete_delay_ms = 0;
  size_t concurrency = 1;              // groups at a time
  size_t block_fetch_concurrency = 1;  // blocks of a plan
  size_t downsample_concurrency = 1;   // blocks
  size_t file_concurrency = 1;         // files of a block
};

// Outcome of an iteration.
struct IterationResult {
  base::Status status;
  // The data is not as it must be, and going on could make it worse: a person has to look at it.
  bool halt = false;
};

// Iterate, Cleanup and UpdateProgress may run at the same time; each is for one thread at a time, which must
// not be one of the pools. All of them end soon after their token is cancelled, at a point from which the
// next run goes on.
class Compactor {
 public:
  // `io_pool` moves files, `cpu_pool` decodes and encodes. References must outlive this.
  Compactor(CompactorOptions options, objstore::Bucket& bucket, Syncer& syncer,
            concurrency::ThreadPool& io_pool, concurrency::ThreadPool& cpu_pool, const base::Clock& clock,
            telemetry::Registry& metrics);
  ~Compactor();

  // Cleans up, compacts until nothing is left to do, downsamples in two passes, marks what is behind its
  // retention and cleans up again. A group that fails does not keep the others from being compacted; if one
  // of the failures asks for a halt, the rest of the iteration is left out.
  IterationResult Iterate(const base::CancelToken& cancel);
  // Deletes marked blocks and partial uploads.
  base::Status Cleanup(const base::CancelToken& cancel);
  // Sets the thanos_compact_todo_* metrics.
  base::Status UpdateProgress(const base::CancelToken& cancel);

 private:
  struct Impl;
  const std::unique_ptr<Impl> impl_;
};

}  // namespace thanos::compact
