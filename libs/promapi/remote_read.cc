#include "promapi/remote_read.h"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "chunkenc/appender.h"
#include "encoding/compress.h"
#include "encoding/crc32c.h"
#include "encoding/varint.h"
#include "encoding/wire.h"

namespace thanos::promapi {
namespace {

using encoding::WireField;
using encoding::WireReader;
using encoding::WireType;

constexpr std::string_view kStreamedType = "application/x-streamed-protobuf";
constexpr std::string_view kSampledType = "application/x-protobuf";
// Of an answer of samples, which has to be in memory as a whole.
constexpr size_t kMaxCompressedBytes = size_t{256} << 20;
constexpr size_t kMaxSampledBytes = size_t{1} << 30;

base::Status ReadLabel(std::string_view message, std::vector<labels::LabelView>* labels) {
  labels::LabelView label;
  WireReader reader(message);
  WireField field;
  while (reader.Next(&field)) {
    if (field.is(1, WireType::kBytes)) {
      label.name = field.bytes;
    } else if (field.is(2, WireType::kBytes)) {
      label.value = field.bytes;
    }
  }
  if (!label.value.empty()) {
    labels->push_back(label);
  }
  return reader.status();
}

// Sorts when necessary and copies the array into the batch.
base::StatusOr<labels::LabelSpan> FinishLabels(std::vector<labels::LabelView>* labels,
                                               series::SeriesBatch* batch) {
  if (!labels::IsSorted(*labels)) {
    std::sort(labels->begin(), labels->end(), [](const auto& a, const auto& b) { return a.name < b.name; });
    if (!labels::IsSorted(*labels)) {
      return base::DataLoss("a label occurs twice in ", labels::ToString(*labels));
    }
  }
  auto* array = batch->arena().AllocateArray<labels::LabelView>(labels->size());
  std::copy(labels->begin(), labels->end(), array);
  return labels::LabelSpan(array, labels->size());
}

std::span<const series::Chunk> FinishChunks(const std::vector<series::Chunk>& chunks,
                                            series::SeriesBatch* batch) {
  auto* array = batch->arena().AllocateArray<series::Chunk>(chunks.size());
  std::uninitialized_copy(chunks.begin(), chunks.end(), array);
  return {array, chunks.size()};
}

// The wire's numbers are those of chunk files.
base::StatusOr<chunkenc::Encoding> ToEncoding(uint64_t type) {
  switch (type) {
    case 1:
      return chunkenc::Encoding::kXor;
    case 2:
      return chunkenc::Encoding::kHistogram;
    case 3:
      return chunkenc::Encoding::kFloatHistogram;
    default:
      return base::Unimplemented("unknown chunk encoding ", type);
  }
}

base::StatusOr<series::Chunk> ReadChunk(std::string_view message) {
  series::Chunk chunk;
  uint64_t type = 0;
  WireReader reader(message);
  WireField field;
  while (reader.Next(&field)) {
    if (field.is(1, WireType::kVarint)) {
      chunk.min_time_ms = field.AsInt64();
    } else if (field.is(2, WireType::kVarint)) {
      chunk.max_time_ms = field.AsInt64();
    } else if (field.is(3, WireType::kVarint)) {
      type = field.integer;
    } else if (field.is(4, WireType::kBytes)) {
      chunk.raw.data = field.bytes;
    }
  }
  TH_RETURN_IF_ERROR(reader.status());
  TH_ASSIGN_OR_RETURN(chunk.raw.encoding, ToEncoding(type));
  return chunk;
}

// Decodes ChunkedReadResponse messages; keeps scratch memory between series.
class ChunkedMessageReader {
 public:
  explicit ChunkedMessageReader(series::SeriesBatch* batch) : batch_(batch) {}

  base::Status Read(std::string_view message) {
    WireReader reader(message);
    WireField field;
    while (reader.Next(&field)) {
      if (field.is(1, WireType::kBytes)) {
        TH_RETURN_IF_ERROR(ReadSeries(field.bytes));
      } else if (field.is(2, WireType::kVarint) && field.integer != 0) {
        return base::DataLoss("answer to query ", field.AsInt64(), ", only query 0 was sent");
      }
    }
    return reader.status();
  }

 private:
  base::Status ReadSeries(std::string_view message) {
    labels_.clear();
    chunks_.clear();
    WireReader reader(message);
    WireField field;
    while (reader.Next(&field)) {
      if (field.is(1, WireType::kBytes)) {
        TH_RETURN_IF_ERROR(ReadLabel(field.bytes, &labels_));
      } else if (field.is(2, WireType::kBytes)) {
        TH_ASSIGN_OR_RETURN(const series::Chunk chunk, ReadChunk(field.bytes));
        chunks_.push_back(chunk);
      }
    }
    TH_RETURN_IF_ERROR(reader.status());
    TH_ASSIGN_OR_RETURN(const labels::LabelSpan labels, FinishLabels(&labels_, batch_));
    batch_->series.push_back({.labels = labels, .chunks = FinishChunks(chunks_, batch_)});
    return base::OkStatus();
  }

  series::SeriesBatch* batch_;
  std::vector<labels::LabelView> labels_;
  std::vector<series::Chunk> chunks_;
};

// Cuts the samples of one series into chunks.
class SampleCutter {
 public:
  explicit SampleCutter(series::SeriesBatch* batch) : batch_(batch) {}

  void Add(int64_t timestamp_ms, double value) {
    if (appender_.num_samples() == 0) {
      min_time_ms_ = timestamp_ms;
    }
    max_time_ms_ = timestamp_ms;
    appender_.Append(timestamp_ms, value);
    if (appender_.num_samples() == kSamplesPerCutChunk) {
      Cut();
    }
  }
  std::span<const series::Chunk> Finish() {
    if (appender_.num_samples() > 0) {
      Cut();
    }
    const auto chunks = FinishChunks(chunks_, batch_);
    chunks_.clear();
    return chunks;
  }

 private:
  void Cut() {
    bytes_.clear();
    appender_.FinishTo(&bytes_);
    series::Chunk chunk;
    chunk.min_time_ms = min_time_ms_;
    chunk.max_time_ms = max_time_ms_;
    chunk.raw = {.encoding = chunkenc::Encoding::kXor, .data = batch_->arena().Copy(bytes_)};
    chunks_.push_back(chunk);
  }

  series::SeriesBatch* batch_;
  chunkenc::XorAppender appender_;
  std::string bytes_;
  std::vector<series::Chunk> chunks_;
  int64_t min_time_ms_ = 0;
  int64_t max_time_ms_ = 0;
};

base::Status ReadSample(std::string_view message, SampleCutter* cutter) {
  double value = 0;
  int64_t timestamp_ms = 0;
  WireReader reader(message);
  WireField field;
  while (reader.Next(&field)) {
    if (field.is(1, WireType::kFixed64)) {
      value = field.AsDouble();
    } else if (field.is(2, WireType::kVarint)) {
      timestamp_ms = field.AsInt64();
    }
  }
  cutter->Add(timestamp_ms, value);
  return reader.status();
}

base::Status ReadSampledSeries(std::string_view message, std::vector<labels::LabelView>* scratch,
                               SampleCutter* cutter, series::SeriesBatch* batch) {
  scratch->clear();
  WireReader reader(message);
  WireField field;
  while (reader.Next(&field)) {
    if (field.is(1, WireType::kBytes)) {
      TH_RETURN_IF_ERROR(ReadLabel(field.bytes, scratch));
    } else if (field.is(2, WireType::kBytes)) {
      TH_RETURN_IF_ERROR(ReadSample(field.bytes, cutter));
    } else if (field.is(4, WireType::kBytes)) {
      return base::Unimplemented("native histograms in an answer of samples: ", labels::ToString(*scratch));
    }
  }
  TH_RETURN_IF_ERROR(reader.status());
  TH_ASSIGN_OR_RETURN(const labels::LabelSpan labels, FinishLabels(scratch, batch));
  batch->series.push_back({.labels = labels, .chunks = cutter->Finish()});
  return base::OkStatus();
}

class ChunkedStream final : public RemoteReadStream {
 public:
  explicit ChunkedStream(std::unique_ptr<net::BodyStream> body) : body_(std::move(body)) {}

  bool sorted() const override { return true; }
  base::StatusOr<bool> Next(const base::CancelToken& cancel, series::SeriesBatch* batch) override {
    batch->Clear();
    while (true) {
      TH_RETURN_IF_ERROR(base::Annotate(decoder_.Decode(batch).status(), "remote read"));
      if (!batch->empty()) {
        return true;
      }
      const auto more = body_->Read(cancel, decoder_.buffer());
      if (!more.ok()) {
        return base::Annotate(more.status(), "remote read");
      }
      if (!*more) {
        TH_RETURN_IF_ERROR(decoder_.Finish());
        return false;
      }
    }
  }

 private:
  std::unique_ptr<net::BodyStream> body_;
  ChunkedReadDecoder decoder_;
};

class SampledStream final : public RemoteReadStream {
 public:
  explicit SampledStream(std::unique_ptr<net::BodyStream> body) : body_(std::move(body)) {}

  bool sorted() const override { return false; }
  base::StatusOr<bool> Next(const base::CancelToken& cancel, series::SeriesBatch* batch) override {
    batch->Clear();
    if (done_) {
      return false;
    }
    std::string compressed;
    while (true) {
      const auto more = body_->Read(cancel, &compressed);
      if (!more.ok()) {
        return base::Annotate(more.status(), "remote read");
      }
      if (compressed.size() > kMaxCompressedBytes) {
        return base::ResourceExhausted("remote read: answer of samples above ", kMaxCompressedBytes,
                                       " bytes");
      }
      if (!*more) {
        break;
      }
    }
    done_ = true;
    auto message = std::make_shared<std::string>();
    TH_RETURN_IF_ERROR(base::Annotate(encoding::SnappyUncompress(compressed, kMaxSampledBytes, message.get()),
                                      "remote read"));
    TH_RETURN_IF_ERROR(base::Annotate(DecodeSampledResponse(*message, batch), "remote read"));
    batch->Retain(std::move(message));
    return !batch->empty();
  }

 private:
  std::unique_ptr<net::BodyStream> body_;
  bool done_ = false;
};

}  // namespace

std::string EncodeReadRequest(const RemoteReadQuery& query) {
  std::string out;
  encoding::AppendMessageField(out, 1, [&](std::string& message) {
    encoding::AppendInt64Field(message, 1, query.min_time_ms);
    encoding::AppendInt64Field(message, 2, query.max_time_ms);
    for (const labels::Matcher& matcher : query.matchers) {
      encoding::AppendMessageField(message, 3, [&](std::string& nested) {
        if (matcher.type() != labels::MatchType::kEqual) {
          encoding::AppendVarintField(nested, 1, static_cast<uint64_t>(matcher.type()));
        }
        encoding::AppendBytesField(nested, 2, matcher.name());
        encoding::AppendBytesField(nested, 3, matcher.value());
      });
    }
  });
  // accepted_response_types, packed: STREAMED_XOR_CHUNKS, SAMPLES.
  encoding::AppendBytesField(out, 2, std::string_view("\x01\x00", 2));
  return out;
}

base::Status ChunkedReadDecoder::DecodeFrames(series::SeriesBatch* batch, size_t* consumed) {
  ChunkedMessageReader reader(batch);
  while (*consumed < buffer_->size()) {
    const std::string_view rest = std::string_view(*buffer_).substr(*consumed);
    encoding::ByteCursor cursor(rest);
    uint64_t size = 0;
    if (!cursor.ReadUvarint(&size)) {
      return rest.size() < encoding::kMaxVarintBytes ? base::OkStatus()
                                                     : base::DataLoss("frame with a malformed size");
    }
    if (size > max_frame_bytes_) {
      return base::ResourceExhausted("frame of ", size, " bytes, the limit is ", max_frame_bytes_);
    }
    uint32_t checksum = 0;
    std::string_view message;
    if (!cursor.ReadBe32(&checksum) || !cursor.ReadBytes(size, &message)) {
      return base::OkStatus();
    }
    if (encoding::Crc32c(message) != checksum) {
      return base::DataLoss("frame of ", size, " bytes: checksum mismatch");
    }
    TH_RETURN_IF_ERROR(base::Annotate(reader.Read(message), "frame of ", size, " bytes"));
    *consumed += cursor.offset();
  }
  return base::OkStatus();
}

base::StatusOr<bool> ChunkedReadDecoder::Decode(series::SeriesBatch* batch) {
  size_t consumed = 0;
  const base::Status status = DecodeFrames(batch, &consumed);
  if (!status.ok()) {
    batch->Retain(buffer_);
    return status;
  }
  if (consumed == 0) {
    return false;
  }
  // The batch keeps this buffer; the start of the next frame, normally short, moves to a new one.
  auto next = std::make_shared<std::string>(buffer_->substr(consumed));
  batch->Retain(std::exchange(buffer_, std::move(next)));
  return true;
}

base::Status ChunkedReadDecoder::Finish() const {
  return buffer_->empty()
             ? base::OkStatus()
             : base::DataLoss("remote read: answer ended inside a frame, ", buffer_->size(), " bytes left");
}

base::Status DecodeSampledResponse(std::string_view message, series::SeriesBatch* batch) {
  std::vector<labels::LabelView> scratch;
  SampleCutter cutter(batch);
  WireReader reader(message);
  WireField field;
  while (reader.Next(&field)) {
    if (!field.is(1, WireType::kBytes)) {
      continue;
    }
    WireReader result(field.bytes);
    WireField series;
    while (result.Next(&series)) {
      if (series.is(1, WireType::kBytes)) {
        TH_RETURN_IF_ERROR(ReadSampledSeries(series.bytes, &scratch, &cutter, batch));
      }
    }
    TH_RETURN_IF_ERROR(result.status());
  }
  return reader.status();
}

base::StatusOr<std::unique_ptr<RemoteReadStream>> DecodeRemoteRead(std::unique_ptr<net::BodyStream> body) {
  std::string_view type;
  for (const net::HttpHeader& header : body->headers()) {
    if (base::EqualsIgnoreCase(header.name, "Content-Type")) {
      type = header.value;
    }
  }
  if (type.starts_with(kStreamedType)) {
    return std::unique_ptr<RemoteReadStream>(std::make_unique<ChunkedStream>(std::move(body)));
  }
  if (type.starts_with(kSampledType)) {
    return std::unique_ptr<RemoteReadStream>(std::make_unique<SampledStream>(std::move(body)));
  }
  return base::InvalidArgument("remote read: unknown content type ", base::Quote(type));
}

}  // namespace thanos::promapi
