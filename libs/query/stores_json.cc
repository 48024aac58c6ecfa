// The JSON of /api/v1/stores.

#include <chrono>
#include <cstdio>

#include "promapi/encode.h"
#include "query/http_api_internal.h"

namespace thanos::query {
namespace {

// RFC 3339 in UTC with milliseconds; the zero time of Go for "never".
std::string FormatTime(int64_t time_ms) {
  if (time_ms == 0) {
    return "0001-01-01T00:00:00Z";
  }
  const std::chrono::sys_time<std::chrono::milliseconds> time{std::chrono::milliseconds(time_ms)};
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(time - day);
  char buffer[64];
  std::snprintf(buffer, sizeof(buffer), "%04d-%02u-%02uT%02d:%02d:%02d.%03dZ", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
                static_cast<int>(clock.seconds().count()), static_cast<int>(clock.subseconds().count()));
  return buffer;
}

void AppendStatus(std::string& out, const fanout::EndpointStatus& status) {
  out += "{\"name\":";
  promapi::AppendJsonString(out, status.name);
  out += ",\"lastCheck\":";
  promapi::AppendJsonString(out, FormatTime(status.last_check_ms));
  out += ",\"lastError\":";
  if (status.last_error.empty()) {
    out += "null";
  } else {
    promapi::AppendJsonString(out, status.last_error);
  }
  out += ",\"labelSets\":[";
  for (size_t i = 0; i < status.label_sets.size(); ++i) {
    out += i == 0 ? "" : ",";
    promapi::AppendLabels(out, status.label_sets[i]);
  }
  base::Append(out, "],\"minTime\":", status.min_time_ms, ",\"maxTime\":", status.max_time_ms, "}");
}

}  // namespace

std::string EncodeStores(const std::map<std::string, std::vector<fanout::EndpointStatus>>& statuses) {
  std::string out = "{";
  for (const auto& [component, rows] : statuses) {
    if (out.size() > 1) {
      out += ',';
    }
    promapi::AppendJsonString(out, component);
    out += ":[";
    for (size_t i = 0; i < rows.size(); ++i) {
      out += i == 0 ? "" : ",";
      AppendStatus(out, rows[i]);
    }
    out += ']';
  }
  return out + "}";
}

}  // namespace thanos::query
