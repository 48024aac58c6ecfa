// Input: one byte that chooses the decoder, then what Prometheus could have answered: streamed frames as they
// are, one streamed message (framed here with a good checksum), samples, JSON of the series call, or the
// loaded configuration.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "encoding/crc32c.h"
#include "encoding/varint.h"
#include "labels/labels.h"
#include "promapi/api_response.h"
#include "promapi/remote_read.h"

namespace {

void Check(const thanos::series::SeriesBatch& batch) {
  for (const thanos::series::Series& series : batch.series) {
    if (!thanos::labels::IsSorted(series.labels)) {
      std::abort();
    }
    // Touches every byte the views promise.
    uint64_t hash = thanos::labels::Hash(series.labels);
    for (const thanos::series::Chunk& chunk : series.chunks) {
      hash ^= thanos::encoding::Crc32c(chunk.raw.data);
    }
    if (hash == 1) {
      std::abort();
    }
  }
}

void DecodeFrames(std::string_view bytes, size_t piece) {
  thanos::promapi::ChunkedReadDecoder decoder(1 << 20);
  thanos::series::SeriesBatch batch;
  for (size_t i = 0; i < bytes.size(); i += piece) {
    decoder.buffer()->append(bytes.substr(i, piece));
    if (!decoder.Decode(&batch).ok()) {
      break;
    }
  }
  Check(batch);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  if (size == 0) {
    return 0;
  }
  const std::string_view text(reinterpret_cast<const char*>(bytes) + 1, size - 1);
  switch (bytes[0] % 5) {
    case 0:
      DecodeFrames(text, 1 + bytes[0] / 5);
      break;
    case 1: {
      std::string frame;
      thanos::encoding::AppendUvarint(frame, text.size());
      thanos::base::AppendBigEndian32(frame, thanos::encoding::Crc32c(text));
      frame += text;
      DecodeFrames(frame, frame.size());
      break;
    }
    case 2: {
      thanos::series::SeriesBatch batch;
      if (thanos::promapi::DecodeSampledResponse(text, &batch).ok()) {
        Check(batch);
      }
      break;
    }
    case 3: {
      const auto batch = thanos::promapi::DecodeSeries(std::string(text));
      if (batch.ok()) {
        Check(*batch);
      }
      break;
    }
    default:
      thanos::promapi::ParseExternalLabels(text).status().IgnoreError();
  }
  return 0;
}
