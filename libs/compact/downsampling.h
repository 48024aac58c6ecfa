#pragma once

// Downsampling of a bucket's blocks: which ones, and one pass over them.

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "base/status.h"
#include "compact/grouping.h"
#include "compact/marker.h"
#include "compact/syncer.h"
#include "concurrency/thread_pool.h"
#include "objstore/bucket.h"
#include "telemetry/metrics.h"

namespace thanos::compact {

struct DownsampleTask {
  MetaPtr block;
  int64_t resolution_ms = 0;  // of the result
};

// Raw blocks of at least 40 hours to 5 minutes and 5 minute blocks of at least 10 days to an hour, unless all
// their sources are in blocks of that resolution already; by min time. Blocks of `excluded` are neither
// downsampled nor do they count as results; blocks of other resolutions are left alone.
std::vector<DownsampleTask> PlanDownsampling(const block::MetaMap& metas,
                                             const std::set<model::Ulid>& excluded);

struct DownsamplerOptions {
  std::string directory;  // "<data-dir>/downsample"
  size_t concurrency = 1;
  size_t file_concurrency = 1;
  bool accept_malformed_index = false;
  bool with_hashes = false;
  // A damaged block gets a no-downsample mark instead of failing every pass.
  bool quarantine = false;
};

class Downsampler {
 public:
  // `io_pool` moves files, `cpu_pool` decodes and encodes. References must outlive this.
  Downsampler(DownsamplerOptions options, objstore::Bucket& bucket, concurrency::ThreadPool& io_pool,
              concurrency::ThreadPool& cpu_pool, const base::Clock& clock, telemetry::Registry& metrics,
              Marker& marker);

  // Downsamples what there is to do in `view`, each result verified and read back. A block that fails does
  // not keep the others from their turn; the first error is returned, after all of them. Must not run on a
  // thread of one of the pools, and one pass at a time.
  base::Status RunPass(const base::CancelToken& cancel, const BucketView& view);

 private:
  base::Status RunTask(const base::CancelToken& cancel, const DownsampleTask& task);
  // Download, verify, downsample, verify, upload.
  base::Status Downsample(const base::CancelToken& cancel, const DownsampleTask& task);
  base::Status Fetch(const base::CancelToken& cancel, const block::Meta& meta, const std::string& directory);

  const DownsamplerOptions options_;
  objstore::Bucket& bucket_;
  concurrency::ThreadPool& io_pool_;
  concurrency::ThreadPool& cpu_pool_;
  const base::Clock& clock_;
  telemetry::Registry& metrics_;
  Marker& marker_;
  concurrency::ThreadPool task_pool_;
  base::Mutex mutex_;
  // Blocks without anything to aggregate.
  std::set<model::Ulid> empty_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace thanos::compact
