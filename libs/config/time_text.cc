#include <chrono>
#include <optional>

#include "config/flags.h"
#include "config/units.h"

namespace thanos::config {
namespace {

// The number in the first `length` bytes, all digits.
std::optional<int> TakeDigits(std::string_view& text, size_t length) {
  if (text.size() < length) {
    return std::nullopt;
  }
  int value = 0;
  for (size_t i = 0; i < length; ++i) {
    if (text[i] < '0' || text[i] > '9') {
      return std::nullopt;
    }
    value = value * 10 + (text[i] - '0');
  }
  text.remove_prefix(length);
  return value;
}

bool TakeByte(std::string_view& text, std::string_view any_of) {
  if (text.empty() || any_of.find(text[0]) == std::string_view::npos) {
    return false;
  }
  text.remove_prefix(1);
  return true;
}

// "YYYY-MM-DD" as days since the Unix epoch.
std::optional<int64_t> TakeDate(std::string_view& text) {
  const auto year = TakeDigits(text, 4);
  if (!year.has_value() || !TakeByte(text, "-")) {
    return std::nullopt;
  }
  const auto month = TakeDigits(text, 2);
  if (!month.has_value() || !TakeByte(text, "-")) {
    return std::nullopt;
  }
  const auto day = TakeDigits(text, 2);
  if (!day.has_value()) {
    return std::nullopt;
  }
  const std::chrono::year_month_day date{std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok()) {
    return std::nullopt;
  }
  return std::chrono::sys_days(date).time_since_epoch().count();
}

// "hh:mm" as minutes.
std::optional<int64_t> TakeHoursMinutes(std::string_view& text, int max_hour) {
  const auto hour = TakeDigits(text, 2);
  if (!hour.has_value() || *hour > max_hour || !TakeByte(text, ":")) {
    return std::nullopt;
  }
  const auto minute = TakeDigits(text, 2);
  if (!minute.has_value() || *minute > 59) {
    return std::nullopt;
  }
  return int64_t{*hour} * 60 + *minute;
}

// ".123456" as milliseconds, rounded down; any number of digits.
std::optional<int64_t> TakeFractionMs(std::string_view& text) {
  if (!TakeByte(text, ".,")) {
    return 0;
  }
  int64_t milliseconds = 0;
  int digits = 0;
  while (!text.empty() && text[0] >= '0' && text[0] <= '9') {
    if (digits < 3) {
      milliseconds = milliseconds * 10 + (text[0] - '0');
    }
    ++digits;
    text.remove_prefix(1);
  }
  if (digits == 0) {
    return std::nullopt;
  }
  for (; digits < 3; ++digits) {
    milliseconds *= 10;
  }
  return milliseconds;
}

// "Z" or "+hh:mm" as minutes east.
std::optional<int64_t> TakeZone(std::string_view& text) {
  if (TakeByte(text, "Zz")) {
    return 0;
  }
  const bool west = text.starts_with('-');
  if (!TakeByte(text, "+-")) {
    return std::nullopt;
  }
  const auto minutes = TakeHoursMinutes(text, 24);
  if (!minutes.has_value()) {
    return std::nullopt;
  }
  return west ? -*minutes : *minutes;
}

std::optional<int64_t> TryRfc3339Ms(std::string_view text) {
  const auto days = TakeDate(text);
  if (!days.has_value() || !TakeByte(text, "Tt ")) {
    return std::nullopt;
  }
  const auto minutes = TakeHoursMinutes(text, 23);
  if (!minutes.has_value() || !TakeByte(text, ":")) {
    return std::nullopt;
  }
  const auto seconds = TakeDigits(text, 2);
  if (!seconds.has_value() || *seconds > 59) {
    return std::nullopt;
  }
  const auto fraction_ms = TakeFractionMs(text);
  if (!fraction_ms.has_value()) {
    return std::nullopt;
  }
  const auto zone_minutes = TakeZone(text);
  if (!zone_minutes.has_value() || !text.empty()) {
    return std::nullopt;
  }
  const int64_t total_minutes = *days * 24 * 60 + *minutes - *zone_minutes;
  return (total_minutes * 60 + *seconds) * 1'000 + *fraction_ms;
}

}  // namespace

base::StatusOr<int64_t> ParseRfc3339Ms(std::string_view text) {
  const auto time_ms = TryRfc3339Ms(text);
  if (!time_ms.has_value()) {
    return base::InvalidArgument("not an RFC 3339 time: ", base::Quote(text));
  }
  return *time_ms;
}

base::StatusOr<int64_t> TimeOrDuration::ToMs(int64_t now_ms) const {
  if (const auto time_ms = TryRfc3339Ms(text); time_ms.has_value()) {
    return *time_ms;
  }
  const bool negative = text.starts_with('-');
  const auto duration =
      ParsePromDuration(std::string_view(text).substr(negative || text.starts_with('+') ? 1 : 0));
  if (!duration.ok()) {
    return base::InvalidArgument("expected an RFC 3339 time or a duration, got ", base::Quote(text));
  }
  const int64_t delta_ms = std::chrono::duration_cast<std::chrono::milliseconds>(*duration).count();
  return negative ? now_ms - delta_ms : now_ms + delta_ms;
}

base::StatusOr<std::pair<std::string, std::string>> ParseLabelFlag(std::string_view text) {
  const size_t equals = text.find('=');
  if (equals == std::string_view::npos || equals == 0) {
    return base::InvalidArgument("unrecognized label ", base::Quote(text), ", expected name=\"value\"");
  }
  const std::string_view name = text.substr(0, equals);
  std::string_view quoted = text.substr(equals + 1);
  if (quoted.size() < 2 || quoted.front() != '"' || quoted.back() != '"') {
    return base::InvalidArgument("the value of label ", name, " must be in double quotes, got ", quoted);
  }
  quoted = quoted.substr(1, quoted.size() - 2);
  std::string value;
  for (size_t i = 0; i < quoted.size(); ++i) {
    if (quoted[i] == '"') {
      return base::InvalidArgument("unescaped quote in the value of label ", name);
    }
    if (quoted[i] != '\\') {
      value += quoted[i];
      continue;
    }
    const char escaped = ++i < quoted.size() ? quoted[i] : '\0';
    constexpr std::string_view kEscapes = "\"\\ntr";
    constexpr std::string_view kMeaning = "\"\\\n\t\r";
    const size_t index = escaped == '\0' ? std::string_view::npos : kEscapes.find(escaped);
    if (index == std::string_view::npos) {
      return base::InvalidArgument("unknown escape in the value of label ", name);
    }
    value += kMeaning[index];
  }
  if (!base::IsValidUtf8(name) || !base::IsValidUtf8(value)) {
    return base::InvalidArgument("label ", base::Quote(name), " is not UTF-8");
  }
  return std::pair<std::string, std::string>(std::string(name), std::move(value));
}

}  // namespace thanos::config
