#pragma once

// Writes remote write requests: for forwarding, by copying the bytes of series, and whole ones for tests,
// benchmarks and senders.

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/strings.h"
#include "labels/labels.h"
#include "model/histogram.h"
#include "remotewrite/decode.h"

namespace thanos::remotewrite {

// Appends a 1.0 series to a request body as it was received (SeriesView::raw).
void AppendRawSeries(std::string_view raw, std::string* body);

// Appends what `series` holds, of either version, as a 1.0 series: metadata and start times have no place
// there.
void AppendSeries(const SeriesView& series, std::string* body);

struct Exemplar {
  int64_t time_ms = 0;
  double value = 0;
  labels::LabelSpan labels;
};
struct HistogramSample {
  int64_t time_ms = 0;
  const model::Histogram* histogram = nullptr;
  int64_t start_time_ms = 0;
};
// One series to write; all of it is borrowed.
struct SeriesInput {
  labels::LabelSpan labels;
  std::span<const Sample> samples = {};
  std::span<const HistogramSample> histograms = {};
  std::span<const Exemplar> exemplars = {};
  const MetadataView* metadata = nullptr;  // 2.0 only
};

// Collects series into a request of one version. Not thread-safe.
class RequestBuilder {
 public:
  explicit RequestBuilder(Version version) : version_(version) {}
  void Add(const SeriesInput& series);
  // Metadata beside the series, 1.0 only.
  void AddMetadata(const MetadataView& metadata);
  // The body, not compressed.
  std::string Finish();

 private:
  void AddV1(const SeriesInput& series);
  void AddV2(const SeriesInput& series);
  uint64_t Intern(std::string_view text);
  void AppendRefs(labels::LabelSpan labels, std::string& out);

  Version version_;
  std::string series_;
  std::string symbols_;
  base::StringMap<uint64_t> refs_;
};

// A histogram message of either version.
void AppendHistogram(const HistogramSample& sample, std::string& out);

}  // namespace thanos::remotewrite
