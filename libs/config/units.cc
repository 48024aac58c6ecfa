#include "config/units.h"

#include <cmath>
#include <limits>
#include <optional>

#include "model/units.h"

namespace thanos::config {
namespace {

constexpr int64_t kNanosecond = 1;
constexpr int64_t kMillisecond = 1'000'000;
constexpr int64_t kSecond = 1'000 * kMillisecond;
constexpr int64_t kMinute = 60 * kSecond;
constexpr int64_t kHour = 60 * kMinute;
constexpr int64_t kDay = 24 * kHour;
constexpr int64_t kWeek = 7 * kDay;

struct Unit {
  std::string_view name;
  int64_t nanoseconds;
};

constexpr Unit kExtUnits[] = {{"w", kWeek},       {"d", kDay},          {"h", kHour},  {"m", kMinute},
                              {"s", kSecond},     {"ms", kMillisecond}, {"us", 1'000}, {"\u00b5s", 1'000},
                              {"\u03bcs", 1'000}, {"ns", kNanosecond}};

bool IsDigit(char c) {
  return c >= '0' && c <= '9';
}

// Takes the leading bytes for which `wanted` holds.
template <typename Predicate>
std::string_view TakeWhile(std::string_view& text, Predicate wanted) {
  size_t length = 0;
  while (length < text.size() && wanted(text[length])) {
    ++length;
  }
  const std::string_view taken = text.substr(0, length);
  text.remove_prefix(length);
  return taken;
}

std::string_view TakeUnit(std::string_view& text) {
  return TakeWhile(text, [](char c) { return !IsDigit(c) && c != '.'; });
}

std::optional<int64_t> UnitNanoseconds(std::string_view name) {
  for (const Unit& unit : kExtUnits) {
    if (unit.name == name) {
      return unit.nanoseconds;
    }
  }
  return std::nullopt;
}

base::Status BadDuration(std::string_view text) {
  return base::InvalidArgument("not a valid duration string: ", base::Quote(text));
}
base::Status DurationOverflow(std::string_view text) {
  return base::InvalidArgument("duration out of range: ", base::Quote(text));
}

}  // namespace

base::StatusOr<base::Duration> ParseExtDuration(std::string_view text) {
  std::string_view rest = text;
  const bool negative = rest.starts_with('-');
  if (negative || rest.starts_with('+')) {
    rest.remove_prefix(1);
  }
  if (rest == "0") {
    return base::Duration::zero();
  }
  if (rest.empty()) {
    return BadDuration(text);
  }
  long double total = 0;
  while (!rest.empty()) {
    const std::string_view number = TakeWhile(rest, [](char c) { return IsDigit(c) || c == '.'; });
    const auto unit = UnitNanoseconds(TakeUnit(rest));
    // ParseDouble refuses two points; a lone point is refused here.
    const auto value =
        base::ParseDouble(number.starts_with('.') ? base::Concat("0", number) : std::string(number));
    if (number == "." || !value.has_value() || !unit.has_value()) {
      return BadDuration(text);
    }
    total += static_cast<long double>(*value) * static_cast<long double>(*unit);
  }
  if (total > static_cast<long double>(std::numeric_limits<int64_t>::max())) {
    return DurationOverflow(text);
  }
  const auto nanoseconds = static_cast<int64_t>(std::round(total));
  return base::Duration(negative ? -nanoseconds : nanoseconds);
}

base::StatusOr<base::Duration> ParsePromDuration(std::string_view text) {
  TH_ASSIGN_OR_RETURN(const int64_t milliseconds, model::ParseDurationMs(text));
  return std::chrono::milliseconds(milliseconds);
}

std::string FormatExtDuration(base::Duration duration) {
  int64_t rest = duration.count();
  if (rest == 0) {
    return "0s";
  }
  std::string out = rest < 0 ? "-" : "";
  rest = rest < 0 ? -rest : rest;
  if (rest < kSecond) {
    // Below a second Go uses the largest unit that leaves a whole part.
    const auto [scale, name] = rest < 1'000          ? std::pair<int64_t, const char*>{1, "ns"}
                               : rest < kMillisecond ? std::pair<int64_t, const char*>{1'000, "\u00b5s"}
                                                     : std::pair<int64_t, const char*>{kMillisecond, "ms"};
    base::Append(out, static_cast<double>(rest) / static_cast<double>(scale), name);
    return out;
  }
  if (rest >= kHour) {
    base::Append(out, rest / kHour, "h");
  }
  if (rest >= kMinute) {
    base::Append(out, rest / kMinute % 60, "m");
  }
  base::Append(out, static_cast<double>(rest % kMinute) / static_cast<double>(kSecond), "s");
  return out;
}

std::string FormatPromDuration(base::Duration duration) {
  return model::FormatDurationMs(std::chrono::duration_cast<std::chrono::milliseconds>(duration).count());
}

base::StatusOr<int64_t> ParseByteSize(std::string_view text) {
  return model::ParseBytes(text);
}

std::string FormatByteSize(int64_t bytes) {
  if (bytes == 0) {
    return "0B";
  }
  if (bytes == std::numeric_limits<int64_t>::min()) {
    return "-8EiB";
  }
  std::string out = bytes < 0 ? "-" : "";
  uint64_t rest = static_cast<uint64_t>(bytes < 0 ? -bytes : bytes);
  constexpr std::string_view kPrefixes = "EPTGMK";
  for (size_t i = 0; i < kPrefixes.size(); ++i) {
    const size_t shift = 10 * (kPrefixes.size() - i);
    if (const uint64_t count = rest >> shift; count > 0) {
      base::Append(out, count, kPrefixes[i], "iB");
      rest -= count << shift;
    }
  }
  if (rest > 0) {
    base::Append(out, rest, "B");
  }
  return out;
}

}  // namespace thanos::config
