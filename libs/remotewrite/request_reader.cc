#include <bit>

#include "base/hash.h"
#include "remotewrite/decode.h"
#include "remotewrite/internal/fields.h"

namespace thanos::remotewrite {

using encoding::WireField;
using encoding::WireReader;
using encoding::WireType;
using labels::LabelView;

namespace {

// Reads one length-delimited text behind `tag`, with the length in its shortest form; null where it is not
// so.
const char* TakeText(const char* position, const char* end, char tag, std::string_view* text) {
  if (end - position < 2 || position[0] != tag) {
    return nullptr;
  }
  size_t length = static_cast<unsigned char>(position[1]);
  position += 2;
  if (length >= 0x80) [[unlikely]] {
    encoding::ByteCursor cursor({position - 1, static_cast<size_t>(end - position + 1)});
    uint64_t value = 0;
    if (!cursor.ReadUvarint(&value) || encoding::UvarintSize(value) != cursor.offset()) {
      return nullptr;
    }
    position += cursor.offset() - 1;
    length = static_cast<size_t>(value);
  }
  if (length > static_cast<size_t>(end - position)) {
    return nullptr;
  }
  *text = {position, length};
  return position + length;
}

// Reads labels in the canonical form from the beginning of a 1.0 series; the position behind the last one.
const char* TakeCanonicalLabels(std::string_view message, std::vector<LabelView>* labels) {
  const char* position = message.data();
  const char* end = position + message.size();
  while (position < end && *position == internal::kTag1) {
    std::string_view label;
    const char* next = TakeText(position, end, internal::kTag1, &label);
    if (next == nullptr) {
      return position;
    }
    LabelView view;
    const char* inner = TakeText(label.data(), next, internal::kTag1, &view.name);
    inner = inner == nullptr ? nullptr : TakeText(inner, next, internal::kTag2, &view.value);
    if (inner != next) {
      return position;
    }
    labels->push_back(view);
    position = next;
  }
  return position;
}

// Reads samples in the form every sender writes (value, then time) behind the labels of a 1.0 series; the
// position behind the last one.
const char* TakePlainSamples(const char* position, const char* end, std::vector<Sample>* samples) {
  constexpr char kValueTag = 0x09;
  constexpr char kTimeTag = 0x10;
  constexpr size_t kTimeAt = 1 + sizeof(double) + 1;
  std::string_view message;
  while (position < end && *position == internal::kTag2) {
    const char* next = TakeText(position, end, internal::kTag2, &message);
    if (next == nullptr || message.size() <= kTimeAt || message[0] != kValueTag ||
        message[kTimeAt - 1] != kTimeTag) {
      return position;
    }
    Sample sample;
    uint64_t bits;
    __builtin_memcpy(&bits, message.data() + 1, sizeof(bits));
    sample.value = std::bit_cast<double>(bits);
    encoding::ByteCursor cursor(message.substr(kTimeAt));
    uint64_t time = 0;
    if (!cursor.ReadUvarint(&time) || !cursor.empty()) {
      return position;
    }
    sample.time_ms = static_cast<int64_t>(time);
    samples->push_back(sample);
    position = next;
  }
  return position;
}

bool ReadLabel(std::string_view message, LabelView* label) {
  WireReader reader(message);
  WireField field;
  while (reader.Next(&field)) {
    if (field.is(internal::kLabelName, WireType::kBytes)) {
      label->name = field.bytes;
    } else if (field.is(internal::kLabelValue, WireType::kBytes)) {
      label->value = field.bytes;
    }
  }
  return reader.ok();
}

void AppendCanonical(const std::vector<LabelView>& labels, std::string* out) {
  out->clear();
  for (const LabelView& label : labels) {
    encoding::AppendBytesHeader(*out, internal::kSeriesLabels,
                                encoding::BytesFieldSize(internal::kLabelName, label.name.size()) +
                                    encoding::BytesFieldSize(internal::kLabelValue, label.value.size()));
    encoding::AppendBytesField(*out, internal::kLabelName, label.name);
    encoding::AppendBytesField(*out, internal::kLabelValue, label.value);
  }
}

}  // namespace

RequestReader::RequestReader(Version version, std::string_view body)
    : version_(version), body_(body), reader_(body) {
  if (version == Version::kV2) {
    ReadSymbols();
  }
}

bool RequestReader::Fail(std::string_view what) {
  if (status_.ok()) {
    status_ = base::InvalidArgument("write request: series ", num_series_, ", before byte ", reader_.offset(),
                                    ": ", what);
  }
  return false;
}

// Symbols are usually in front, but nothing says that they must be.
bool RequestReader::ReadSymbols() {
  WireReader reader(body_);
  WireField field;
  while (reader.Next(&field)) {
    if (field.is(internal::kRequest2Symbols, WireType::kBytes)) {
      symbols_.push_back(field.bytes);
    } else if (field.is(internal::kRequestSeries, WireType::kBytes)) {
      return Fail("a series of version 1.0 in a request of version 2.0");
    }
  }
  if (!reader.ok()) {
    return Fail(base::Message(reader.status()));
  }
  if (!symbols_.empty() && !symbols_[0].empty()) {
    return Fail("the first symbol is not empty");
  }
  return true;
}

bool RequestReader::Symbol(uint64_t ref, std::string_view* text) const {
  if (ref >= symbols_.size()) {
    return false;
  }
  *text = symbols_[static_cast<size_t>(ref)];
  return true;
}

bool RequestReader::Next(SeriesView* series) {
  if (!status_.ok()) {
    return false;
  }
  const uint32_t series_field =
      version_ == Version::kV1 ? internal::kRequestSeries : internal::kRequest2Series;
  WireField field;
  while (reader_.Next(&field)) {
    if (field.is(series_field, WireType::kBytes)) {
      if (!ReadSeries(field.bytes, series)) {
        return false;
      }
      ++num_series_;
      return true;
    }
    if (version_ == Version::kV1 && field.is(internal::kRequestMetadata, WireType::kBytes) &&
        !ReadMetadata(field.bytes)) {
      return false;
    }
    if (field.number == series_field) {
      return Fail("a series of the wrong wire type");
    }
  }
  return reader_.ok() ? false : Fail(base::Message(reader_.status()));
}

bool RequestReader::ReadSeries(std::string_view message, SeriesView* series) {
  series->labels.clear();
  series->samples.clear();
  series->histograms.clear();
  series->exemplars.clear();
  series->exemplar_labels.clear();
  series->has_metadata = false;
  series->raw = message;

  size_t canonical = 0;
  size_t plain = 0;
  if (version_ == Version::kV1) {
    const char* labels_end = TakeCanonicalLabels(message, &series->labels);
    const char* samples_end = TakePlainSamples(labels_end, message.data() + message.size(), &series->samples);
    canonical = static_cast<size_t>(labels_end - message.data());
    plain = static_cast<size_t>(samples_end - message.data());
  }
  const size_t num_canonical = series->labels.size();
  WireReader reader(message.substr(plain));
  WireField field;
  while (reader.Next(&field)) {
    if (!ReadField(field, series)) {
      return Fail(base::Concat("field ", field.number, " is malformed"));
    }
  }
  if (!reader.ok()) {
    return Fail(base::Message(reader.status()));
  }
  const bool is_slice = version_ == Version::kV1 && series->labels.size() == num_canonical;
  if (is_slice) {
    series->label_block = message.substr(0, canonical);
  } else {
    AppendCanonical(series->labels, &series->block_buffer);
    series->label_block = series->block_buffer;
  }
  series->label_hash = base::XxHash64(series->label_block);
  return true;
}

bool RequestReader::ReadField(const WireField& field, SeriesView* series) {
  const bool v1 = version_ == Version::kV1;
  if (field.number == internal::kSeriesLabels) {
    if (!v1) {
      return ReadLabelRefs(field, &series->labels);
    }
    LabelView label;
    if (field.type != WireType::kBytes || !ReadLabel(field.bytes, &label)) {
      return false;
    }
    series->labels.push_back(label);
    return true;
  }
  if (!v1 && field.is(internal::kSeries2Created, WireType::kVarint)) {
    for (Sample& sample : series->samples) {
      sample.start_time_ms = sample.start_time_ms != 0 ? sample.start_time_ms : field.AsInt64();
    }
    return true;
  }
  const uint32_t histograms = v1 ? internal::kSeriesHistograms : internal::kSeries2Histograms;
  const uint32_t exemplars = v1 ? internal::kSeriesExemplars : internal::kSeries2Exemplars;
  const bool known = field.number == internal::kSeriesSamples || field.number == histograms ||
                     field.number == exemplars || (!v1 && field.number == internal::kSeries2Metadata);
  if (!known) {
    return true;
  }
  if (field.type != WireType::kBytes) {
    return false;
  }
  if (field.number == internal::kSeriesSamples) {
    return ReadSample(field.bytes, series);
  }
  if (field.number == histograms) {
    series->histograms.push_back(field.bytes);
    return true;
  }
  return field.number == exemplars ? ReadExemplar(field.bytes, series)
                                   : ReadSeriesMetadata(field.bytes, series);
}

bool RequestReader::ReadSample(std::string_view message, SeriesView* series) {
  Sample sample;
  WireReader reader(message);
  WireField field;
  while (reader.Next(&field)) {
    if (field.is(1, WireType::kFixed64)) {
      sample.value = field.AsDouble();
    } else if (field.is(2, WireType::kVarint)) {
      sample.time_ms = field.AsInt64();
    } else if (field.is(3, WireType::kVarint) && version_ == Version::kV2) {
      sample.start_time_ms = field.AsInt64();
    }
  }
  series->samples.push_back(sample);
  return reader.ok();
}

bool RequestReader::ReadExemplar(std::string_view message, SeriesView* series) {
  ExemplarView exemplar;
  exemplar.labels_begin = series->exemplar_labels.size();
  WireReader reader(message);
  WireField field;
  while (reader.Next(&field)) {
    if (field.number == 1) {
      LabelView label;
      if (version_ == Version::kV2) {
        if (!ReadLabelRefs(field, &series->exemplar_labels)) {
          return false;
        }
      } else if (field.type == WireType::kBytes && ReadLabel(field.bytes, &label)) {
        series->exemplar_labels.push_back(label);
      } else {
        return false;
      }
    } else if (field.is(2, WireType::kFixed64)) {
      exemplar.value = field.AsDouble();
    } else if (field.is(3, WireType::kVarint)) {
      exemplar.time_ms = field.AsInt64();
    }
  }
  exemplar.labels_count = series->exemplar_labels.size() - exemplar.labels_begin;
  series->exemplars.push_back(exemplar);
  return reader.ok();
}

bool RequestReader::ReadSeriesMetadata(std::string_view message, SeriesView* series) {
  series->metadata = {};
  series->has_metadata = true;
  WireReader reader(message);
  WireField field;
  while (reader.Next(&field)) {
    if (field.is(1, WireType::kVarint)) {
      series->metadata.type = static_cast<uint32_t>(field.integer);
    } else if (field.is(3, WireType::kVarint)) {
      if (!Symbol(field.integer, &series->metadata.help)) {
        return false;
      }
    } else if (field.is(4, WireType::kVarint) && !Symbol(field.integer, &series->metadata.unit)) {
      return false;
    }
  }
  return reader.ok();
}

// Pairs of references, name and value; the field may come in pieces, but not in half pairs.
bool RequestReader::ReadLabelRefs(const WireField& field, std::vector<LabelView>* labels) {
  refs_.clear();
  if (!encoding::ForEachVarint(field, [&](uint64_t ref) { refs_.push_back(ref); }) || refs_.size() % 2 != 0) {
    return false;
  }
  for (size_t i = 0; i < refs_.size(); i += 2) {
    LabelView label;
    if (!Symbol(refs_[i], &label.name) || !Symbol(refs_[i + 1], &label.value)) {
      return false;
    }
    labels->push_back(label);
  }
  return true;
}

bool RequestReader::ReadMetadata(std::string_view message) {
  MetadataView metadata;
  WireReader reader(message);
  WireField field;
  while (reader.Next(&field)) {
    if (field.is(1, WireType::kVarint)) {
      metadata.type = static_cast<uint32_t>(field.integer);
    } else if (field.is(2, WireType::kBytes)) {
      metadata.family = field.bytes;
    } else if (field.is(4, WireType::kBytes)) {
      metadata.help = field.bytes;
    } else if (field.is(5, WireType::kBytes)) {
      metadata.unit = field.bytes;
    }
  }
  metadata_.push_back(metadata);
  return reader.ok() || Fail("malformed metadata");
}

}  // namespace thanos::remotewrite
