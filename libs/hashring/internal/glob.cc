#include "hashring/internal/glob.h"

#include <cstdint>
#include <optional>

namespace thanos::hashring::internal {
namespace {

constexpr uint32_t kReplacement = 0xfffd;

// The next character; bytes that are no UTF-8 count one each, as the replacement character.
uint32_t TakeRune(std::string_view* text) {
  const auto first = static_cast<unsigned char>((*text)[0]);
  const size_t length = first < 0x80 ? 1 : first >= 0xf0 && first < 0xf8 ? 4 : first >= 0xe0 ? 3 : 2;
  if (length == 1) {
    text->remove_prefix(1);
    return first;
  }
  if (first < 0xc2 || first >= 0xf5 || text->size() < length || !base::IsValidUtf8(text->substr(0, length))) {
    text->remove_prefix(1);
    return kReplacement;
  }
  uint32_t rune = first & (0xffU >> (length + 1));
  for (size_t i = 1; i < length; ++i) {
    rune = rune << 6 | (static_cast<unsigned char>((*text)[i]) & 0x3fU);
  }
  text->remove_prefix(length);
  return rune;
}

// One end of a range in a class; nothing when malformed.
std::optional<uint32_t> TakeClassRune(std::string_view* pattern) {
  if (pattern->empty() || (*pattern)[0] == '-' || (*pattern)[0] == ']') {
    return std::nullopt;
  }
  if ((*pattern)[0] == '\\') {
    pattern->remove_prefix(1);
    if (pattern->empty()) {
      return std::nullopt;
    }
  }
  const std::string_view before = *pattern;
  const uint32_t rune = TakeRune(pattern);
  const bool invalid_byte = rune == kReplacement && before.size() - pattern->size() == 1;
  if (invalid_byte || pattern->empty()) {
    return std::nullopt;
  }
  return rune;
}

// Reads a class behind its '['; nothing when malformed, else whether it has `rune`.
std::optional<bool> TakeClass(std::string_view* pattern, uint32_t rune) {
  const bool negated = !pattern->empty() && (*pattern)[0] == '^';
  pattern->remove_prefix(negated ? 1 : 0);
  bool found = false;
  for (int ranges = 0;; ++ranges) {
    if (!pattern->empty() && (*pattern)[0] == ']' && ranges > 0) {
      pattern->remove_prefix(1);
      return found != negated;
    }
    const std::optional<uint32_t> low = TakeClassRune(pattern);
    if (!low) {
      return std::nullopt;
    }
    std::optional<uint32_t> high = low;
    if ((*pattern)[0] == '-') {
      pattern->remove_prefix(1);
      high = TakeClassRune(pattern);
      if (!high) {
        return std::nullopt;
      }
    }
    found = found || (*low <= rune && rune <= *high);
  }
}

// Matches one element of the pattern other than '*' against the beginning of `name`.
std::optional<bool> TakeElement(std::string_view* pattern, std::string_view* name) {
  const bool at_end = name->empty();
  switch ((*pattern)[0]) {
    case '?': {
      pattern->remove_prefix(1);
      return !at_end && TakeRune(name) != '/';
    }
    case '[': {
      pattern->remove_prefix(1);
      const uint32_t rune = at_end ? 0 : TakeRune(name);
      const std::optional<bool> in_class = TakeClass(pattern, rune);
      return in_class ? std::optional(!at_end && *in_class) : std::nullopt;
    }
    case '\\':
      pattern->remove_prefix(1);
      if (pattern->empty()) {
        return std::nullopt;
      }
      [[fallthrough]];
    default: {
      const bool equal = !at_end && (*name)[0] == (*pattern)[0];
      pattern->remove_prefix(1);
      name->remove_prefix(equal ? 1 : 0);
      return equal;
    }
  }
}

}  // namespace

base::StatusOr<bool> GlobMatch(std::string_view pattern, std::string_view name) {
  // Where to go on when what follows the last '*' does not match: that '*' takes one character more.
  std::string_view star_pattern;
  std::string_view star_name;
  bool has_star = false;
  while (true) {
    if (!pattern.empty() && pattern[0] == '*') {
      pattern.remove_prefix(1);
      has_star = true;
      star_pattern = pattern;
      star_name = name;
      continue;
    }
    if (pattern.empty() && name.empty()) {
      return true;
    }
    bool matched = false;
    if (!pattern.empty()) {
      const std::optional<bool> element = TakeElement(&pattern, &name);
      if (!element) {
        return base::InvalidArgument("malformed pattern");
      }
      matched = *element;
    }
    if (matched) {
      continue;
    }
    if (!has_star || star_name.empty() || star_name[0] == '/') {
      return false;
    }
    star_name.remove_prefix(1);
    pattern = star_pattern;
    name = star_name;
  }
}

bool IsValidGlob(std::string_view pattern) {
  while (!pattern.empty()) {
    if (pattern[0] == '*') {
      pattern.remove_prefix(1);
      continue;
    }
    std::string_view none;
    if (!TakeElement(&pattern, &none)) {
      return false;
    }
  }
  return true;
}

}  // namespace thanos::hashring::internal
