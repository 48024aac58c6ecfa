#include "encoding/compress.h"

#include <algorithm>
#include <memory>
#include <snappy.h>
#include <zstd.h>

namespace thanos::encoding {
namespace {

base::Status TooLarge(std::string_view what, size_t limit) {
  return base::ResourceExhausted(what, ": decoded size is above the limit of ", limit, " bytes");
}

}  // namespace

void SnappyCompress(std::string_view data, std::string* out) {
  out->resize(snappy::MaxCompressedLength(data.size()));
  size_t length = 0;
  snappy::RawCompress(data.data(), data.size(), out->data(), &length);
  out->resize(length);
}

base::Status SnappyUncompress(std::string_view compressed, size_t max_decoded_bytes, std::string* out) {
  size_t length = 0;
  if (!snappy::GetUncompressedLength(compressed.data(), compressed.size(), &length)) {
    return base::DataLoss("snappy: damaged header");
  }
  if (length > max_decoded_bytes) {
    return TooLarge("snappy", max_decoded_bytes);
  }
  // No element yields more than 64 bytes out of three, so a larger claim is a lie that must not cost memory.
  if (length / 32 > compressed.size()) {
    return base::DataLoss("snappy: impossible decoded size ", length, " of ", compressed.size(), " bytes");
  }
  out->resize(length);
  if (!snappy::RawUncompress(compressed.data(), compressed.size(), out->data())) {
    return base::DataLoss("snappy: damaged block of ", compressed.size(), " bytes");
  }
  return base::OkStatus();
}

base::Status ZstdCompress(std::string_view data, int level, std::string* out) {
  out->resize(ZSTD_compressBound(data.size()));
  const size_t length = ZSTD_compress(out->data(), out->size(), data.data(), data.size(), level);
  if (ZSTD_isError(length) != 0U) {
    return base::Internal("zstd: ", ZSTD_getErrorName(length));
  }
  out->resize(length);
  return base::OkStatus();
}

base::Status ZstdUncompress(std::string_view compressed, size_t max_decoded_bytes, std::string* out) {
  const unsigned long long claimed = ZSTD_getFrameContentSize(compressed.data(), compressed.size());
  if (claimed == ZSTD_CONTENTSIZE_ERROR) {
    return base::DataLoss("zstd: damaged header");
  }
  if (claimed != ZSTD_CONTENTSIZE_UNKNOWN && claimed > max_decoded_bytes) {
    return TooLarge("zstd", max_decoded_bytes);
  }
  const std::unique_ptr<ZSTD_DStream, decltype(&ZSTD_freeDStream)> stream(ZSTD_createDStream(),
                                                                          &ZSTD_freeDStream);
  ZSTD_inBuffer input{compressed.data(), compressed.size(), 0};
  out->clear();
  size_t pending = 1;
  while (pending != 0) {
    // Grown by what was really decoded, not by what the header claims.
    const size_t before = out->size();
    const size_t room = std::min(std::max(before, ZSTD_DStreamOutSize()), max_decoded_bytes + 1 - before);
    if (room == 0) {
      return TooLarge("zstd", max_decoded_bytes);
    }
    out->resize(before + room);
    ZSTD_outBuffer output{out->data() + before, room, 0};
    pending = ZSTD_decompressStream(stream.get(), &output, &input);
    out->resize(before + output.pos);
    if (ZSTD_isError(pending) != 0U) {
      return base::DataLoss("zstd: ", ZSTD_getErrorName(pending));
    }
    if (pending != 0 && output.pos == 0 && input.pos == input.size) {
      return base::DataLoss("zstd: truncated frame");
    }
  }
  if (out->size() > max_decoded_bytes) {
    return TooLarge("zstd", max_decoded_bytes);
  }
  if (input.pos != input.size) {
    return base::DataLoss("zstd: ", input.size - input.pos, " bytes behind the frame");
  }
  return base::OkStatus();
}

}  // namespace thanos::encoding
