#include "index/series_decoder.h"

#include <limits>

#include "base/bytes.h"
#include "encoding/crc32c.h"
#include "encoding/varint.h"

namespace thanos::index {
namespace {

// An entry is: length uvarint, body, CRC32 of the body.
base::StatusOr<uint64_t> ReadLength(std::string_view bytes, size_t* header_bytes) {
  encoding::ByteCursor cursor(bytes.substr(0, kMaxSeriesHeaderBytes));
  uint64_t length = 0;
  if (!cursor.ReadUvarint(&length)) {
    if (bytes.size() >= kMaxSeriesHeaderBytes) {
      return base::DataLoss("series entry: damaged length");
    }
    return base::OutOfRange("series entry: ", bytes.size(), " bytes do not hold its length");
  }
  if (length > std::numeric_limits<uint32_t>::max()) {
    return base::DataLoss("series entry: length ", length);
  }
  *header_bytes = cursor.offset();
  return length;
}

bool ReadSymbolRef(encoding::ByteCursor* cursor, uint32_t* ref) {
  uint64_t value = 0;
  if (!cursor->ReadUvarint(&value) || value > std::numeric_limits<uint32_t>::max()) {
    return false;
  }
  *ref = static_cast<uint32_t>(value);
  return true;
}

bool ReadLabels(encoding::ByteCursor* cursor, std::vector<SymbolPair>* labels) {
  labels->clear();
  uint64_t count = 0;
  if (!cursor->ReadUvarint(&count) || count > cursor->remaining() / 2) {
    return false;
  }
  labels->resize(count);
  for (SymbolPair& label : *labels) {
    if (!ReadSymbolRef(cursor, &label.name) || !ReadSymbolRef(cursor, &label.value)) {
      return false;
    }
  }
  return true;
}

// Times are differences in wrapping 64-bit arithmetic: chunks that overlap their predecessor have a negative
// one.
bool ReadChunks(encoding::ByteCursor* cursor, int64_t min_time_ms, int64_t max_time_ms,
                std::vector<ChunkMeta>* chunks) {
  chunks->clear();
  uint64_t count = 0;
  if (!cursor->ReadUvarint(&count) || count > cursor->remaining() / 3) {
    return false;
  }
  uint64_t previous_max = 0;
  uint64_t ref = 0;
  for (uint64_t i = 0; i < count; ++i) {
    int64_t first_time = 0;
    int64_t ref_delta = 0;
    uint64_t time_delta = 0;
    uint64_t width = 0;
    if (i == 0) {
      if (!cursor->ReadVarint(&first_time) || !cursor->ReadUvarint(&width) || !cursor->ReadUvarint(&ref)) {
        return false;
      }
      previous_max = static_cast<uint64_t>(first_time);
    } else {
      if (!cursor->ReadUvarint(&time_delta) || !cursor->ReadUvarint(&width) ||
          !cursor->ReadVarint(&ref_delta)) {
        return false;
      }
      ref += static_cast<uint64_t>(ref_delta);
    }
    const uint64_t min_time = previous_max + time_delta;
    previous_max = min_time + width;
    const ChunkMeta chunk{ref, static_cast<int64_t>(min_time), static_cast<int64_t>(previous_max)};
    if (chunk.max_time_ms < chunk.min_time_ms) {
      return false;
    }
    if (chunk.min_time_ms <= max_time_ms && chunk.max_time_ms >= min_time_ms) {
      chunks->push_back(chunk);
    }
  }
  return true;
}

}  // namespace

base::StatusOr<uint64_t> SeriesEntryBytes(std::string_view bytes) {
  size_t header_bytes = 0;
  TH_ASSIGN_OR_RETURN(const uint64_t length, ReadLength(bytes, &header_bytes));
  return header_bytes + length + 4;
}

base::StatusOr<bool> DecodeSeries(std::string_view bytes, uint64_t offset, int64_t min_time_ms,
                                  int64_t max_time_ms, SeriesEntry* entry) {
  size_t header_bytes = 0;
  auto length = ReadLength(bytes, &header_bytes);
  if (!length.ok()) {
    return base::Annotate(length.status(), "index position ", offset);
  }
  if (bytes.size() - header_bytes < *length + 4) {
    return base::OutOfRange("index position ", offset, ": series entry of ", header_bytes + *length + 4,
                            " bytes, ", bytes.size(), " given");
  }
  const std::string_view body = bytes.substr(header_bytes, *length);
  if (encoding::Crc32c(body) != base::LoadBigEndian32(body.data() + body.size())) {
    return base::DataLoss("index position ", offset, ": wrong checksum of series entry");
  }
  encoding::ByteCursor cursor(body);
  if (!ReadLabels(&cursor, &entry->labels) ||
      !ReadChunks(&cursor, min_time_ms, max_time_ms, &entry->chunks) || !cursor.empty()) {
    return base::DataLoss("index position ", offset, ": damaged series entry");
  }
  return !entry->chunks.empty();
}

}  // namespace thanos::index
