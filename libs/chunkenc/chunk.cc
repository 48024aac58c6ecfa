#include "chunkenc/chunk.h"

#include <bit>

namespace thanos::chunkenc {

void SampleColumns::Clear() {
  timestamps.clear();
  values.clear();
  histograms.clear();
}

bool IsStaleNan(double value) {
  return std::bit_cast<uint64_t>(value) == kStaleNanBits;
}

double StaleNan() {
  return std::bit_cast<double>(kStaleNanBits);
}

}  // namespace thanos::chunkenc
