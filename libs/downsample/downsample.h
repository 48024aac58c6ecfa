#pragma once

// Downsampling of whole blocks: raw samples to aggregates over 5 minutes, those to aggregates over an hour.

#include <cstdint>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/status.h"
#include "block/meta.h"
#include "concurrency/thread_pool.h"
#include "model/ulid.h"

namespace thanos::downsample {

// Resolutions, in milliseconds, as in thanos.downsample.resolution of meta.json.
inline constexpr int64_t kResolutionRaw = 0;
inline constexpr int64_t kResolution5m = 300'000;
inline constexpr int64_t kResolution1h = 3'600'000;

// Blocks whose range (max_time_ms - min_time_ms) is shorter are not downsampled from raw to 5m, and from 5m
// to 1h.
inline constexpr int64_t kMinRange5m = int64_t{40} * 3'600'000;
inline constexpr int64_t kMinRange1h = int64_t{10} * 24 * 3'600'000;

struct DownsampleOptions {
  // The result's name; it appears as `<out_parent>/<ulid>`.
  model::Ulid ulid;
  uint64_t max_segment_bytes = uint64_t{512} << 20;
  // Decodes, aggregates and encodes; may be shared. Null: everything on the calling thread, which must not be
  // one of the pool.
  concurrency::ThreadPool* pool = nullptr;
};

struct DownsampleResult {
  // No series has a sample: nothing was written.
  bool empty = false;
  // As in the result's meta.json: the source's with its ULID, resolution, source "compactor", stats and
  // index_stats replaced, and without files and upload time. stats.num_samples is the sum of the count
  // aggregates' samples, num_float_samples keeps the source's value, as Thanos has it.
  block::Meta meta;
  // Files of the result relative to its directory with their sizes, sorted by path; meta.json is last and has
  // size 0, as in the `files` list of a Thanos meta.json.
  std::vector<block::BlockFile> files;
};

// Writes `<out_parent>/<ulid>` (`out_parent` must exist) with aggregates of the local block `block_dir` at
// `resolution_ms`, which is kResolution5m for a raw block and kResolution1h for a 5m block. The source's
// tombstones are not looked at: local blocks of the compactor have none. Everything is on disk when the
// result gets its name by a rename; what an interrupted run leaves is `<ULID>.tmp-for-creation`, removed by
// the next one of that name. The same input gives the same bytes.
//
// Memory: the symbol table, label pair counts, and some MiB of series in work, whatever the block's length.
//
// FailedPrecondition: the resolution does not follow the block's; DataLoss: the block is damaged (the message
// names block and position); Cancelled, DeadlineExceeded: as `cancel` says. Thread-safe; blocks until done.
base::StatusOr<DownsampleResult> DownsampleBlock(const base::CancelToken& cancel,
                                                 const std::string& block_dir, int64_t resolution_ms,
                                                 const std::string& out_parent,
                                                 const DownsampleOptions& options);

}  // namespace thanos::downsample
