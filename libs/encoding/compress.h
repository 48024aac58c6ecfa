#pragma once

// Whole-buffer compression. Decoders take untrusted bytes: a decoded size above the limit is refused before
// anything of that size is allocated.

#include <cstddef>
#include <string>
#include <string_view>

#include "base/status.h"

namespace thanos::encoding {

// Snappy block format (no framing), as in remote read, remote write and WAL records. Replaces the content of
// `out`.
void SnappyCompress(std::string_view data, std::string* out);

// Replaces the content of `out`. ResourceExhausted: the decoded size is above `max_decoded_bytes`. DataLoss:
// not snappy. `out` is unspecified on error.
base::Status SnappyUncompress(std::string_view compressed, size_t max_decoded_bytes, std::string* out);

// One zstd frame; `level` 1 is the fastest.
base::Status ZstdCompress(std::string_view data, int level, std::string* out);

// As SnappyUncompress. Frames without a content size are decoded piece by piece up to the limit.
base::Status ZstdUncompress(std::string_view compressed, size_t max_decoded_bytes, std::string* out);

}  // namespace thanos::encoding
