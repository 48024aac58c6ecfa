#include "promql_parser/internal/utf8.h"

#include <cstdio>

namespace thanos::promql_parser::internal {
namespace {

bool IsContinuation(char c) {
  return (static_cast<unsigned char>(c) & 0xC0) == 0x80;
}

std::string Formatted(const char* format, int32_t rune) {
  char buffer[16];
  std::snprintf(buffer, sizeof(buffer), format, static_cast<unsigned>(rune));
  return buffer;
}

// The letter of a one-letter escape, or 0.
char EscapeLetter(int32_t rune) {
  switch (rune) {
    case '\a':
      return 'a';
    case '\b':
      return 'b';
    case '\f':
      return 'f';
    case '\n':
      return 'n';
    case '\r':
      return 'r';
    case '\t':
      return 't';
    case '\v':
      return 'v';
    default:
      return 0;
  }
}

char EscapedCharacter(char letter) {
  switch (letter) {
    case 'a':
      return '\a';
    case 'b':
      return '\b';
    case 'f':
      return '\f';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    case 'v':
      return '\v';
    default:
      return letter;
  }
}

uint32_t ParseDigits(std::string_view digits, uint32_t base) {
  uint32_t value = 0;
  for (const char c : digits) {
    const int digit = c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
    value = value * base + static_cast<uint32_t>(digit);
  }
  return value;
}

}  // namespace

int32_t DecodeRune(std::string_view text, size_t* width) {
  const auto lead = static_cast<unsigned char>(text[0]);
  *width = 1;
  if (lead < 0x80) {
    return lead;
  }
  const size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || text.size() < length) {
    return kInvalidRune;
  }
  auto rune = static_cast<int32_t>(lead & (0xFF >> (length + 1)));
  for (size_t i = 1; i < length; ++i) {
    if (!IsContinuation(text[i])) {
      return kInvalidRune;
    }
    rune = (rune << 6) | (static_cast<unsigned char>(text[i]) & 0x3F);
  }
  const bool overlong = (length == 3 && rune < 0x800) || (length == 4 && rune < 0x10000);
  if (overlong || rune > static_cast<int32_t>(kMaxRune) || (rune >= 0xD800 && rune < 0xE000)) {
    return kInvalidRune;
  }
  *width = length;
  return rune;
}

void AppendUtf8(std::string& out, int32_t rune) {
  const auto value = static_cast<uint32_t>(rune);
  const auto add = [&out](uint32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (value < 0x80) {
    add(value);
  } else if (value < 0x800) {
    add(0xC0 | (value >> 6));
    add(0x80 | (value & 0x3F));
  } else if (value < 0x10000) {
    add(0xE0 | (value >> 12));
    add(0x80 | ((value >> 6) & 0x3F));
    add(0x80 | (value & 0x3F));
  } else {
    add(0xF0 | (value >> 18));
    add(0x80 | ((value >> 12) & 0x3F));
    add(0x80 | ((value >> 6) & 0x3F));
    add(0x80 | (value & 0x3F));
  }
}

bool IsPrintable(int32_t rune) {
  return rune >= 0x20 && rune != 0x7F && !(rune >= 0x80 && rune <= 0xA0) && rune != 0xAD &&
         !(rune >= 0x2000 && rune <= 0x200F) && !(rune >= 0x2028 && rune <= 0x202F) && rune != 0xFEFF;
}

std::string QuoteRune(int32_t rune) {
  std::string out = "'";
  if (rune < 0) {
    // The end of the input, which Go prints as an invalid code point.
    AppendUtf8(out, kInvalidRune);
  } else if (rune == '\'' || rune == '\\') {
    out += '\\';
    out += static_cast<char>(rune);
  } else if (IsPrintable(rune)) {
    AppendUtf8(out, rune);
  } else if (const char letter = EscapeLetter(rune); letter != 0) {
    out += '\\';
    out += letter;
  } else if (rune < 0x20 || rune == 0x7F) {
    out += Formatted("\\x%02x", rune);
  } else {
    out += Formatted(rune < 0x10000 ? "\\u%04x" : "\\U%08x", rune);
  }
  return out + "'";
}

std::string Unquote(std::string_view token) {
  const std::string_view body = token.substr(1, token.size() - 2);
  if (token[0] == '`' || body.find('\\') == std::string_view::npos) {
    return std::string(body);
  }
  std::string out;
  out.reserve(body.size());
  size_t i = 0;
  while (i < body.size()) {
    if (body[i] != '\\' || i + 1 >= body.size()) {
      out.push_back(body[i++]);
      continue;
    }
    const char letter = body[i + 1];
    i += 2;
    if (letter == 'x') {
      out.push_back(static_cast<char>(ParseDigits(body.substr(i, 2), 16)));
      i += 2;
    } else if (letter == 'u' || letter == 'U') {
      const size_t length = letter == 'u' ? 4 : 8;
      AppendUtf8(out, static_cast<int32_t>(ParseDigits(body.substr(i, length), 16)));
      i += length;
    } else if (letter >= '0' && letter <= '7') {
      out.push_back(static_cast<char>(ParseDigits(body.substr(i - 1, 3), 8)));
      i += 2;
    } else {
      out.push_back(EscapedCharacter(letter));
    }
  }
  return out;
}

}  // namespace thanos::promql_parser::internal
