#pragma once

// Code points of UTF-8 text, and Go's forms of quoting them.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace thanos::promql_parser::internal {

inline constexpr int32_t kInvalidRune = 0xfffd;
inline constexpr uint32_t kMaxRune = 0x10ffff;

// The first code point of `text` (not empty) and its width in bytes; kInvalidRune and 1 for an invalid byte.
int32_t DecodeRune(std::string_view text, size_t* width);
void AppendUtf8(std::string& out, int32_t rune);
// Control characters, and the code points that are not for show at all, are not printable.
bool IsPrintable(int32_t rune);
// 'a', '\n', '\x00', as Go's %q of a rune.
std::string QuoteRune(int32_t rune);
// Resolves quotes and escapes of a complete string token the lexer has accepted.
std::string Unquote(std::string_view token);

}  // namespace thanos::promql_parser::internal
