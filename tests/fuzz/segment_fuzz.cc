// A chunk segment. The first byte chooses: as it stands, or with the checksum of each record put right, which
// random bytes never have.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "block/chunk_reader.h"
#include "chunkenc/aggr_chunk.h"
#include "encoding/crc32c.h"

namespace {

namespace base = thanos::base;
namespace block = thanos::block;

void Require(bool condition) {
  if (!condition) {
    std::abort();
  }
}

bool IsWithin(std::string_view part, std::string_view whole) {
  return part.empty() ||
         (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
}

void PutChecksum(std::string* segment, size_t offset, uint64_t record_bytes) {
  size_t header = offset;
  while (header < segment->size() && (static_cast<unsigned char>((*segment)[header]) & 0x80U) != 0) {
    ++header;
  }
  ++header;
  const size_t checksum = offset + static_cast<size_t>(record_bytes) - 4;
  if (header > checksum) {
    return;
  }
  std::string crc;
  base::AppendBigEndian32(
      crc, thanos::encoding::Crc32c(std::string_view(*segment).substr(header, checksum - header)));
  segment->replace(checksum, 4, crc);
}

// Reads record after record until one is damaged.
void ReadRecords(std::string segment, bool repair) {
  (void)block::CheckSegmentHeader(segment);
  size_t offset = block::kSegmentHeaderBytes;
  while (offset < segment.size()) {
    const auto size = block::ChunkRecordBytes(std::string_view(segment).substr(offset));
    if (!size.ok()) {
      return;
    }
    const bool complete = *size <= segment.size() - offset;
    if (repair && complete) {
      PutChecksum(&segment, offset, *size);
    }
    const std::string_view record = std::string_view(segment).substr(offset);
    const auto chunk = block::ParseChunkRecord(record);
    Require(complete || !chunk.ok());
    if (!chunk.ok()) {
      return;
    }
    Require(IsWithin(chunk->data, record));
    if (chunk->encoding == thanos::chunkenc::Encoding::kAggregate) {
      const auto parts = thanos::chunkenc::SplitAggregateChunk(chunk->data);
      if (parts.ok()) {
        for (const thanos::chunkenc::AggregatePart& part : *parts) {
          Require(IsWithin(part.data, chunk->data));
        }
      }
    }
    Require(*size > 0);
    offset += static_cast<size_t>(*size);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > 0) {
    ReadRecords(std::string(reinterpret_cast<const char*>(data) + 1, size - 1), data[0] % 2 == 1);
  }
  return 0;
}
