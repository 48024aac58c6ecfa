// SeriesResponse { oneof: series = 1, warning = 2, hints = 3, batch = 4 { series = 1 * } }
// Series         { labels = 1 Label{name = 1, value = 2} *, chunks = 2 AggrChunk * }
// AggrChunk      { min_time = 1, max_time = 2, raw = 3, count = 4, sum = 5, min = 6, max = 7, counter = 8 }
// Chunk          { type = 1 (encoding minus one), data = 2, hash = 3 }
// A length comes before its body, so each series is measured first and then written front to back.
#include "storeapi/series_codec.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <new>
#include <utility>

#include "base/check.h"
#include "base/hash.h"
#include "encoding/varint.h"
#include "encoding/wire.h"

namespace thanos::storeapi {
namespace {

using chunkenc::Encoding;
using encoding::UvarintSize;
using encoding::WireField;
using encoding::WireReader;
using encoding::WireType;

// The fields of a message like WireReader, with the usual ones (short tags, varints, bytes) read inline.
class FieldReader {
 public:
  explicit FieldReader(std::string_view message)
      : position_(message.data()), end_(message.data() + message.size()) {}

  bool Next(WireField* field) {
    if (position_ == end_) {
      return false;
    }
    const auto tag = static_cast<unsigned char>(*position_);
    const auto type = static_cast<WireType>(tag & 7);
    const char* position = position_ + 1;
    uint64_t value = 0;
    if (tag < 8 || tag >= 0x80 || (type != WireType::kBytes && type != WireType::kVarint) ||
        !ReadVarint(&position, &value)) [[unlikely]] {
      return NextSlow(field);
    }
    field->number = tag >> 3;
    field->type = type;
    if (type == WireType::kVarint) {
      field->integer = value;
      position_ = position;
      return true;
    }
    if (value > static_cast<uint64_t>(end_ - position)) [[unlikely]] {
      return NextSlow(field);
    }
    field->bytes = {position, static_cast<size_t>(value)};
    position_ = position + value;
    return true;
  }
  bool ok() const { return status_.ok(); }
  const base::Status& status() const { return status_; }

 private:
  // Up to nine bytes; false leaves all else to the general reader.
  bool ReadVarint(const char** position, uint64_t* value) const {
    constexpr unsigned kMaxShift = 56;
    uint64_t result = 0;
    const char* next = *position;
    for (unsigned shift = 0; next != end_ && shift <= kMaxShift; shift += 7) {
      const auto byte = static_cast<unsigned char>(*next++);
      result |= static_cast<uint64_t>(byte & 0x7fU) << shift;
      if (byte < 0x80) {
        *position = next;
        *value = result;
        return true;
      }
    }
    return false;
  }
  bool NextSlow(WireField* field) {
    WireReader reader({position_, static_cast<size_t>(end_ - position_)});
    if (!reader.Next(field)) {
      status_ = reader.status();
      position_ = end_;
      return false;
    }
    position_ += reader.offset();
    return true;
  }

  const char* position_;
  const char* end_;
  base::Status status_;
};

char* WriteUvarint(char* out, uint64_t value) {
  if (value < 0x80) [[likely]] {
    *out = static_cast<char>(value);
    return out + 1;
  }
  return encoding::WriteUvarint(out, value);
}

// memcpy, inline for the lengths that labels have.
char* Copy(char* out, std::string_view bytes) {
  const size_t size = bytes.size();
  const char* const from = bytes.data();
  const auto overlapping = [&]<typename Word>(Word first) {
    Word last;
    std::memcpy(&first, from, sizeof(Word));
    std::memcpy(&last, from + size - sizeof(Word), sizeof(Word));
    std::memcpy(out, &first, sizeof(Word));
    std::memcpy(out + size - sizeof(Word), &last, sizeof(Word));
  };
  if (size > 16) {
    std::memcpy(out, from, size);
  } else if (size >= 8) {
    overlapping(uint64_t{});
  } else if (size >= 4) {
    overlapping(uint32_t{});
  } else {
    for (size_t i = 0; i < size; ++i) {
      out[i] = from[i];
    }
  }
  return out + size;
}

constexpr char BytesTag(int number) {
  return static_cast<char>(number << 3 | 2);
}
constexpr char VarintTag(int number) {
  return static_cast<char>(number << 3);
}

constexpr int kSeriesField = 1;
constexpr int kWarningField = 2;
constexpr int kHintsField = 3;
constexpr int kBatchField = 4;
// Tag and length of the batch field.
constexpr size_t kHeaderRoom = 1 + encoding::kMaxVarintBytes;
constexpr size_t kMinBufferBytes = 4096;

size_t BytesFieldSize(size_t length) {
  return 1 + UvarintSize(length) + length;
}
// proto3 leaves empty values out.
size_t OptionalBytesSize(size_t length) {
  return length == 0 ? 0 : BytesFieldSize(length);
}
size_t OptionalVarintSize(uint64_t value) {
  return value == 0 ? 0 : 1 + UvarintSize(value);
}

char* WriteHeader(char* out, int number, size_t length) {
  *out++ = BytesTag(number);
  return WriteUvarint(out, length);
}
char* WriteOptionalBytes(char* out, int number, std::string_view bytes) {
  if (bytes.empty()) {
    return out;
  }
  return Copy(WriteHeader(out, number, bytes.size()), bytes);
}
char* WriteOptionalVarint(char* out, int number, uint64_t value) {
  if (value == 0) {
    return out;
  }
  *out++ = VarintTag(number);
  return WriteUvarint(out, value);
}

size_t LabelBytes(const labels::LabelView& label) {
  return OptionalBytesSize(label.name.size()) + OptionalBytesSize(label.value.size());
}

// Names are not empty; most differ in the first byte.
bool Ascending(std::string_view a, std::string_view b) {
  const auto first_a = static_cast<unsigned char>(a.front());
  const auto first_b = static_cast<unsigned char>(b.front());
  return first_a != first_b ? first_a < first_b : a < b;
}

uint64_t WireEncoding(Encoding encoding) {
  return static_cast<uint64_t>(encoding) - 1;
}

size_t ChunkDataBytes(const series::ChunkData& chunk, uint64_t hash) {
  return OptionalVarintSize(WireEncoding(chunk.encoding)) + OptionalBytesSize(chunk.data.size()) +
         OptionalVarintSize(hash);
}

// Calls visit(field number, data) for each present value of `chunk` in field order.
template <typename Visit>
void ForEachData(const series::Chunk& chunk, Visit visit) {
  constexpr int kRawField = 3;
  if (chunk.raw.present()) {
    visit(kRawField, chunk.raw);
  }
  if (chunk.aggregates == nullptr) {
    return;
  }
  for (size_t i = 1; i < chunk.aggregates->size(); ++i) {
    if ((*chunk.aggregates)[i].present()) {
      visit(kRawField + static_cast<int>(i), (*chunk.aggregates)[i]);
    }
  }
}

}  // namespace

SeriesFrameWriter::SeriesFrameWriter(FrameOptions options) : options_(options) {}

void SeriesFrameWriter::Measure(const series::Series& series) {
  labels_bytes_ = 0;
  chunk_bytes_.clear();
  hashes_.clear();
  next_hash_ = 0;
  for (const labels::LabelView& label : series.labels) {
    labels_bytes_ += BytesFieldSize(LabelBytes(label));
  }
  for (const series::Chunk& chunk : series.chunks) {
    size_t body = OptionalVarintSize(static_cast<uint64_t>(chunk.min_time_ms)) +
                  OptionalVarintSize(static_cast<uint64_t>(chunk.max_time_ms));
    ForEachData(chunk, [&](int, const series::ChunkData& data) {
      const uint64_t hash = !options_.chunk_hashes ? 0
                            : data.hash != 0       ? data.hash
                                                   : base::XxHash64(data.data);
      hashes_.push_back(hash);
      body += BytesFieldSize(ChunkDataBytes(data, hash));
    });
    chunk_bytes_.push_back(body);
  }
}

void SeriesFrameWriter::Add(const series::Series& series, std::vector<Frame>* out) {
  Measure(series);
  size_t first = 0;
  do {
    size_t last = first;
    size_t body = labels_bytes_;
    while (last < series.chunks.size()) {
      const size_t more = BytesFieldSize(chunk_bytes_[last]);
      if (last > first && body + more > options_.max_frame_bytes) {
        break;
      }
      body += more;
      ++last;
    }
    AddPart(series, first, last, out);
    first = last;
  } while (first < series.chunks.size());
}

void SeriesFrameWriter::AddPart(const series::Series& series, size_t first, size_t last,
                                std::vector<Frame>* out) {
  size_t body = labels_bytes_;
  for (size_t i = first; i < last; ++i) {
    body += BytesFieldSize(chunk_bytes_[i]);
  }
  const bool batching = options_.batch_size > 1;
  const size_t field_bytes = BytesFieldSize(body);
  if (pending_series_ > 0 && pending_size_ + field_bytes > options_.max_frame_bytes) {
    Flush(out);
  }
  ReservePending(field_bytes);
  char* const begin = pending_.get() + pending_size_;
  char* position = WriteHeader(begin, kSeriesField, body);
  for (const labels::LabelView& label : series.labels) {
    position = WriteHeader(position, 1, LabelBytes(label));
    position = WriteOptionalBytes(position, 1, label.name);
    position = WriteOptionalBytes(position, 2, label.value);
  }
  for (size_t i = first; i < last; ++i) {
    const series::Chunk& chunk = series.chunks[i];
    position = WriteHeader(position, 2, chunk_bytes_[i]);
    position = WriteOptionalVarint(position, 1, static_cast<uint64_t>(chunk.min_time_ms));
    position = WriteOptionalVarint(position, 2, static_cast<uint64_t>(chunk.max_time_ms));
    ForEachData(chunk, [&](int number, const series::ChunkData& data) {
      const uint64_t hash = hashes_[next_hash_++];
      position = WriteHeader(position, number, ChunkDataBytes(data, hash));
      position = WriteOptionalVarint(position, 1, WireEncoding(data.encoding));
      position = WriteOptionalBytes(position, 2, data.data);
      position = WriteOptionalVarint(position, 3, hash);
    });
  }
  TH_CHECK(position == begin + field_bytes);
  pending_size_ += field_bytes;
  ++pending_series_;
  if (!batching || pending_series_ >= options_.batch_size || pending_size_ >= options_.max_frame_bytes) {
    Flush(out);
  }
}

void SeriesFrameWriter::ReservePending(size_t num_bytes) {
  const bool batching = options_.batch_size > 1;
  if (pending_ == nullptr) {
    const size_t header = batching ? kHeaderRoom : 0;
    // Frames of one stream have about the same size: the last one tells how much this one will need.
    const size_t guess = batching ? std::max(kMinBufferBytes, last_batch_bytes_ + last_batch_bytes_ / 8) : 0;
    pending_capacity_ = std::max(header + num_bytes, guess);
    pending_.reset(new char[pending_capacity_]);
    pending_size_ = header;
    return;
  }
  if (pending_size_ + num_bytes <= pending_capacity_) {
    return;
  }
  pending_capacity_ = std::max(2 * pending_capacity_, pending_size_ + num_bytes);
  std::unique_ptr<char[]> larger(new char[pending_capacity_]);
  std::memcpy(larger.get(), pending_.get(), pending_size_);
  pending_ = std::move(larger);
}

void SeriesFrameWriter::Flush(std::vector<Frame>* out) {
  if (pending_series_ == 0) {
    return;
  }
  size_t begin = 0;
  if (options_.batch_size > 1) {
    last_batch_bytes_ = pending_size_;
    const size_t body = pending_size_ - kHeaderRoom;
    begin = kHeaderRoom - 1 - UvarintSize(body);
    WriteHeader(pending_.get() + begin, kBatchField, body);
  }
  out->push_back(Frame(std::move(pending_), begin, pending_size_ - begin));
  pending_ = nullptr;
  pending_size_ = 0;
  pending_capacity_ = 0;
  pending_series_ = 0;
}

Frame SeriesFrameWriter::MakeTextFrame(int number, std::string_view body) {
  // An empty member of a oneof is still sent: it says which member is set.
  const size_t size = BytesFieldSize(body.size());
  std::unique_ptr<char[]> data(new char[size]);
  char* const position = WriteHeader(data.get(), number, body.size());
  std::copy(body.begin(), body.end(), position);
  return Frame(std::move(data), 0, size);
}

void SeriesFrameWriter::AddWarning(std::string_view warning, std::vector<Frame>* out) {
  Flush(out);
  out->push_back(MakeTextFrame(kWarningField, warning));
}

void SeriesFrameWriter::AddHints(std::string_view any, std::vector<Frame>* out) {
  Flush(out);
  out->push_back(MakeTextFrame(kHintsField, any));
}

base::Status SeriesFrameReader::Read(std::string_view frame, series::SeriesBatch* batch) {
  FieldReader reader(frame);
  WireField field;
  while (reader.Next(&field)) {
    if (field.type != WireType::kBytes) {
      continue;
    }
    switch (field.number) {
      case kSeriesField:
        TH_RETURN_IF_ERROR(ReadSeries(field.bytes, batch));
        break;
      case kWarningField:
        batch->warnings.emplace_back(field.bytes);
        break;
      case kBatchField:
        TH_RETURN_IF_ERROR(ReadBatch(field.bytes, batch));
        break;
      default:
        break;
    }
  }
  return reader.ok() ? base::OkStatus() : base::Annotate(reader.status(), "series frame");
}

base::Status SeriesFrameReader::ReadBatch(std::string_view bytes, series::SeriesBatch* batch) {
  FieldReader reader(bytes);
  WireField field;
  while (reader.Next(&field)) {
    if (field.is(1, WireType::kBytes)) {
      TH_RETURN_IF_ERROR(ReadSeries(field.bytes, batch));
    }
  }
  return reader.ok() ? base::OkStatus() : base::Annotate(reader.status(), "series frame: batch");
}

base::Status SeriesFrameReader::ReadSeries(std::string_view bytes, series::SeriesBatch* batch) {
  labels_.clear();
  chunks_.clear();
  FieldReader reader(bytes);
  WireField field;
  while (reader.Next(&field)) {
    if (field.is(1, WireType::kBytes)) {
      TH_RETURN_IF_ERROR(ReadLabel(field.bytes));
    } else if (field.is(2, WireType::kBytes)) {
      TH_RETURN_IF_ERROR(ReadChunk(field.bytes, batch));
    }
  }
  if (!reader.ok()) {
    return base::Annotate(reader.status(), "series frame: series");
  }
  auto* const labels = batch->arena().AllocateArray<labels::LabelView>(labels_.size());
  std::uninitialized_copy(labels_.begin(), labels_.end(), labels);
  auto* const chunks = batch->arena().AllocateArray<series::Chunk>(chunks_.size());
  std::uninitialized_copy(chunks_.begin(), chunks_.end(), chunks);
  batch->series.push_back({.labels = {labels, labels_.size()}, .chunks = {chunks, chunks_.size()}});
  return base::OkStatus();
}

base::Status SeriesFrameReader::ReadLabel(std::string_view bytes) {
  labels::LabelView label;
  FieldReader reader(bytes);
  WireField field;
  while (reader.Next(&field)) {
    if (field.is(1, WireType::kBytes)) {
      label.name = field.bytes;
    } else if (field.is(2, WireType::kBytes)) {
      label.value = field.bytes;
    }
  }
  if (!reader.ok()) {
    return base::Annotate(reader.status(), "series frame: label");
  }
  if (label.name.empty()) {
    return base::DataLoss("series frame: label without a name");
  }
  if (!labels_.empty() && !Ascending(labels_.back().name, label.name)) {
    return base::DataLoss("series frame: label ", base::Quote(label.name), " after ",
                          base::Quote(labels_.back().name), ": labels are not sorted and unique");
  }
  labels_.push_back(label);
  return base::OkStatus();
}

namespace {

base::Status ReadChunkData(std::string_view bytes, series::ChunkData* out) {
  uint64_t type = 0;
  *out = {};
  FieldReader reader(bytes);
  WireField field;
  while (reader.Next(&field)) {
    if (field.is(1, WireType::kVarint)) {
      type = field.integer;
    } else if (field.is(2, WireType::kBytes)) {
      out->data = field.bytes;
    } else if (field.is(3, WireType::kVarint)) {
      out->hash = field.integer;
    }
  }
  if (!reader.ok()) {
    return base::Annotate(reader.status(), "series frame: chunk data");
  }
  if (type > WireEncoding(Encoding::kFloatHistogram)) {
    return base::DataLoss("series frame: unknown chunk encoding ", type);
  }
  out->encoding = static_cast<Encoding>(type + 1);
  return base::OkStatus();
}

}  // namespace

base::Status SeriesFrameReader::ReadChunk(std::string_view bytes, series::SeriesBatch* batch) {
  constexpr uint32_t kRawField = 3;
  series::Chunk chunk;
  std::array<series::ChunkData, 6> aggregates;
  bool has_aggregates = false;
  FieldReader reader(bytes);
  WireField field;
  while (reader.Next(&field)) {
    if (field.is(1, WireType::kVarint)) {
      chunk.min_time_ms = field.AsInt64();
    } else if (field.is(2, WireType::kVarint)) {
      chunk.max_time_ms = field.AsInt64();
    } else if (field.is(kRawField, WireType::kBytes)) {
      TH_RETURN_IF_ERROR(ReadChunkData(field.bytes, &chunk.raw));
    } else if (field.type == WireType::kBytes && field.number > kRawField && field.number < kRawField + 6) {
      TH_RETURN_IF_ERROR(ReadChunkData(field.bytes, &aggregates[field.number - kRawField]));
      has_aggregates = true;
    }
  }
  if (!reader.ok()) {
    return base::Annotate(reader.status(), "series frame: chunk");
  }
  if (!has_aggregates && !chunk.raw.present()) {
    return base::OkStatus();
  }
  if (has_aggregates) {
    auto* const kept = batch->arena().AllocateArray<std::array<series::ChunkData, 6>>(1);
    chunk.aggregates = new (kept) std::array<series::ChunkData, 6>(aggregates);
  }
  chunks_.push_back(chunk);
  return base::OkStatus();
}

}  // namespace thanos::storeapi
