#pragma once

// Chunks of one series, from several replicas, blocks or processes, to one run of samples.

#include <cstdint>
#include <span>
#include <string_view>

#include "base/status.h"
#include "chunkenc/chunk.h"
#include "series/series_set.h"

namespace thanos::dedup {

struct DecodeOptions {
  // True: overlapping chunks are replicas and merged by the penalty algorithm; false: one sample per
  // timestamp.
  bool deduplicate = false;
  // Innermost PromQL function around the selector ("rate", "sum_over_time", "" for none). It selects the
  // aggregate of downsampled chunks, and rate, increase, irate and resets make counters not fall where the
  // replica changes.
  std::string_view function = {};
};

// The aggregates of downsampled chunks that a selection under `function` reads; a request to a store asks for
// them.
std::span<const series::Aggregate> AggregatesForFunction(std::string_view function);

// Appends to `out` the samples of `chunks` with min_ms <= t <= max_ms (inclusive), timestamps strictly
// increasing, stale markers included. Chunks may come in any order, overlap, repeat, and mix raw and
// downsampled ones.
//
// Downsampled chunks are read through the aggregate that `function` needs: min*, max*, count* and sum_* their
// own, rate and its kin the counter with its resets removed (raw chunks behind it are continued on top of
// it), all others sum / count. A chunk without that aggregate falls back to its raw samples and is left out
// when it has none. DataLoss: a damaged chunk; `out` is then as before. Thread-safe.
base::Status DecodeSeries(std::span<const series::Chunk> chunks, const DecodeOptions& options, int64_t min_ms,
                          int64_t max_ms, chunkenc::SampleColumns* out);

}  // namespace thanos::dedup
