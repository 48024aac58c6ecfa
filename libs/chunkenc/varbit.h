#pragma once

// Parts shared by the histogram encodings, private to this library.
//
// Varbit integers: the number of leading one bits selects the payload width; each prefix but the last ends
// with a zero.
//   ones    0  1  2  3  4   5   6   7   8
//   bits    0  3  6  9  12  18  25  56  64
// A signed payload of w bits covers -(2^(w-1)-1) .. 2^(w-1).

#include <algorithm>
#include <bit>
#include <cstdint>

#include "chunkenc/appender.h"
#include "encoding/bit_stream.h"

namespace thanos::chunkenc::internal {

// Prometheus' writer opens the next byte when it writes whole bytes at a byte border, so a chunk whose last
// field is such a write ends with one zero byte more than its bits need. Chunks that are to be identical must
// have it as well.
inline size_t NumPaddingBytes(const encoding::BitWriter& writer) {
  return writer.last_width() != 0 && writer.last_width() % 8 == 0 && writer.pending_bits() % 8 == 0 ? 1 : 0;
}
// Number of bytes that FinishChunk adds to those already written.
inline size_t NumFinishBytes(const encoding::BitWriter& writer) {
  return (writer.pending_bits() + 7) / 8 + NumPaddingBytes(writer);
}
// Appends the pending bits and the padding to `out`.
inline void FinishChunk(const encoding::BitWriter& writer, std::string* out) {
  writer.AppendPending(out);
  out->append(NumPaddingBytes(writer), '\0');
}

// True when `value` fits a signed payload of `num_bits` (below 64).
inline bool FitsSigned(int64_t value, unsigned num_bits) {
  return -((int64_t{1} << (num_bits - 1)) - 1) <= value && value <= int64_t{1} << (num_bits - 1);
}
// The value of a signed payload.
inline int64_t SignedPayload(uint64_t payload, unsigned num_bits) {
  return static_cast<int64_t>(payload > uint64_t{1} << (num_bits - 1) ? payload - (uint64_t{1} << num_bits)
                                                                      : payload);
}

void WriteVarbitInt(encoding::BitWriter& writer, int64_t value);
void WriteVarbitUint(encoding::BitWriter& writer, uint64_t value);
[[nodiscard]] bool ReadVarbitInt(encoding::BitReader& reader, int64_t* value);
[[nodiscard]] bool ReadVarbitUint(encoding::BitReader& reader, uint64_t* value);

// Writes `value` against the state's previous one and remembers it:
//   0                                        same bits
//   10 + significant bits                    the difference fits the last window
//   11 + leading(5) + length(6) + bits       a new window; length 0 means 64
inline void WriteXor(encoding::BitWriter& writer, double value, XorState* state) {
  const auto bits = std::bit_cast<uint64_t>(value);
  const uint64_t difference = bits ^ state->bits;
  state->bits = bits;
  if (difference == 0) {
    writer.WriteBits(0, 1);
    return;
  }
  const auto leading = static_cast<uint8_t>(std::min(std::countl_zero(difference), 31));
  const auto trailing = static_cast<uint8_t>(std::countr_zero(difference));
  if (state->leading != 0xff && leading >= state->leading && trailing >= state->trailing) {
    writer.WritePrefixed(0b10, 2, difference >> state->trailing, 64U - state->leading - state->trailing);
    return;
  }
  state->leading = leading;
  state->trailing = trailing;
  const unsigned length = 64U - leading - trailing;
  writer.WritePrefixed(0b11U << 11 | static_cast<unsigned>(leading) << 6 | (length & 63), 13,
                       difference >> trailing, length);
}

// The reading side. A reader starts with the window of all 64 bits.
struct XorReadState {
  uint64_t bits = 0;
  unsigned length = 64;
  unsigned trailing = 0;
};
[[nodiscard]] bool ReadXor(encoding::BitReader& reader, XorReadState* state);

}  // namespace thanos::chunkenc::internal
