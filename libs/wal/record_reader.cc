#include <bit>
#include <cmath>

#include "wal/records.h"

namespace thanos::wal {
namespace {

double ToDouble(uint64_t bits) {
  return std::bit_cast<double>(bits);
}

// Sums wrap around, as in the original: the difference was computed the same way.
int64_t Plus(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
}

bool ReadSpans(encoding::ByteCursor& cursor, std::vector<model::Span>* spans) {
  uint64_t count;
  // Each span takes two bytes or more.
  if (!cursor.ReadUvarint(&count) || count > cursor.remaining() / 2) {
    return false;
  }
  spans->resize(static_cast<size_t>(count));
  for (model::Span& span : *spans) {
    int64_t offset;
    uint64_t length;
    if (!cursor.ReadVarint(&offset) || !cursor.ReadUvarint(&length)) {
      return false;
    }
    span.offset = static_cast<int32_t>(offset);
    span.length = static_cast<uint32_t>(length);
  }
  return true;
}

bool ReadDoubles(encoding::ByteCursor& cursor, std::vector<double>* values) {
  uint64_t count;
  if (!cursor.ReadUvarint(&count) || count > cursor.remaining() / 8) {
    return false;
  }
  values->resize(static_cast<size_t>(count));
  for (double& value : *values) {
    uint64_t bits;
    if (!cursor.ReadBe64(&bits)) {
      return false;
    }
    value = ToDouble(bits);
  }
  return true;
}

// Bucket counts as differences to the bucket before.
bool ReadDeltas(encoding::ByteCursor& cursor, std::vector<double>* counts) {
  uint64_t count;
  if (!cursor.ReadUvarint(&count) || count > cursor.remaining()) {
    return false;
  }
  counts->resize(static_cast<size_t>(count));
  int64_t bucket = 0;
  for (double& value : *counts) {
    int64_t delta;
    if (!cursor.ReadVarint(&delta)) {
      return false;
    }
    bucket = Plus(bucket, delta);
    value = static_cast<double>(bucket);
  }
  return true;
}

}  // namespace

RecordType TypeOf(std::string_view record) {
  if (record.empty()) {
    return RecordType::kUnknown;
  }
  const auto type = static_cast<uint8_t>(record[0]);
  return type <= static_cast<uint8_t>(RecordType::kCustomFloatHistograms) ? static_cast<RecordType>(type)
                                                                          : RecordType::kUnknown;
}

void LabelBlock::CopyTo(std::vector<labels::LabelView>* out) const {
  out->clear();
  encoding::ByteCursor cursor(encoded_);
  labels::LabelView label;
  for (size_t i = 0; i < num_labels_; ++i) {
    if (!cursor.ReadUvarintBytes(&label.name) || !cursor.ReadUvarintBytes(&label.value)) {
      return;
    }
    out->push_back(label);
  }
}

RecordReader::RecordReader(std::string_view record)
    : cursor_(record.empty() ? record : record.substr(1)), type_(TypeOf(record)) {}

base::Status RecordReader::status() const {
  if (wrong_type_) {
    return base::DataLoss("log record of type ", static_cast<int>(type_), " read as another type");
  }
  if (damaged_) {
    return base::DataLoss("log record of type ", static_cast<int>(type_), " is damaged at byte ",
                          cursor_.offset() + 1);
  }
  return base::OkStatus();
}

bool RecordReader::Begin(bool type_matches) {
  wrong_type_ = wrong_type_ || !type_matches;
  return type_matches && !damaged_ && !cursor_.empty();
}

bool RecordReader::Check(bool ok) {
  damaged_ = damaged_ || !ok;
  return ok;
}

bool RecordReader::ReadBase() {
  if (has_base_) {
    return true;
  }
  uint64_t time;
  if (!cursor_.ReadBe64(&base_ref_) || !cursor_.ReadBe64(&time)) {
    return false;
  }
  base_time_ms_ = static_cast<int64_t>(time);
  has_base_ = true;
  return true;
}

bool RecordReader::ReadRefAndTime(uint64_t* ref, int64_t* time_ms) {
  int64_t ref_delta;
  int64_t time_delta;
  if (!cursor_.ReadVarint(&ref_delta) || !cursor_.ReadVarint(&time_delta)) {
    return false;
  }
  *ref = base_ref_ + static_cast<uint64_t>(ref_delta);
  *time_ms = Plus(base_time_ms_, time_delta);
  return true;
}

bool RecordReader::ReadLabels(LabelBlock* block) {
  uint64_t count;
  // Each label takes two bytes or more.
  if (!cursor_.ReadUvarint(&count) || count > cursor_.remaining() / 2) {
    return false;
  }
  const std::string_view rest = cursor_.rest();
  const size_t begin = cursor_.offset();
  std::string_view text;
  for (uint64_t i = 0; i < 2 * count; ++i) {
    if (!cursor_.ReadUvarintBytes(&text)) {
      return false;
    }
  }
  *block = LabelBlock(rest.substr(0, cursor_.offset() - begin), static_cast<size_t>(count));
  return true;
}

bool RecordReader::Next(SeriesEntry* entry) {
  return Begin(type_ == RecordType::kSeries) &&
         Check(cursor_.ReadBe64(&entry->ref) && ReadLabels(&entry->labels));
}

bool RecordReader::Next(SampleEntry* entry) {
  if (!Begin(type_ == RecordType::kSamples) || !Check(ReadBase()) || cursor_.empty()) {
    return false;
  }
  uint64_t bits;
  if (!Check(ReadRefAndTime(&entry->ref, &entry->time_ms) && cursor_.ReadBe64(&bits))) {
    return false;
  }
  entry->value = ToDouble(bits);
  return true;
}

bool RecordReader::Next(TombstoneEntry* entry) {
  return Begin(type_ == RecordType::kTombstones) &&
         Check(cursor_.ReadBe64(&entry->ref) && cursor_.ReadVarint(&entry->min_time_ms) &&
               cursor_.ReadVarint(&entry->max_time_ms));
}

bool RecordReader::Next(ExemplarEntry* entry) {
  if (!Begin(type_ == RecordType::kExemplars) || !Check(ReadBase()) || cursor_.empty()) {
    return false;
  }
  uint64_t bits;
  if (!Check(ReadRefAndTime(&entry->ref, &entry->time_ms) && cursor_.ReadBe64(&bits) &&
             ReadLabels(&entry->labels))) {
    return false;
  }
  entry->value = ToDouble(bits);
  return true;
}

bool RecordReader::Next(MmapMarkerEntry* entry) {
  return Begin(type_ == RecordType::kMmapMarkers) &&
         Check(cursor_.ReadBe64(&entry->ref) && cursor_.ReadBe64(&entry->chunk_ref));
}

bool RecordReader::Next(MetadataEntry* entry) {
  if (!Begin(type_ == RecordType::kMetadata)) {
    return false;
  }
  uint64_t num_fields;
  if (!Check(cursor_.ReadUvarint(&entry->ref) && cursor_.ReadByte(&entry->metric_type) &&
             cursor_.ReadUvarint(&num_fields) && num_fields <= cursor_.remaining() / 2)) {
    return false;
  }
  entry->unit = {};
  entry->help = {};
  for (uint64_t i = 0; i < num_fields; ++i) {
    std::string_view name;
    std::string_view value;
    if (!Check(cursor_.ReadUvarintBytes(&name) && cursor_.ReadUvarintBytes(&value))) {
      return false;
    }
    if (name == "UNIT") {
      entry->unit = value;
    } else if (name == "HELP") {
      entry->help = value;
    }
  }
  return true;
}

bool RecordReader::Next(HistogramEntry* entry) {
  const bool is_float = type_ == RecordType::kFloatHistograms || type_ == RecordType::kCustomFloatHistograms;
  const bool matches = is_float || type_ == RecordType::kHistograms || type_ == RecordType::kCustomHistograms;
  if (!Begin(matches) || !Check(ReadBase()) || cursor_.empty()) {
    return false;
  }
  return Check(ReadRefAndTime(&entry->ref, &entry->time_ms) && ReadHistogram(&entry->histogram, is_float));
}

bool RecordReader::ReadHistogram(model::Histogram* histogram, bool is_float) {
  uint8_t hint;
  int64_t schema;
  uint64_t threshold;
  if (!cursor_.ReadByte(&hint) || hint > static_cast<uint8_t>(model::CounterResetHint::kGauge) ||
      !cursor_.ReadVarint(&schema) || !cursor_.ReadBe64(&threshold)) {
    return false;
  }
  uint64_t zero_count;
  uint64_t count;
  uint64_t sum;
  const bool counts_ok = is_float ? cursor_.ReadBe64(&zero_count) && cursor_.ReadBe64(&count)
                                  : cursor_.ReadUvarint(&zero_count) && cursor_.ReadUvarint(&count);
  if (!counts_ok || !cursor_.ReadBe64(&sum)) {
    return false;
  }
  histogram->is_float = is_float;
  histogram->counter_reset_hint = static_cast<model::CounterResetHint>(hint);
  histogram->schema = static_cast<int32_t>(schema);
  histogram->zero_threshold = ToDouble(threshold);
  histogram->zero_count = is_float ? ToDouble(zero_count) : static_cast<double>(zero_count);
  histogram->count = is_float ? ToDouble(count) : static_cast<double>(count);
  histogram->sum = ToDouble(sum);
  if (!ReadSpans(cursor_, &histogram->positive_spans) || !ReadSpans(cursor_, &histogram->negative_spans)) {
    return false;
  }
  const auto read_buckets = is_float ? ReadDoubles : ReadDeltas;
  if (!read_buckets(cursor_, &histogram->positive_buckets) ||
      !read_buckets(cursor_, &histogram->negative_buckets)) {
    return false;
  }
  histogram->custom_bounds.clear();
  if (histogram->uses_custom_buckets() && !ReadDoubles(cursor_, &histogram->custom_bounds)) {
    return false;
  }
  // Spans that promise other buckets than there are would lead every later reader astray.
  return model::NumBuckets(histogram->positive_spans) == histogram->positive_buckets.size() &&
         model::NumBuckets(histogram->negative_spans) == histogram->negative_buckets.size();
}

}  // namespace thanos::wal
