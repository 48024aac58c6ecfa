// A remote write body of either version, compressed or not, by the first byte. What reads well is forwarded
// as 1.0 and must read the same there.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "labels/labels.h"
#include "remotewrite/decode.h"
#include "remotewrite/encode.h"
#include "remotewrite/validate.h"

namespace {

using namespace thanos::remotewrite;  // NOLINT(google-build-using-namespace): a fuzz target of one library

void Require(bool condition) {
  if (!condition) {
    std::abort();
  }
}

void Compare(const SeriesView& series) {
  std::string body;
  AppendSeries(series, &body);
  RequestReader reader(Version::kV1, body);
  SeriesView again;
  Require(reader.Next(&again));
  Require(thanos::labels::Equal(series.labels, again.labels));
  Require(series.label_block == again.label_block && series.label_hash == again.label_hash);
  Require(series.samples.size() == again.samples.size());
  Require(series.histograms == again.histograms);
  Require(series.exemplars.size() == again.exemplars.size());
}

void Read(Version version, std::string_view body) {
  RequestReader reader(version, body);
  SeriesView series;
  HistogramPoint point;
  while (reader.Next(&series)) {
    (void)Validate(series);
    for (const std::string_view histogram : series.histograms) {
      (void)DecodeHistogram(histogram, &point);
    }
    Compare(series);
  }
  const auto size = Measure(version, body);
  if (reader.status().ok() && size.ok()) {
    Require(size->series == reader.num_series());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) {
    return 0;
  }
  const std::string_view body(reinterpret_cast<const char*>(data) + 1, size - 1);
  const Version version = data[0] % 2 == 0 ? Version::kV1 : Version::kV2;
  if (data[0] % 6 < 2) {
    Read(version, body);
    return 0;
  }
  constexpr size_t kMaxDecodedBytes = 1 << 20;
  std::string decoded;
  const ContentEncoding encoding = data[0] % 6 < 4 ? ContentEncoding::kSnappy : ContentEncoding::kZstd;
  if (Uncompress(encoding, body, kMaxDecodedBytes, &decoded).ok()) {
    Require(decoded.size() <= kMaxDecodedBytes);
    Read(version, decoded);
  }
  return 0;
}
