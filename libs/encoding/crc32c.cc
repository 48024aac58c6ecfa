// The crc32 instruction has a latency of three cycles and a throughput of one, so long inputs are read as
// three adjacent stripes of 1 KiB at once. The stripes are joined by "advancing" a checksum over the length
// of a stripe of zeros, a linear map that is kept as four tables of 256 entries.
#include "encoding/crc32c.h"

#include <array>
#include <cstddef>
#include <nmmintrin.h>

namespace thanos::encoding {
namespace {

constexpr uint32_t kReversedPolynomial = 0x82f63b78U;
constexpr size_t kStripeBytes = 1024;

using ShiftTable = std::array<std::array<uint32_t, 256>, 4>;

// The register after `num_bytes` zero bytes.
constexpr uint32_t AdvanceOverZeros(uint32_t crc, size_t num_bytes) {
  for (size_t i = 0; i < num_bytes * 8; ++i) {
    crc = (crc >> 1) ^ ((crc & 1) != 0 ? kReversedPolynomial : 0);
  }
  return crc;
}

ShiftTable MakeShiftTable() {
  ShiftTable table{};
  for (size_t byte = 0; byte < 4; ++byte) {
    std::array<uint32_t, 8> bits{};
    for (size_t bit = 0; bit < 8; ++bit) {
      bits[bit] = AdvanceOverZeros(1U << (byte * 8 + bit), kStripeBytes);
    }
    for (size_t value = 0; value < 256; ++value) {
      uint32_t crc = 0;
      for (size_t bit = 0; bit < 8; ++bit) {
        crc ^= ((value >> bit) & 1U) != 0 ? bits[bit] : 0;
      }
      table[byte][value] = crc;
    }
  }
  return table;
}

uint32_t AdvanceOneStripe(const ShiftTable& table, uint32_t crc) {
  return table[0][crc & 0xff] ^ table[1][(crc >> 8) & 0xff] ^ table[2][(crc >> 16) & 0xff] ^
         table[3][crc >> 24];
}

uint64_t Load64(const char* data) {
  uint64_t value;
  __builtin_memcpy(&value, data, sizeof(value));
  return value;
}

}  // namespace

uint32_t ExtendCrc32c(uint32_t crc, std::string_view data) {
  const char* position = data.data();
  size_t left = data.size();
  uint64_t state = crc ^ 0xffffffffU;
  if (left >= 3 * kStripeBytes) {
    static const ShiftTable table = MakeShiftTable();
    do {
      uint64_t second = 0;
      uint64_t third = 0;
      for (size_t i = 0; i < kStripeBytes; i += 8) {
        state = _mm_crc32_u64(state, Load64(position + i));
        second = _mm_crc32_u64(second, Load64(position + kStripeBytes + i));
        third = _mm_crc32_u64(third, Load64(position + 2 * kStripeBytes + i));
      }
      state = AdvanceOneStripe(table, static_cast<uint32_t>(state)) ^ second;
      state = AdvanceOneStripe(table, static_cast<uint32_t>(state)) ^ third;
      position += 3 * kStripeBytes;
      left -= 3 * kStripeBytes;
    } while (left >= 3 * kStripeBytes);
  }
  for (; left >= 8; left -= 8, position += 8) {
    state = _mm_crc32_u64(state, Load64(position));
  }
  auto state32 = static_cast<uint32_t>(state);
  for (; left > 0; --left, ++position) {
    state32 = _mm_crc32_u8(state32, static_cast<unsigned char>(*position));
  }
  return state32 ^ 0xffffffffU;
}

uint32_t Crc32c(std::string_view data) {
  return ExtendCrc32c(0, data);
}

}  // namespace thanos::encoding
