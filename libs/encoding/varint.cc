#include "encoding/varint.h"

namespace thanos::encoding {

char* WriteUvarint(char* out, uint64_t value) {
  while (value >= 0x80) {
    *out++ = static_cast<char>(value | 0x80);
    value >>= 7;
  }
  *out++ = static_cast<char>(value);
  return out;
}

void AppendUvarint(std::string& out, uint64_t value) {
  char buffer[kMaxVarintBytes];
  out.append(buffer, static_cast<size_t>(WriteUvarint(buffer, value) - buffer));
}

void AppendVarint(std::string& out, int64_t value) {
  AppendUvarint(out, ZigZagEncode(value));
}

bool ByteCursor::ReadLongUvarint(uint64_t* value) {
  uint64_t result = 0;
  const char* position = position_;
  for (unsigned shift = 0; shift < 70; shift += 7) {
    if (position == end_) {
      return false;
    }
    const auto byte = static_cast<unsigned char>(*position++);
    if (shift == 63 && byte > 1) {
      return false;
    }
    result |= static_cast<uint64_t>(byte & 0x7fU) << shift;
    if (byte < 0x80) {
      *value = result;
      position_ = position;
      return true;
    }
  }
  return false;
}

bool ByteCursor::ReadByte(uint8_t* value) {
  if (empty()) {
    return false;
  }
  *value = static_cast<uint8_t>(*position_++);
  return true;
}

bool ByteCursor::ReadBytes(uint64_t count, std::string_view* bytes) {
  if (count > remaining()) {
    return false;
  }
  *bytes = {position_, static_cast<size_t>(count)};
  position_ += count;
  return true;
}

bool ByteCursor::Skip(uint64_t count) {
  if (count > remaining()) {
    return false;
  }
  position_ += count;
  return true;
}

bool ByteCursor::ReadUvarintBytes(std::string_view* bytes) {
  const char* const before = position_;
  uint64_t count;
  if (ReadUvarint(&count) && ReadBytes(count, bytes)) {
    return true;
  }
  position_ = before;
  return false;
}

bool ByteCursor::ReadBe32(uint32_t* value) {
  if (remaining() < sizeof(*value)) {
    return false;
  }
  *value = base::LoadBigEndian32(position_);
  position_ += sizeof(*value);
  return true;
}

bool ByteCursor::ReadBe64(uint64_t* value) {
  if (remaining() < sizeof(*value)) {
    return false;
  }
  *value = base::LoadBigEndian64(position_);
  position_ += sizeof(*value);
  return true;
}

}  // namespace thanos::encoding
