#include "wal/internal/framing.h"

#include <algorithm>

#include "base/bytes.h"
#include "encoding/crc32c.h"

namespace thanos::wal::internal {

void AppendFragments(std::string_view data, uint8_t flags, uint64_t position, std::string* out) {
  bool is_first = true;
  do {
    size_t left = kPageBytes - static_cast<size_t>(position % kPageBytes);
    if (left < kHeaderBytes) {
      out->append(left, '\0');
      position += left;
      left = kPageBytes;
    }
    const std::string_view part = data.substr(0, std::min(data.size(), left - kHeaderBytes));
    const bool is_last = part.size() == data.size();
    const uint8_t type = is_first ? (is_last ? kFull : kFirst) : (is_last ? kLast : kMiddle);
    out->push_back(static_cast<char>(type | flags));
    out->push_back(static_cast<char>(part.size() >> 8));
    out->push_back(static_cast<char>(part.size() & 0xff));
    base::AppendBigEndian32(*out, encoding::Crc32c(part));
    out->append(part);
    position += kHeaderBytes + part.size();
    data.remove_prefix(part.size());
    if (is_last) {
      return;
    }
    is_first = false;
  } while (true);
}

}  // namespace thanos::wal::internal
