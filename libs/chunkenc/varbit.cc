#include "chunkenc/varbit.h"

#include <algorithm>
#include <array>
#include <bit>

namespace thanos::chunkenc::internal {
namespace {

constexpr std::array<uint8_t, 9> kPayloadBits = {0, 3, 6, 9, 12, 18, 25, 56, 64};

void WriteVarbit(encoding::BitWriter& writer, size_t ones, uint64_t payload) {
  const auto prefix_bits = static_cast<unsigned>(ones == 8 ? 8 : ones + 1);
  const uint64_t prefix = ones == 8 ? 0xff : ((uint64_t{1} << ones) - 1) << 1;
  if (ones == 0) {
    writer.WriteBits(prefix, prefix_bits);
  } else {
    writer.WritePrefixed(prefix, prefix_bits, payload, kPayloadBits[ones]);
  }
}

// The width of the payload, with the prefix consumed.
bool ReadPrefix(encoding::BitReader& reader, unsigned* num_bits) {
  const auto ones = static_cast<unsigned>(std::countl_one(reader.Peek()));
  const unsigned capped = ones < 8 ? ones : 8;
  *num_bits = kPayloadBits[capped];
  return reader.Skip(capped == 8 ? 8 : capped + 1);
}

}  // namespace

void WriteVarbitInt(encoding::BitWriter& writer, int64_t value) {
  size_t ones = 0;
  if (value != 0) {
    for (ones = 1; ones < 8 && !FitsSigned(value, kPayloadBits[ones]); ++ones) {
    }
  }
  WriteVarbit(writer, ones, static_cast<uint64_t>(value));
}

void WriteVarbitUint(encoding::BitWriter& writer, uint64_t value) {
  size_t ones = 0;
  while (ones < 8 && value >> kPayloadBits[ones] != 0) {
    ++ones;
  }
  WriteVarbit(writer, ones, value);
}

bool ReadVarbitUint(encoding::BitReader& reader, uint64_t* value) {
  unsigned num_bits;
  return ReadPrefix(reader, &num_bits) && reader.ReadBits(num_bits, value);
}

bool ReadVarbitInt(encoding::BitReader& reader, int64_t* value) {
  unsigned num_bits;
  uint64_t payload;
  if (!ReadPrefix(reader, &num_bits) || !reader.ReadBits(num_bits, &payload)) {
    return false;
  }
  *value = num_bits == 0    ? 0
           : num_bits == 64 ? static_cast<int64_t>(payload)
                            : SignedPayload(payload, num_bits);
  return true;
}

bool ReadXor(encoding::BitReader& reader, XorReadState* state) {
  const uint64_t word = reader.Peek();
  if (static_cast<int64_t>(word) >= 0) {
    return reader.Skip(1);
  }
  unsigned control_bits = 2;
  if ((word & uint64_t{1} << 62) != 0) {
    control_bits = 13;
    const auto leading = static_cast<unsigned>(word >> 57 & 31);
    const auto length = static_cast<unsigned>(word >> 51 & 63);
    state->length = length == 0 ? 64 : length;
    if (leading + state->length > 64) {
      return false;
    }
    state->trailing = 64 - leading - state->length;
  }
  uint64_t significant;
  if (!reader.Skip(control_bits) || !reader.ReadBits(state->length, &significant)) {
    return false;
  }
  state->bits ^= significant << state->trailing;
  return true;
}

}  // namespace thanos::chunkenc::internal
