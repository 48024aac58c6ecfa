#include "block/chunk_reader.h"

#include <algorithm>
#include <cstdio>
#include <limits>
#include <utility>

#include "base/file_mapping.h"
#include "encoding/crc32c.h"
#include "encoding/varint.h"
#include "index/mapped_file.h"

namespace thanos::block {
namespace {

constexpr size_t kChecksumBytes = 4;
constexpr size_t kEncodingBytes = 1;

bool IsKnown(uint8_t encoding) {
  switch (static_cast<chunkenc::Encoding>(encoding)) {
    case chunkenc::Encoding::kXor:
    case chunkenc::Encoding::kHistogram:
    case chunkenc::Encoding::kFloatHistogram:
    case chunkenc::Encoding::kAggregate:
      return true;
    case chunkenc::Encoding::kNone:
      break;
  }
  return false;
}

// Reads the length field, which leaves `cursor` on the encoding byte.
base::Status ReadLength(encoding::ByteCursor& cursor, size_t num_bytes, uint64_t* length) {
  if (!cursor.ReadUvarint(length)) {
    return num_bytes < kMaxChunkHeaderBytes ? base::OutOfRange("cut off in the length of a chunk")
                                            : base::DataLoss("bad length of a chunk");
  }
  if (*length > std::numeric_limits<uint32_t>::max()) {
    return base::DataLoss("bad length of a chunk");
  }
  return base::OkStatus();
}

}  // namespace

std::string SegmentFileName(uint32_t segment) {
  char buffer[16];
  const int size = snprintf(buffer, sizeof(buffer), "%06llu", static_cast<unsigned long long>(segment) + 1);
  return {buffer, static_cast<size_t>(size)};
}

base::StatusOr<uint64_t> ChunkRecordBytes(std::string_view bytes) {
  encoding::ByteCursor cursor(bytes);
  uint64_t length = 0;
  TH_RETURN_IF_ERROR(ReadLength(cursor, bytes.size(), &length));
  return cursor.offset() + kEncodingBytes + length + kChecksumBytes;
}

base::StatusOr<EncodedChunk> ParseChunkRecord(std::string_view bytes) {
  encoding::ByteCursor cursor(bytes);
  uint64_t length = 0;
  TH_RETURN_IF_ERROR(ReadLength(cursor, bytes.size(), &length));
  std::string_view body;
  uint32_t stored = 0;
  if (!cursor.ReadBytes(kEncodingBytes + length, &body) || !cursor.ReadBe32(&stored)) {
    return base::OutOfRange("chunk of ", length, " bytes is cut off");
  }
  if (encoding::Crc32c(body) != stored) {
    return base::DataLoss("checksum of a chunk does not match");
  }
  const auto encoding = static_cast<uint8_t>(body[0]);
  if (!IsKnown(encoding)) {
    return base::DataLoss("unknown chunk encoding ", static_cast<int>(encoding));
  }
  return EncodedChunk{static_cast<chunkenc::Encoding>(encoding), body.substr(kEncodingBytes)};
}

base::Status CheckSegmentHeader(std::string_view segment) {
  if (segment.size() < kSegmentHeaderBytes) {
    return base::DataLoss("chunk segment of ", segment.size(), " bytes");
  }
  if (base::LoadBigEndian32(segment.data()) != kChunksMagic) {
    return base::DataLoss("not a chunk segment");
  }
  if (segment[4] != 1) {
    return base::DataLoss("unknown chunk segment version ", static_cast<int>(segment[4]));
  }
  return base::OkStatus();
}

base::StatusOr<ChunkReader> ChunkReader::Open(const std::string& directory, std::string block_name) {
  ChunkReader reader;
  reader.block_name_ = std::move(block_name);
  for (uint32_t segment = 0;; ++segment) {
    const std::string path = base::Concat(directory, "/", SegmentFileName(segment));
    auto bytes = index::MapFile(path);
    if (bytes.status().code() == base::StatusCode::kNotFound) {
      return reader;
    }
    TH_RETURN_IF_ERROR(bytes.status());
    if (const base::Status status = CheckSegmentHeader(bytes->bytes); !status.ok()) {
      return base::Annotate(status, "block ", reader.block_name_, " segment ", SegmentFileName(segment));
    }
    reader.segments_.push_back(*std::move(bytes));
  }
}

base::StatusOr<EncodedChunk> ChunkReader::Read(uint64_t ref) const {
  std::string_view record;
  return Read(ref, &record);
}

base::StatusOr<EncodedChunk> ChunkReader::Read(uint64_t ref, std::string_view* record) const {
  const auto segment = static_cast<uint32_t>(ref >> 32);
  const auto offset = static_cast<uint32_t>(ref);
  if (segment >= segments_.size() || offset >= segments_[segment].bytes.size()) {
    return base::DataLoss("block ", block_name_, " has no segment ", SegmentFileName(segment),
                          " with offset ", offset);
  }
  const std::string_view bytes = segments_[segment].bytes.substr(offset);
  auto chunk = ParseChunkRecord(bytes);
  if (chunk.ok()) {
    *record = bytes.substr(
        0, static_cast<size_t>(chunk->data.data() + chunk->data.size() - bytes.data()) + kChecksumBytes);
  } else {
    return base::DataLoss("block ", block_name_, " segment ", SegmentFileName(segment), " offset ", offset,
                          ": ", base::Message(chunk.status()));
  }
  return chunk;
}

void ChunkReader::Release(uint64_t begin_ref, uint64_t end_ref) const {
  for (uint64_t segment = begin_ref >> 32; segment <= end_ref >> 32 && segment < segments_.size();
       ++segment) {
    const base::SharedBytes& mapped = segments_[segment];
    const size_t size = mapped.bytes.size();
    const size_t begin = segment == begin_ref >> 32 ? static_cast<uint32_t>(begin_ref) : 0;
    const size_t end =
        segment == end_ref >> 32 ? std::min<size_t>(static_cast<uint32_t>(end_ref), size) : size;
    if (begin < end) {
      base::ReleasePages(mapped.owner, mapped.bytes.substr(begin, end - begin));
    }
  }
}

}  // namespace thanos::block
