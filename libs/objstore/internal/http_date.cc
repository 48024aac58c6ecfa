#include "objstore/internal/http_date.h"

#include <array>
#include <ctime>

#include "base/strings.h"

namespace thanos::objstore::internal {
namespace {

constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
constexpr std::array<std::string_view, 7> kDays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};

std::string TwoDigits(int value) {
  return base::Concat(value < 10 ? "0" : "", value);
}

}  // namespace

std::optional<int64_t> ParseHttpDateMs(std::string_view text) {
  constexpr std::string_view kForm = "Sun, 06 Nov 1994 08:49:37 GMT";
  if (text.size() != kForm.size() || text.substr(3, 2) != ", " || text.substr(25) != " GMT" ||
      text[19] != ':' || text[22] != ':') {
    return std::nullopt;
  }
  const auto number = [&](size_t at, size_t size, int low, int high) -> std::optional<int> {
    const auto value = base::ParseInt64(text.substr(at, size));
    return value.has_value() && *value >= low && *value <= high ? std::optional(static_cast<int>(*value))
                                                                : std::nullopt;
  };
  const auto day = number(5, 2, 1, 31);
  const auto year = number(12, 4, 1970, 9999);
  const auto hour = number(17, 2, 0, 23);
  const auto minute = number(20, 2, 0, 59);
  const auto second = number(23, 2, 0, 60);
  if (!day || !year || !hour || !minute || !second) {
    return std::nullopt;
  }
  for (size_t month = 0; month < kMonths.size(); ++month) {
    if (kMonths[month] == text.substr(8, 3)) {
      tm parts{};
      parts.tm_year = *year - 1900;
      parts.tm_mon = static_cast<int>(month);
      parts.tm_mday = *day;
      parts.tm_hour = *hour;
      parts.tm_min = *minute;
      parts.tm_sec = *second;
      return static_cast<int64_t>(timegm(&parts)) * 1000;
    }
  }
  return std::nullopt;
}

std::optional<int64_t> ParseIsoTimeMs(std::string_view text) {
  constexpr std::string_view kForm = "2013-05-24T00:00:00";
  if (text.size() < kForm.size() + 1 || text.back() != 'Z' || text[4] != '-' || text[7] != '-' ||
      text[10] != 'T' || text[13] != ':' || text[16] != ':') {
    return std::nullopt;
  }
  const std::string_view fraction = text.substr(kForm.size(), text.size() - kForm.size() - 1);
  if (!fraction.empty() && (fraction.front() != '.' || fraction.size() < 2 ||
                            fraction.substr(1).find_first_not_of("0123456789") != std::string_view::npos)) {
    return std::nullopt;
  }
  // The other form of the same fields.
  const auto month = base::ParseUint64(text.substr(5, 2));
  if (!month.has_value() || *month < 1 || *month > kMonths.size()) {
    return std::nullopt;
  }
  return ParseHttpDateMs(base::Concat("Sun, ", text.substr(8, 2), " ", kMonths[*month - 1], " ",
                                      text.substr(0, 4), " ", text.substr(11, 8), " GMT"));
}

std::string FormatHttpDate(int64_t time_ms) {
  const time_t seconds = static_cast<time_t>(time_ms / 1000);
  tm parts{};
  gmtime_r(&seconds, &parts);
  return base::Concat(kDays[static_cast<size_t>(parts.tm_wday)], ", ", TwoDigits(parts.tm_mday), " ",
                      kMonths[static_cast<size_t>(parts.tm_mon)], " ", parts.tm_year + 1900, " ",
                      TwoDigits(parts.tm_hour), ":", TwoDigits(parts.tm_min), ":", TwoDigits(parts.tm_sec),
                      " GMT");
}

}  // namespace thanos::objstore::internal
