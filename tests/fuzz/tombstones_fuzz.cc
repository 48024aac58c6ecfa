// The tombstones file of a block.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "compact/internal/merge_tombstones.h"
#include "encoding/crc32c.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  namespace internal = thanos::compact::internal;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  (void)internal::ParseTombstones(input);
  // The same bytes as a body with the right frame.
  std::string file("\x01\x30\xBA\x30\x01", 5);
  file += input;
  thanos::base::AppendBigEndian32(file, thanos::encoding::Crc32c(input));
  const auto tombstones = internal::ParseTombstones(file);
  if (tombstones.ok()) {
    for (const auto& [ref, intervals] : *tombstones) {
      for (size_t i = 1; i < intervals.size(); ++i) {
        if (intervals[i - 1].max_time_ms >= intervals[i].min_time_ms) {
          __builtin_trap();
        }
      }
    }
  }
  return 0;
}
