// Input: one byte of encoding, then chunk bytes. Whatever they are, decoding must answer, stay inside the
// bytes and keep the columns consistent; what decodes as an XOR chunk must decode again from our own encoding
// of it.
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <string_view>

#include "chunkenc/aggr_chunk.h"
#include "chunkenc/appender.h"
#include "chunkenc/column_decoder.h"

namespace {

using thanos::chunkenc::Encoding;
using thanos::chunkenc::SampleColumns;

void Require(bool condition) {
  if (!condition) {
    std::abort();
  }
}

void CheckXorRoundTrip(const SampleColumns& samples) {
  thanos::chunkenc::XorAppender appender;
  for (size_t i = 0; i < samples.size(); ++i) {
    appender.Append(samples.timestamps[i], samples.values[i]);
  }
  SampleColumns again;
  Require(thanos::chunkenc::DecodeChunk(Encoding::kXor, appender.Bytes(), std::numeric_limits<int64_t>::min(),
                                        std::numeric_limits<int64_t>::max(), &again)
              .ok());
  Require(again.timestamps == samples.timestamps);
}

void CheckDecode(Encoding encoding, std::string_view data) {
  const auto num_samples = thanos::chunkenc::NumSamples(encoding, data);
  SampleColumns samples;
  const auto status = thanos::chunkenc::DecodeChunk(encoding, data, std::numeric_limits<int64_t>::min(),
                                                    std::numeric_limits<int64_t>::max(), &samples);
  Require(samples.timestamps.size() == samples.values.size());
  if (!status.ok()) {
    Require(samples.empty() && samples.histograms.empty());
    return;
  }
  Require(num_samples.ok() && samples.size() == static_cast<size_t>(*num_samples));
  if (encoding == Encoding::kXor) {
    CheckXorRoundTrip(samples);
  } else {
    Require(samples.histograms.size() == samples.size());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  if (size == 0) {
    return 0;
  }
  const auto encoding = static_cast<Encoding>(bytes[0]);
  const std::string_view data(reinterpret_cast<const char*>(bytes) + 1, size - 1);
  if (encoding != Encoding::kAggregate) {
    CheckDecode(encoding, data);
    return 0;
  }
  const auto parts = thanos::chunkenc::SplitAggregateChunk(data);
  if (parts.ok()) {
    for (const auto& part : *parts) {
      CheckDecode(part.encoding, part.data);
    }
  }
  return 0;
}
