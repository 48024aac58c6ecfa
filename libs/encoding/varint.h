#pragma once

// LEB128 integers as in Go's encoding/binary: `uvarint` is plain, `varint` zig-zag encoded. 1 to 10 bytes.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace thanos::encoding {

inline constexpr size_t kMaxVarintBytes = 10;

inline uint64_t ZigZagEncode(int64_t value) {
  return (static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63);
}
inline int64_t ZigZagDecode(uint64_t value) {
  return static_cast<int64_t>((value >> 1) ^ (~(value & 1) + 1));
}

// Number of bytes of the encoded value.
inline size_t UvarintSize(uint64_t value) {
  return (70U - static_cast<size_t>(__builtin_clzll(value | 1))) / 7U;
}
inline size_t VarintSize(int64_t value) {
  return UvarintSize(ZigZagEncode(value));
}

// Writes at `out`, which must have room for kMaxVarintBytes; returns the position behind the value.
char* WriteUvarint(char* out, uint64_t value);
void AppendUvarint(std::string& out, uint64_t value);
void AppendVarint(std::string& out, int64_t value);

// Reads forward over borrowed bytes. Each Read answers false, without moving, when the bytes do not hold the
// value (too short, or a varint above 64 bits); the result is then untouched. Views read out point into the
// original bytes.
class ByteCursor {
 public:
  explicit ByteCursor(std::string_view bytes)
      : begin_(bytes.data()), position_(bytes.data()), end_(bytes.data() + bytes.size()) {}

  [[nodiscard]] bool ReadUvarint(uint64_t* value) {
    if (position_ < end_ && static_cast<unsigned char>(*position_) < 0x80) [[likely]] {
      *value = static_cast<unsigned char>(*position_++);
      return true;
    }
    return ReadLongUvarint(value);
  }
  [[nodiscard]] bool ReadVarint(int64_t* value) {
    uint64_t raw;
    if (!ReadUvarint(&raw)) {
      return false;
    }
    *value = ZigZagDecode(raw);
    return true;
  }
  [[nodiscard]] bool ReadByte(uint8_t* value);
  [[nodiscard]] bool ReadBytes(uint64_t count, std::string_view* bytes);
  [[nodiscard]] bool Skip(uint64_t count);
  // A uvarint byte length and that many bytes.
  [[nodiscard]] bool ReadUvarintBytes(std::string_view* bytes);
  [[nodiscard]] bool ReadBe32(uint32_t* value);
  [[nodiscard]] bool ReadBe64(uint64_t* value);

  bool empty() const { return position_ == end_; }
  size_t remaining() const { return static_cast<size_t>(end_ - position_); }
  // Bytes read so far.
  size_t offset() const { return static_cast<size_t>(position_ - begin_); }
  std::string_view rest() const { return {position_, remaining()}; }

 private:
  bool ReadLongUvarint(uint64_t* value);

  const char* begin_;
  const char* position_;
  const char* end_;
};

}  // namespace thanos::encoding
