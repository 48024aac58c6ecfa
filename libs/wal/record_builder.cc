#include <bit>

#include "base/bytes.h"
#include "base/check.h"
#include "wal/records.h"

namespace thanos::wal {
namespace {

void AppendText(std::string& out, std::string_view text) {
  encoding::AppendUvarint(out, text.size());
  out.append(text);
}

void AppendDouble(std::string& out, double value) {
  base::AppendBigEndian64(out, std::bit_cast<uint64_t>(value));
}

void AppendSpans(std::string& out, const std::vector<model::Span>& spans) {
  encoding::AppendUvarint(out, spans.size());
  for (const model::Span& span : spans) {
    encoding::AppendVarint(out, span.offset);
    encoding::AppendUvarint(out, span.length);
  }
}

void AppendDoubles(std::string& out, const std::vector<double>& values) {
  encoding::AppendUvarint(out, values.size());
  for (const double value : values) {
    AppendDouble(out, value);
  }
}

// Counts to integers without the undefined conversions of negative, huge and NaN values.
uint64_t ToCount(double value) {
  if (!(value > 0)) {
    return 0;
  }
  return value >= 18446744073709551616.0 ? ~uint64_t{0} : static_cast<uint64_t>(value);
}

void AppendDeltas(std::string& out, const std::vector<double>& counts) {
  encoding::AppendUvarint(out, counts.size());
  uint64_t previous = 0;
  for (const double value : counts) {
    const uint64_t count = ToCount(value);
    encoding::AppendVarint(out, static_cast<int64_t>(count - previous));
    previous = count;
  }
}

int64_t Minus(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) - static_cast<uint64_t>(b));
}

}  // namespace

RecordType TypeFor(const model::Histogram& histogram) {
  if (histogram.uses_custom_buckets()) {
    return histogram.is_float ? RecordType::kCustomFloatHistograms : RecordType::kCustomHistograms;
  }
  return histogram.is_float ? RecordType::kFloatHistograms : RecordType::kHistograms;
}

RecordBuilder::RecordBuilder(RecordType type, std::string* out) : type_(type), out_(out) {
  out_->push_back(static_cast<char>(type));
}

void RecordBuilder::AddRefAndTime(uint64_t ref, int64_t time_ms) {
  if (num_entries_ == 0) {
    base_ref_ = ref;
    base_time_ms_ = time_ms;
    base::AppendBigEndian64(*out_, ref);
    base::AppendBigEndian64(*out_, static_cast<uint64_t>(time_ms));
  }
  encoding::AppendVarint(*out_, static_cast<int64_t>(ref - base_ref_));
  encoding::AppendVarint(*out_, Minus(time_ms, base_time_ms_));
  ++num_entries_;
}

void RecordBuilder::AddLabels(labels::LabelSpan labels) {
  encoding::AppendUvarint(*out_, labels.size());
  for (const labels::LabelView& label : labels) {
    AppendText(*out_, label.name);
    AppendText(*out_, label.value);
  }
}

void RecordBuilder::Add(uint64_t ref, labels::LabelSpan labels) {
  TH_DCHECK(type_ == RecordType::kSeries);
  base::AppendBigEndian64(*out_, ref);
  AddLabels(labels);
  ++num_entries_;
}

void RecordBuilder::Add(const SeriesEntry& series) {
  TH_DCHECK(type_ == RecordType::kSeries);
  base::AppendBigEndian64(*out_, series.ref);
  encoding::AppendUvarint(*out_, series.labels.size());
  out_->append(series.labels.encoded());
  ++num_entries_;
}

void RecordBuilder::Add(const SampleEntry& sample) {
  TH_DCHECK(type_ == RecordType::kSamples);
  AddRefAndTime(sample.ref, sample.time_ms);
  AppendDouble(*out_, sample.value);
}

void RecordBuilder::Add(const TombstoneEntry& tombstone) {
  TH_DCHECK(type_ == RecordType::kTombstones);
  base::AppendBigEndian64(*out_, tombstone.ref);
  encoding::AppendVarint(*out_, tombstone.min_time_ms);
  encoding::AppendVarint(*out_, tombstone.max_time_ms);
  ++num_entries_;
}

void RecordBuilder::AddExemplar(uint64_t ref, int64_t time_ms, double value, labels::LabelSpan labels) {
  TH_DCHECK(type_ == RecordType::kExemplars);
  AddRefAndTime(ref, time_ms);
  AppendDouble(*out_, value);
  AddLabels(labels);
}

void RecordBuilder::Add(const ExemplarEntry& exemplar) {
  TH_DCHECK(type_ == RecordType::kExemplars);
  AddRefAndTime(exemplar.ref, exemplar.time_ms);
  AppendDouble(*out_, exemplar.value);
  encoding::AppendUvarint(*out_, exemplar.labels.size());
  out_->append(exemplar.labels.encoded());
}

void RecordBuilder::Add(const MmapMarkerEntry& marker) {
  TH_DCHECK(type_ == RecordType::kMmapMarkers);
  base::AppendBigEndian64(*out_, marker.ref);
  base::AppendBigEndian64(*out_, marker.chunk_ref);
  ++num_entries_;
}

void RecordBuilder::Add(const MetadataEntry& metadata) {
  TH_DCHECK(type_ == RecordType::kMetadata);
  encoding::AppendUvarint(*out_, metadata.ref);
  out_->push_back(static_cast<char>(metadata.metric_type));
  encoding::AppendUvarint(*out_, 2);
  AppendText(*out_, "UNIT");
  AppendText(*out_, metadata.unit);
  AppendText(*out_, "HELP");
  AppendText(*out_, metadata.help);
  ++num_entries_;
}

void RecordBuilder::Add(uint64_t ref, int64_t time_ms, const model::Histogram& histogram) {
  TH_DCHECK(type_ == TypeFor(histogram));
  AddRefAndTime(ref, time_ms);
  out_->push_back(static_cast<char>(histogram.counter_reset_hint));
  encoding::AppendVarint(*out_, histogram.schema);
  AppendDouble(*out_, histogram.zero_threshold);
  if (histogram.is_float) {
    AppendDouble(*out_, histogram.zero_count);
    AppendDouble(*out_, histogram.count);
  } else {
    encoding::AppendUvarint(*out_, ToCount(histogram.zero_count));
    encoding::AppendUvarint(*out_, ToCount(histogram.count));
  }
  AppendDouble(*out_, histogram.sum);
  AppendSpans(*out_, histogram.positive_spans);
  AppendSpans(*out_, histogram.negative_spans);
  const auto append_buckets = histogram.is_float ? AppendDoubles : AppendDeltas;
  append_buckets(*out_, histogram.positive_buckets);
  append_buckets(*out_, histogram.negative_buckets);
  if (histogram.uses_custom_buckets()) {
    AppendDoubles(*out_, histogram.custom_bounds);
  }
}

}  // namespace thanos::wal
