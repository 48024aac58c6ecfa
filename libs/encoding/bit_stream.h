#pragma once

// Bit streams that fill each byte from the most significant bit, as TSDB chunks do.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/check.h"

namespace thanos::encoding {

// Appends bits to a string through a 64-bit accumulator. Bytes reach the string in steps of eight and in
// Flush().
class BitWriter {
 public:
  // `out` must outlive the writer; nothing else may append to it before Flush().
  explicit BitWriter(std::string* out) : out_(out) {}

  // The lowest `num_bits` (0..64) of `value`, most significant first. Higher bits of `value` are ignored.
  void WriteBits(uint64_t value, unsigned num_bits) {
    TH_DCHECK(num_bits <= 64);
    if (num_bits == 0) {
      return;
    }
    last_width_ = num_bits;
    value &= ~uint64_t{0} >> (64 - num_bits);
    if (num_bits < 64 - used_) [[likely]] {
      used_ += num_bits;
      accumulator_ |= value << (64 - used_);
      return;
    }
    Spill(value, num_bits);
  }
  // Two fields, in one step where they fit: `prefix_bits` (1..32) of `prefix`, which has no higher bits, then
  // `num_bits` (1..64) of `value`. The same bits as two WriteBits.
  void WritePrefixed(uint64_t prefix, unsigned prefix_bits, uint64_t value, unsigned num_bits) {
    if (prefix_bits + num_bits > 64) {
      WriteBits(prefix, prefix_bits);
      WriteBits(value, num_bits);
      return;
    }
    WriteBits(prefix << num_bits | (value & ~uint64_t{0} >> (64 - num_bits)), prefix_bits + num_bits);
    last_width_ = num_bits;
  }
  void WriteBit(bool bit) { WriteBits(bit ? 1 : 0, 1); }
  // Writes the pending bits, zero-padded to a byte. Writing may go on afterwards only at a byte border.
  void Flush();
  // Appends what Flush() would write to `out`, without changing the writer.
  void AppendPending(std::string* out) const;
  unsigned pending_bits() const { return used_; }
  // Width of the last field that was not empty; 0 after Flush().
  unsigned last_width() const { return last_width_; }

 private:
  // Writes masked bits that fill the accumulator.
  void Spill(uint64_t value, unsigned num_bits);

  std::string* out_;
  uint64_t accumulator_ = 0;  // left-aligned
  unsigned used_ = 0;         // bits in the accumulator, below 64
  unsigned last_width_ = 0;
};

// Reads borrowed bytes; never touches memory outside them. A Read past the end answers false.
class BitReader {
 public:
  explicit BitReader(std::string_view bytes)
      : data_(bytes.data()), num_bytes_(bytes.size()), num_bits_(static_cast<uint64_t>(bytes.size()) * 8) {}

  // The next bits, left-aligned: at least 57 of them, zeros behind the end.
  uint64_t Peek() const {
    const size_t byte = static_cast<size_t>(position_ >> 3);
    const uint64_t word = byte + 8 <= num_bytes_ ? base::LoadBigEndian64(data_ + byte) : LoadTail(byte);
    return word << (position_ & 7);
  }
  // Moves forward; false (and no move) when fewer bits are left.
  [[nodiscard]] bool Skip(unsigned num_bits) {
    if (num_bits > num_bits_ - position_) {
      return false;
    }
    position_ += num_bits;
    return true;
  }
  // `num_bits` in 0..64.
  [[nodiscard]] bool ReadBits(unsigned num_bits, uint64_t* value) {
    if (num_bits > num_bits_ - position_) {
      return false;
    }
    if (num_bits == 0) {
      *value = 0;
      return true;
    }
    if (num_bits <= 57) [[likely]] {
      *value = Peek() >> (64 - num_bits);
      position_ += num_bits;
      return true;
    }
    const uint64_t high = Peek() >> 32;
    position_ += 32;
    *value = high << (num_bits - 32) | Peek() >> (96 - num_bits);
    position_ += num_bits - 32;
    return true;
  }

  uint64_t position_bits() const { return position_; }
  uint64_t remaining_bits() const { return num_bits_ - position_; }

 private:
  uint64_t LoadTail(size_t byte) const;

  const char* data_;
  size_t num_bytes_;
  uint64_t num_bits_;
  uint64_t position_ = 0;  // bits, never above num_bits_
};

}  // namespace thanos::encoding
