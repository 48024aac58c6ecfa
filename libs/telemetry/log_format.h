#pragma once

// Private: how one log line is written, apart from the new line.

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "telemetry/log.h"

namespace thanos::telemetry {

struct LogRecord {
  int64_t time_ns = 0;  // since the Unix epoch
  LogLevel level = LogLevel::kInfo;
  std::string_view file;  // only the last path element is printed
  int line = 0;
  std::string_view debug_name;
  std::string_view message;
  const std::vector<std::pair<std::string, std::string>>* fields = nullptr;
};

std::string FormatLogRecord(LogFormat format, const LogRecord& record);

}  // namespace thanos::telemetry
