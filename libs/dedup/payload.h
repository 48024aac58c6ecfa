#pragma once

// One chunk of a series to samples, by the aggregate a function needs; private to this library.

#include <cstdint>
#include <string_view>

#include "base/status.h"
#include "chunkenc/chunk.h"
#include "series/series_set.h"

namespace thanos::dedup::internal {

// How a function reads downsampled chunks.
enum class ReadAs : uint8_t { kMin, kMax, kCount, kSum, kCounter, kAverage };

ReadAs ReadAsForFunction(std::string_view function);

// rate, increase, irate, resets: counters must not fall at a switch of replica.
bool IsCounterFunction(std::string_view function);

// Removes the resets of counter aggregates across the chunks of one lane. A counter aggregate starts with the
// first raw sample and ends with the last raw value at the timestamp before it, from which the next chunk
// continues.
class ResetRemover {
 public:
  // Rewrites the samples behind the first `start` of `columns`, which are one chunk.
  void Process(size_t start, chunkenc::SampleColumns* columns);
  // Remembers the end of a raw chunk that is passed on as it is.
  void Pass(const chunkenc::SampleColumns& columns, size_t start);

 private:
  bool started_ = false;
  int64_t last_time_ = 0;
  double last_value_ = 0;
  double total_ = 0;
};

// Decodes the chunks of one lane, in order.
class LaneDecoder {
 public:
  explicit LaneDecoder(ReadAs read_as) : read_as_(read_as) {}

  // Appends the samples with min_ms <= t <= max_ms; with counter aggregates also earlier ones.
  base::Status Decode(const series::Chunk& chunk, int64_t min_ms, int64_t max_ms,
                      chunkenc::SampleColumns* out);

 private:
  base::Status DecodeCounter(const series::Chunk& chunk, int64_t min_ms, int64_t max_ms,
                             chunkenc::SampleColumns* out);
  base::Status DecodeAverage(const series::Chunk& chunk, int64_t min_ms, int64_t max_ms,
                             chunkenc::SampleColumns* out);

  ReadAs read_as_;
  bool seen_counter_aggregate_ = false;
  ResetRemover resets_;
};

}  // namespace thanos::dedup::internal
