#include "model/ulid.h"

#include <algorithm>
#include <sys/random.h>

#include "base/check.h"

namespace thanos::model {
namespace {

constexpr std::string_view kAlphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
__extension__ using Uint128 = unsigned __int128;

constexpr int64_t kMaxTimeMs = (int64_t{1} << 48) - 1;

// -1 for characters outside the alphabet.
int DigitValue(char c) {
  const char upper = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  const size_t found = kAlphabet.find(upper);
  return found == std::string_view::npos ? -1 : static_cast<int>(found);
}

}  // namespace

Ulid Ulid::FromParts(int64_t time_ms, uint64_t random_high, uint64_t random_low) {
  Ulid id;
  const auto time = static_cast<uint64_t>(std::clamp<int64_t>(time_ms, 0, kMaxTimeMs));
  const uint64_t high = time << 16 | (random_high & 0xffff);
  for (size_t i = 0; i < 8; ++i) {
    id.bytes_[i] = static_cast<uint8_t>(high >> (56 - 8 * i));
    id.bytes_[8 + i] = static_cast<uint8_t>(random_low >> (56 - 8 * i));
  }
  return id;
}

Ulid Ulid::Generate(int64_t time_ms) {
  uint64_t random[2];
  TH_CHECK(getrandom(random, sizeof(random), 0) == sizeof(random));
  return FromParts(time_ms, random[0], random[1]);
}

std::optional<Ulid> Ulid::Parse(std::string_view text) {
  if (text.size() != kTextLength || text[0] > '7') {
    return std::nullopt;
  }
  Uint128 value = 0;
  for (const char c : text) {
    const int digit = DigitValue(c);
    if (digit < 0) {
      return std::nullopt;
    }
    value = value << 5 | static_cast<unsigned>(digit);
  }
  Ulid id;
  for (size_t i = 0; i < 16; ++i) {
    id.bytes_[i] = static_cast<uint8_t>(value >> (120 - 8 * i));
  }
  return id;
}

std::string Ulid::ToString() const {
  Uint128 value = 0;
  for (const uint8_t byte : bytes_) {
    value = value << 8 | byte;
  }
  std::string text(kTextLength, '0');
  for (size_t i = kTextLength; i-- > 0; value >>= 5) {
    text[i] = kAlphabet[static_cast<size_t>(value & 31)];
  }
  return text;
}

int64_t Ulid::time_ms() const {
  int64_t time = 0;
  for (size_t i = 0; i < 6; ++i) {
    time = time << 8 | bytes_[i];
  }
  return time;
}

bool IsUlid(std::string_view text) {
  return Ulid::Parse(text).has_value();
}

}  // namespace thanos::model
