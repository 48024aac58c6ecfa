// XOR chunk:
//   count 2 bytes | t0 varint | v0 64 bits | t1-t0 uvarint | xor(v1) | dod(t2) xor(v2) | dod(t3) xor(v3) |
//   ...
// All up to the first xor is byte-aligned, the rest a bit stream. Delta-of-delta of timestamps:
//   0                0
//   10   + 14 bits   signed payloads of w bits cover -(2^(w-1)-1) .. 2^(w-1)
//   110  + 17 bits
//   1110 + 20 bits
//   1111 + 64 bits
// xor(v): see varbit.h.
//
// The loop reads each field from one unaligned 64-bit load and keeps its state in registers. A sample takes
// at most 4+64 + 2+5+6+64 bits, so with kMargin bytes ahead no check is needed inside; the last bytes are
// decoded from a copy with zeros behind it, where running past the end is detected afterwards.
#include <bit>
#include <cstring>

#include "chunkenc/decoders.h"
#include "chunkenc/varbit.h"
#include "encoding/varint.h"

namespace thanos::chunkenc::internal {
namespace {

constexpr size_t kMargin = 24;

struct Output {
  int64_t* timestamps;
  double* values;
};

struct State {
  uint64_t position = 0;  // bits
  uint64_t timestamp = 0;
  uint64_t delta = 0;
  XorReadState value;
  uint32_t samples_left = 0;
  bool passed_max = false;
  bool bad_window = false;
};

inline uint64_t Load(const char* data, uint64_t position) {
  return base::LoadBigEndian64(data + (position >> 3)) << (position & 7);
}

// All 64 bits at `position`; touches nine bytes.
inline uint64_t LoadAll(const char* data, uint64_t position) {
  const char* const byte = data + (position >> 3);
  const unsigned shift = position & 7;
  return base::LoadBigEndian64(byte) << shift |
         static_cast<unsigned>(static_cast<unsigned char>(byte[8])) >> (8 - shift);
}

// Consumes a prefix and the signed payload behind it.
template <unsigned kPrefixBits, unsigned kPayloadBits>
inline uint64_t TakePayload(uint64_t* word, uint64_t* position) {
  const uint64_t payload = *word << kPrefixBits >> (64 - kPayloadBits);
  *word <<= kPrefixBits + kPayloadBits;
  *position += kPrefixBits + kPayloadBits;
  return static_cast<uint64_t>(SignedPayload(payload, kPayloadBits));
}

// Decodes samples while position <= limit. Values outside [min, max] are written and overwritten by the next
// sample, so `out` needs room for one more than is kept.
Output Run(const char* data, uint64_t limit, int64_t min_ms, int64_t max_ms, State* state, Output out) {
  uint64_t position = state->position;
  uint64_t timestamp = state->timestamp;
  uint64_t delta = state->delta;
  uint64_t bits = state->value.bits;
  unsigned length = state->value.length;
  unsigned trailing = state->value.trailing;
  uint32_t left = state->samples_left;
  for (; left > 0 && position <= limit; --left) {
    uint64_t word = Load(data, position);
    if (static_cast<int64_t>(word) >= 0) {
      position += 1;
      word <<= 1;
    } else {
      const unsigned class_bits = static_cast<unsigned>(word >> 60);
      // A branch for each width, because a predicted width does not delay the next load.
      if (class_bits < 0b1100) [[likely]] {
        delta += TakePayload<2, 14>(&word, &position);
      } else if (class_bits < 0b1110) {
        delta += TakePayload<3, 17>(&word, &position);
      } else if (class_bits < 0b1111) {
        delta += TakePayload<4, 20>(&word, &position);
      } else {
        delta += LoadAll(data, position + 4);
        position += 68;
        word = Load(data, position);
      }
    }
    timestamp += delta;
    if (static_cast<int64_t>(word) >= 0) {
      position += 1;
    } else {
      if ((word & uint64_t{1} << 62) != 0) {
        const auto leading = static_cast<unsigned>(word >> 57 & 31);
        length = static_cast<unsigned>(((word >> 51) - 1) & 63) + 1;
        if (leading + length > 64) [[unlikely]] {
          state->bad_window = true;
          break;
        }
        trailing = 64 - leading - length;
        position += 13;
      } else {
        position += 2;
      }
      bits ^= LoadAll(data, position) >> (64 - length) << trailing;
      position += length;
    }
    const auto t = static_cast<int64_t>(timestamp);
    if (t > max_ms) [[unlikely]] {
      state->passed_max = true;
      break;
    }
    *out.timestamps = t;
    *out.values = std::bit_cast<double>(bits);
    const ptrdiff_t keep = t >= min_ms ? 1 : 0;
    out.timestamps += keep;
    out.values += keep;
  }
  state->position = position;
  state->timestamp = timestamp;
  state->delta = delta;
  state->value = {bits, length, trailing};
  state->samples_left = left;
  return out;
}

Output Keep(int64_t timestamp, double value, int64_t min_ms, Output out) {
  *out.timestamps = timestamp;
  *out.values = value;
  const ptrdiff_t keep = timestamp >= min_ms ? 1 : 0;
  return {out.timestamps + keep, out.values + keep};
}

// Sample 0 and 1, then the runs. False when damaged.
bool DecodeSamples(std::string_view data, uint32_t count, int64_t min_ms, int64_t max_ms, Output* out) {
  encoding::ByteCursor cursor(data);
  int64_t first_ms;
  State state;
  if (!cursor.Skip(2) || !cursor.ReadVarint(&first_ms) || !cursor.ReadBe64(&state.value.bits)) {
    return false;
  }
  if (first_ms > max_ms) {
    return true;
  }
  *out = Keep(first_ms, std::bit_cast<double>(state.value.bits), min_ms, *out);
  if (count == 1) {
    return true;
  }
  if (!cursor.ReadUvarint(&state.delta)) {
    return false;
  }
  state.timestamp = static_cast<uint64_t>(first_ms) + state.delta;
  encoding::BitReader reader(cursor.rest());
  if (!ReadXor(reader, &state.value)) {
    return false;
  }
  if (static_cast<int64_t>(state.timestamp) > max_ms) {
    return true;
  }
  *out = Keep(static_cast<int64_t>(state.timestamp), std::bit_cast<double>(state.value.bits), min_ms, *out);
  state.position = cursor.offset() * 8 + reader.position_bits();
  state.samples_left = count - 2;
  if (data.size() >= kMargin) {
    *out = Run(data.data(), (data.size() - kMargin) * 8, min_ms, max_ms, &state, *out);
  }
  if (state.samples_left == 0 || state.passed_max || state.bad_window) {
    return !state.bad_window;
  }
  char tail[2 * kMargin] = {};
  const size_t start = static_cast<size_t>(state.position >> 3);
  const size_t num_bytes = data.size() - start;
  std::memcpy(tail, data.data() + start, num_bytes);
  state.position &= 7;
  *out = Run(tail, num_bytes * 8, min_ms, max_ms, &state, *out);
  return !state.bad_window && state.position <= num_bytes * 8 &&
         (state.samples_left == 0 || state.passed_max);
}

}  // namespace

base::Status DecodeXor(std::string_view data, int64_t min_ms, int64_t max_ms, SampleColumns* out) {
  if (data.size() < 2) {
    return base::DataLoss("XOR chunk of ", data.size(), " bytes has no header");
  }
  const uint32_t count =
      static_cast<uint32_t>(static_cast<unsigned char>(data[0])) << 8 | static_cast<unsigned char>(data[1]);
  if (count == 0) {
    return base::OkStatus();
  }
  // Every sample but the first takes at least two bits.
  if (count > data.size() * 4) {
    return base::DataLoss("XOR chunk of ", data.size(), " bytes claims ", count, " samples");
  }
  const size_t before = out->timestamps.size();
  out->timestamps.resize(before + count + 1);
  out->values.resize(before + count + 1);
  Output position{out->timestamps.data() + before, out->values.data() + before};
  const bool ok = DecodeSamples(data, count, min_ms, max_ms, &position);
  const size_t after = ok ? static_cast<size_t>(position.timestamps - out->timestamps.data()) : before;
  out->timestamps.resize(after);
  out->values.resize(after);
  return ok ? base::OkStatus()
            : base::DataLoss("XOR chunk of ", data.size(), " bytes is damaged or truncated");
}

}  // namespace thanos::chunkenc::internal
