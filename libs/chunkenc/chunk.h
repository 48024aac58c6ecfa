#pragma once

// Chunk encodings and decoded columns. Formats: Prometheus tsdb/docs/format/chunks.md and Thanos' aggregate
// chunk.

#include <cstdint>
#include <limits>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "model/histogram.h"

namespace thanos::chunkenc {

// The byte of the chunk segment file.
enum class Encoding : uint8_t { kNone = 0, kXor = 1, kHistogram = 2, kFloatHistogram = 3, kAggregate = 0xff };

// Samples as columns, oldest first. `timestamps` and `values` have equal length. Histogram samples have an
// entry in `histograms` whose `index` is their position in the other columns (where the value is then 0); the
// list is sorted by index and empty for float series, which cost nothing extra.
struct SampleColumns {
  struct HistogramAt {
    size_t index = 0;
    model::Histogram value;
  };
  std::vector<int64_t> timestamps;
  std::vector<double> values;
  std::vector<HistogramAt> histograms;

  size_t size() const { return timestamps.size(); }
  bool empty() const { return timestamps.empty(); }
  void Clear();
};

// Stale marker: the NaN with exactly these bits ends a series. Compare bits, not NaN-ness.
inline constexpr uint64_t kStaleNanBits = 0x7ff0000000000002ULL;
bool IsStaleNan(double value);
double StaleNan();

}  // namespace thanos::chunkenc
