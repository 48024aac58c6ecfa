// Date functions: UTC, the value is seconds since the epoch, truncated to whole seconds.

#include <array>
#include <chrono>
#include <cmath>
#include <limits>
#include <string_view>

#include "promql/functions/element.h"

namespace thanos::promql {
namespace {

namespace chrono = std::chrono;

struct DateParts {
  chrono::year_month_day date;
  chrono::sys_days days;
  int64_t seconds_of_day = 0;
};

// Go converts floats outside int64 to the smallest int64 on amd64. Years beyond the calendar's range are not
// met there.
DateParts Split(double value) {
  constexpr double kLimit = 9.2e18;
  const int64_t seconds =
      std::fabs(value) < kLimit ? static_cast<int64_t>(value) : std::numeric_limits<int64_t>::min();
  int64_t days = seconds / 86400;
  int64_t rest = seconds % 86400;
  if (rest < 0) {
    rest += 86400;
    --days;
  }
  const chrono::sys_days sys_days{
      chrono::days{static_cast<int>(std::max<int64_t>(std::min<int64_t>(days, 1 << 23), -(1 << 23)))}};
  return {chrono::year_month_day{sys_days}, sys_days, rest};
}

double DayOfMonth(const DateParts& parts) {
  return static_cast<unsigned>(parts.date.day());
}
double DayOfWeek(const DateParts& parts) {
  return chrono::weekday{parts.days}.c_encoding();
}
double DayOfYear(const DateParts& parts) {
  return static_cast<double>(
      (parts.days - chrono::sys_days{parts.date.year() / chrono::January / 1}).count() + 1);
}
double DaysInMonth(const DateParts& parts) {
  return static_cast<unsigned>((parts.date.year() / parts.date.month() / chrono::last).day());
}
double Hour(const DateParts& parts) {
  return static_cast<double>(parts.seconds_of_day / 3600);
}
double Minute(const DateParts& parts) {
  return static_cast<double>(parts.seconds_of_day / 60 % 60);
}
double Month(const DateParts& parts) {
  return static_cast<unsigned>(parts.date.month());
}
double Year(const DateParts& parts) {
  return static_cast<int>(parts.date.year());
}

template <double (*kPart)(const DateParts&)>
void DateKernel(const ElementInput& input) {
  MapPresent(input.values, [](double value) { return kPart(Split(value)); });
}

struct DateEntry {
  std::string_view name;
  ElementKernel kernel;
};
constexpr std::array<DateEntry, 8> kDates = {{
    {"day_of_month", DateKernel<DayOfMonth>},
    {"day_of_week", DateKernel<DayOfWeek>},
    {"day_of_year", DateKernel<DayOfYear>},
    {"days_in_month", DateKernel<DaysInMonth>},
    {"hour", DateKernel<Hour>},
    {"minute", DateKernel<Minute>},
    {"month", DateKernel<Month>},
    {"year", DateKernel<Year>},
}};

}  // namespace

ElementKernel FindDateKernel(std::string_view name) {
  for (const DateEntry& entry : kDates) {
    if (entry.name == name) {
      return entry.kernel;
    }
  }
  return nullptr;
}

}  // namespace thanos::promql
