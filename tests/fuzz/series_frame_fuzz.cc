// Input: one message of a Series stream. Reading it must not crash; what was read is well-formed, and written
// again it reads back as the same number of series.
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "storeapi/series_codec.h"

namespace {

void Require(bool condition) {
  if (!condition) {
    std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using thanos::storeapi::Frame;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  thanos::storeapi::SeriesFrameReader reader;
  thanos::series::SeriesBatch batch;
  const bool ok = reader.Read(bytes, &batch).ok();
  thanos::storeapi::SeriesFrameWriter writer({.batch_size = 3, .max_frame_bytes = size_t{1} << 20});
  std::vector<Frame> frames;
  for (const thanos::series::Series& series : batch.series) {
    Require(thanos::labels::IsSorted(series.labels));
    writer.Add(series, &frames);
  }
  writer.Flush(&frames);
  thanos::series::SeriesBatch again;
  for (const Frame& frame : frames) {
    Require(reader.Read(frame.bytes(), &again).ok());
  }
  Require(!ok || again.series.size() >= batch.series.size());
  return 0;
}
