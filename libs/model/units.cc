#include "model/units.h"

#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>

namespace thanos::model {
namespace {

constexpr int64_t kSecondMs = 1000;
constexpr int64_t kMinuteMs = 60 * kSecondMs;
constexpr int64_t kHourMs = 60 * kMinuteMs;
constexpr int64_t kDayMs = 24 * kHourMs;
constexpr int64_t kMaxDurationMs = std::numeric_limits<int64_t>::max() / 1'000'000;

struct DurationUnit {
  std::string_view name;
  int64_t milliseconds;
  bool only_exact;  // printed only when it divides the rest
};
// In the order in which they must appear.
constexpr std::array<DurationUnit, 7> kDurationUnits = {{{"y", 365 * kDayMs, true},
                                                         {"w", 7 * kDayMs, true},
                                                         {"d", kDayMs, false},
                                                         {"h", kHourMs, false},
                                                         {"m", kMinuteMs, false},
                                                         {"s", kSecondMs, false},
                                                         {"ms", 1, false}}};

bool IsDigit(char c) {
  return c >= '0' && c <= '9';
}

size_t CountDigits(std::string_view text) {
  size_t count = 0;
  while (count < text.size() && IsDigit(text[count])) {
    ++count;
  }
  return count;
}

// The run of letters (and UTF-8 bytes, for the micro sign) at the front.
std::string_view UnitAt(std::string_view text) {
  size_t length = 0;
  while (length < text.size() && !IsDigit(text[length]) && text[length] != '.') {
    ++length;
  }
  return text.substr(0, length);
}

base::Status BadDuration(std::string_view text) {
  return base::InvalidArgument("not a valid duration string: \"", text, "\"");
}

base::Status DurationTooLong() {
  return base::InvalidArgument("duration out of range");
}

std::optional<double> GoUnitMs(std::string_view unit) {
  if (unit == "ns") {
    return 1e-6;
  }
  if (unit == "us" || unit == "\u00b5s" || unit == "\u03bcs") {
    return 1e-3;
  }
  if (unit == "ms") {
    return 1.0;
  }
  if (unit == "s") {
    return static_cast<double>(kSecondMs);
  }
  if (unit == "m") {
    return static_cast<double>(kMinuteMs);
  }
  if (unit == "h") {
    return static_cast<double>(kHourMs);
  }
  return std::nullopt;
}

}  // namespace

base::StatusOr<int64_t> ParseDurationMs(std::string_view text) {
  if (text.empty()) {
    return base::InvalidArgument("empty duration string");
  }
  if (text == "0") {
    return int64_t{0};
  }
  int64_t total = 0;
  size_t next_unit = 0;
  std::string_view rest = text;
  while (!rest.empty()) {
    const size_t num_digits = CountDigits(rest);
    if (num_digits == 0) {
      return BadDuration(text);
    }
    int64_t number = 0;
    const auto parsed = std::from_chars(rest.data(), rest.data() + num_digits, number);
    const bool too_long = parsed.ec != std::errc();
    rest.remove_prefix(num_digits);
    const std::string_view unit = UnitAt(rest);
    rest.remove_prefix(unit.size());
    while (next_unit < kDurationUnits.size() && kDurationUnits[next_unit].name != unit) {
      ++next_unit;
    }
    if (next_unit == kDurationUnits.size()) {
      return BadDuration(text);
    }
    int64_t part;
    if (too_long || __builtin_mul_overflow(number, kDurationUnits[next_unit].milliseconds, &part) ||
        __builtin_add_overflow(total, part, &total) || total > kMaxDurationMs) {
      return DurationTooLong();
    }
    ++next_unit;
  }
  return total;
}

std::string FormatDurationMs(int64_t duration_ms) {
  if (duration_ms == 0) {
    return "0s";
  }
  std::string out;
  uint64_t left = static_cast<uint64_t>(duration_ms);
  if (duration_ms < 0) {
    out.push_back('-');
    left = ~left + 1;
  }
  for (const DurationUnit& unit : kDurationUnits) {
    const auto size = static_cast<uint64_t>(unit.milliseconds);
    if (left < size || (unit.only_exact && left % size != 0)) {
      continue;
    }
    base::Append(out, left / size, unit.name);
    left %= size;
  }
  return out;
}

base::StatusOr<int64_t> ParseGoDurationMs(std::string_view text) {
  std::string_view rest = text;
  const bool negative = rest.starts_with('-');
  if (negative || rest.starts_with('+')) {
    rest.remove_prefix(1);
  }
  if (rest == "0") {
    return int64_t{0};
  }
  if (rest.empty()) {
    return BadDuration(text);
  }
  double total = 0;
  while (!rest.empty()) {
    size_t length = CountDigits(rest);
    if (length < rest.size() && rest[length] == '.') {
      length += 1 + CountDigits(rest.substr(length + 1));
    }
    double number = 0;
    const auto parsed = std::from_chars(rest.data(), rest.data() + length, number, std::chars_format::fixed);
    if (parsed.ec != std::errc() || parsed.ptr != rest.data() + length) {
      return BadDuration(text);
    }
    rest.remove_prefix(length);
    const std::string_view unit = UnitAt(rest);
    const std::optional<double> unit_ms = GoUnitMs(unit);
    if (!unit_ms.has_value()) {
      return BadDuration(text);
    }
    rest.remove_prefix(unit.size());
    total += number * *unit_ms;
  }
  if (total > static_cast<double>(kMaxDurationMs)) {
    return DurationTooLong();
  }
  // A nanosecond's share is added against binary fractions such as 0.001s.
  const auto milliseconds = static_cast<int64_t>(total + 1e-7);
  return negative ? -milliseconds : milliseconds;
}

base::StatusOr<int64_t> ParseBytes(std::string_view text) {
  const auto bad = [text] { return base::InvalidArgument("not a valid number of bytes: \"", text, "\""); };
  double number = 0;
  const auto parsed =
      std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
  if (parsed.ec != std::errc() || !(number >= 0) || !std::isfinite(number)) {
    return bad();
  }
  std::string_view unit(parsed.ptr, static_cast<size_t>(text.data() + text.size() - parsed.ptr));
  if (!unit.empty() && unit != "B") {
    constexpr std::string_view kPrefixes = "KMGTPE";
    const size_t power = kPrefixes.find(unit[0]);
    unit.remove_prefix(1);
    if (power == std::string_view::npos || (unit != "B" && unit != "iB")) {
      return bad();
    }
    number = std::ldexp(number, static_cast<int>(10 * (power + 1)));
  }
  if (number >= std::ldexp(1.0, 63)) {
    return base::InvalidArgument("number of bytes out of range: \"", text, "\"");
  }
  return static_cast<int64_t>(number);
}

}  // namespace thanos::model
