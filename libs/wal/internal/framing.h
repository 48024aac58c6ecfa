#pragma once

// Pages and fragments of log segments, private to this library.
//
//   segment  = page* ; 32 KiB each, the last one may be short
//   page     = fragment* zero*
//   fragment = type 1 | length 2 | CRC32C of data 4 | data      (integers big-endian)
//   type     = 1 full, 2 first, 3 middle, 4 last; 0: the rest of the page is zero; | 8 snappy | 16 zstd
//
// A record is compressed as a whole and then split. A page tail too short for a header is zero.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace thanos::wal::internal {

inline constexpr size_t kPageBytes = 32 * 1024;
inline constexpr size_t kHeaderBytes = 7;

enum : uint8_t {
  kPageEnd = 0,
  kFull = 1,
  kFirst = 2,
  kMiddle = 3,
  kLast = 4,
  kTypeMask = 7,
  kSnappyFlag = 8,
  kZstdFlag = 16,
};

// Appends the fragments of `data` to `out`, whose end is `position` bytes into a segment. `flags`:
// kSnappyFlag, kZstdFlag or 0.
void AppendFragments(std::string_view data, uint8_t flags, uint64_t position, std::string* out);

}  // namespace thanos::wal::internal
