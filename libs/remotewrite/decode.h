#pragma once

// Bodies of Prometheus remote write requests, versions 1.0 (prometheus.WriteRequest) and 2.0
// (io.prometheus.write.v2.Request), read in place: no message objects, and nothing is allocated per series
// once the vectors of a reused SeriesView have grown. Times are int64 milliseconds since the Unix epoch.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "encoding/wire.h"
#include "labels/labels.h"
#include "model/histogram.h"

namespace thanos::remotewrite {

enum class Version : uint8_t { kV1, kV2 };
enum class ContentEncoding : uint8_t { kSnappy, kZstd };

// Replaces the content of `out` by the decoded body. ResourceExhausted (413): it would be larger than
// `max_decoded_bytes`, found before that much is allocated. InvalidArgument (400): it is not so encoded.
base::Status Uncompress(ContentEncoding encoding, std::string_view body, size_t max_decoded_bytes,
                        std::string* out);

struct Sample {
  int64_t time_ms = 0;
  double value = 0;
  int64_t start_time_ms = 0;  // of a counter; 0: not told (always so in 1.0)
};
struct ExemplarView {
  int64_t time_ms = 0;
  double value = 0;
  // Into SeriesView::exemplar_labels.
  size_t labels_begin = 0;
  size_t labels_count = 0;
};
struct MetadataView {
  uint32_t type = 0;        // number of the enumeration MetricType of the version
  std::string_view family;  // 1.0 only
  std::string_view help;
  std::string_view unit;
};

// One series. All views point into the body, or into this object; both must stay.
struct SeriesView {
  // As received: neither sorted nor checked, see Validate.
  std::vector<labels::LabelView> labels;
  // The labels in the one canonical form: each as field 1 of a 1.0 series, name before value. Equal bytes
  // mean equal labels, whatever sender and version. A slice of the body where the sender wrote that form.
  std::string_view label_block;
  uint64_t label_hash = 0;  // xxhash64 of label_block
  // The bytes of the whole series message, for forwarding 1.0 series as they are.
  std::string_view raw;

  std::vector<Sample> samples;
  std::vector<std::string_view> histograms;  // messages for DecodeHistogram
  std::vector<ExemplarView> exemplars;
  std::vector<labels::LabelView> exemplar_labels;
  MetadataView metadata;  // 2.0 only
  bool has_metadata = false;

  // Holds label_block where it is no slice.
  std::string block_buffer;
};

// What a request holds, for limits that are checked before anything is stored.
struct RequestSize {
  uint64_t series = 0;
  uint64_t samples = 0;
  uint64_t histograms = 0;
  uint64_t exemplars = 0;
};
// InvalidArgument: malformed; only the nesting is looked at, not the content of samples and labels.
base::StatusOr<RequestSize> Measure(Version version, std::string_view body);

// Walks the series of one decoded body, which must outlive the reader. Not thread-safe.
//   RequestReader reader(version, body);
//   while (reader.Next(&series)) { ... }
//   TH_RETURN_IF_ERROR(reader.status());
class RequestReader {
 public:
  RequestReader(Version version, std::string_view body);

  // False at the end and on damage. Replaces the content of `series`.
  bool Next(SeriesView* series);
  // OK, or InvalidArgument (400) naming the series and the byte.
  const base::Status& status() const { return status_; }
  // Number of series read.
  uint64_t num_series() const { return num_series_; }
  // Metadata beside the series of 1.0, complete once Next answered false.
  const std::vector<MetadataView>& metadata() const { return metadata_; }

 private:
  bool Fail(std::string_view what);
  bool ReadSymbols();
  bool ReadSeries(std::string_view message, SeriesView* series);
  bool ReadField(const encoding::WireField& field, SeriesView* series);
  bool ReadMetadata(std::string_view message);
  bool ReadSample(std::string_view message, SeriesView* series);
  bool ReadExemplar(std::string_view message, SeriesView* series);
  bool ReadSeriesMetadata(std::string_view message, SeriesView* series);
  bool ReadLabelRefs(const encoding::WireField& field, std::vector<labels::LabelView>* labels);
  bool Symbol(uint64_t ref, std::string_view* text) const;

  Version version_;
  std::string_view body_;
  encoding::WireReader reader_;
  std::vector<std::string_view> symbols_;
  std::vector<uint64_t> refs_;
  std::vector<MetadataView> metadata_;
  uint64_t num_series_ = 0;
  base::Status status_;
};

// A histogram message of either version. Reuse `histogram`: its vectors keep their memory.
struct HistogramPoint {
  int64_t time_ms = 0;
  int64_t start_time_ms = 0;  // 2.0 only; 0: not told
  model::Histogram histogram;
};
// InvalidArgument: malformed, or a histogram that Prometheus refuses: unknown schema, spans that do not fit
// the buckets or have a negative gap, negative counts, bounds not ascending, observations that do not add up.
base::Status DecodeHistogram(std::string_view message, HistogramPoint* point);

}  // namespace thanos::remotewrite
