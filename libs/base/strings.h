#pragma once

#include <charconv>
#include <concepts>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace thanos::base {

// Hash and equality that let maps keyed by std::string be asked with a std::string_view.
struct StringHash {
  using is_transparent = void;
  size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};
template <typename T>
using StringMap = std::unordered_map<std::string, T, StringHash, std::equal_to<>>;
using StringSet = std::unordered_set<std::string, StringHash, std::equal_to<>>;

namespace internal {
void AppendPart(std::string& out, std::string_view part);
void AppendDouble(std::string& out, double part);
// Templates, so that a string literal does not convert to bool.
template <std::same_as<bool> T>
void AppendPart(std::string& out, T part) {
  AppendPart(out, part ? std::string_view("true") : std::string_view("false"));
}
template <std::floating_point T>
void AppendPart(std::string& out, T part) {
  AppendDouble(out, part);
}
template <std::integral T>
requires(!std::same_as<T, bool> && !std::same_as<T, char>) void AppendPart(std::string& out, T part) {
  char buffer[24];
  const auto result = std::to_chars(buffer, buffer + sizeof(buffer), part);
  out.append(buffer, static_cast<size_t>(result.ptr - buffer));
}
inline void AppendPart(std::string& out, char part) {
  out.push_back(part);
}
}  // namespace internal

// "a", 1, 2.5, 'c' -> "a12.5c".
template <typename... Parts>
std::string Concat(const Parts&... parts) {
  std::string out;
  (internal::AppendPart(out, parts), ...);
  return out;
}
template <typename... Parts>
void Append(std::string& out, const Parts&... parts) {
  (internal::AppendPart(out, parts), ...);
}

// Pieces between separators; an empty text gives one empty piece. Views into `text`.
std::vector<std::string_view> Split(std::string_view text, char separator);
std::string Join(const std::vector<std::string>& parts, std::string_view separator);
// Without leading and trailing white space (space, \t, \r, \n).
std::string_view Trim(std::string_view text);
std::string ToLower(std::string_view text);
bool EqualsIgnoreCase(std::string_view a, std::string_view b);

// The whole text must be the number; no white space, no locale. ParseDouble also takes Inf, +Inf, -Inf, NaN
// in any case.
std::optional<int64_t> ParseInt64(std::string_view text);
std::optional<uint64_t> ParseUint64(std::string_view text);
std::optional<double> ParseDouble(std::string_view text);

// True when `text` is well-formed UTF-8 (no surrogates, no overlong forms).
bool IsValidUtf8(std::string_view text);

// `text` in double quotes with Go's escapes (%q of printable UTF-8), as Prometheus prints label values.
std::string Quote(std::string_view text);

}  // namespace thanos::base
