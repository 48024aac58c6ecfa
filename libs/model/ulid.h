#pragma once

// ULIDs name blocks: 48 bits of milliseconds since the Unix epoch and 80 random bits, 26 characters of
// Crockford base32.

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace thanos::model {

class Ulid {
 public:
  static constexpr size_t kTextLength = 26;

  // All zero bits.
  Ulid() = default;

  // `time_ms` is cut to 0 .. 2^48-1. The caller supplies randomness, so that tests are repeatable: the lowest
  // 16 bits of `random_high` and all of `random_low`.
  static Ulid FromParts(int64_t time_ms, uint64_t random_high, uint64_t random_low);
  // Random bits from the operating system.
  static Ulid Generate(int64_t time_ms);
  // Exactly 26 characters, lower case too. Like the original, the letters I, L, O and U and values above 128
  // bits are refused.
  static std::optional<Ulid> Parse(std::string_view text);

  std::string ToString() const;
  int64_t time_ms() const;
  const std::array<uint8_t, 16>& bytes() const { return bytes_; }

  // Order of the text form: by time first.
  auto operator<=>(const Ulid&) const = default;

 private:
  std::array<uint8_t, 16> bytes_{};  // big-endian
};

// True when the text is a ULID; bucket entries that are not are no blocks.
bool IsUlid(std::string_view text);

}  // namespace thanos::model
