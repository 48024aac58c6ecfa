#include "chunkenc/aggr_chunk.h"

#include "encoding/varint.h"

namespace thanos::chunkenc {

base::StatusOr<AggregateParts> SplitAggregateChunk(std::string_view data) {
  AggregateParts parts;
  encoding::ByteCursor cursor(data);
  for (size_t i = 0; i < parts.size(); ++i) {
    uint64_t length;
    if (!cursor.ReadUvarint(&length)) {
      return base::DataLoss("aggregate chunk ends before aggregate ", i);
    }
    if (length == 0) {
      continue;
    }
    uint8_t code;
    if (!cursor.ReadByte(&code) || !cursor.ReadBytes(length, &parts[i].data)) {
      return base::DataLoss("aggregate ", i, " of ", length, " bytes exceeds its chunk");
    }
    parts[i].encoding = static_cast<Encoding>(code);
    // Nested aggregate chunks do not exist; refusing them also keeps readers from recursing.
    if (parts[i].encoding != Encoding::kXor && parts[i].encoding != Encoding::kHistogram &&
        parts[i].encoding != Encoding::kFloatHistogram) {
      return base::DataLoss("aggregate ", i, " has unknown encoding ", static_cast<int>(code));
    }
  }
  if (!cursor.empty()) {
    return base::DataLoss("aggregate chunk has ", cursor.remaining(), " bytes behind its last aggregate");
  }
  return parts;
}

void JoinAggregateChunk(const AggregateParts& parts, std::string* out) {
  for (const AggregatePart& part : parts) {
    if (part.encoding == Encoding::kNone || part.data.empty()) {
      encoding::AppendUvarint(*out, 0);
      continue;
    }
    encoding::AppendUvarint(*out, part.data.size());
    out->push_back(static_cast<char>(part.encoding));
    out->append(part.data);
  }
}

}  // namespace thanos::chunkenc
