#pragma once

// Structured logs on stderr over glog: logfmt `ts=... caller=... level=... msg=... key=value` or JSON. Levels
// below the configured one cost a branch. Thread-safe.

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"

namespace thanos::telemetry {

enum class LogLevel { kDebug, kInfo, kWarn, kError };
enum class LogFormat { kLogfmt, kJson };

struct LogOptions {
  LogLevel level = LogLevel::kInfo;
  LogFormat format = LogFormat::kLogfmt;
  std::string debug_name;  // added to each line as name=... when set
};

// Parses error, warn, info, debug / logfmt, json.
base::StatusOr<LogLevel> ParseLogLevel(std::string_view text);
base::StatusOr<LogFormat> ParseLogFormat(std::string_view text);

// Once, at start-up, before threads. Lines written earlier use the defaults.
void ConfigureLogging(const LogOptions& options);
bool LogEnabled(LogLevel level);

// One line, written when the temporary dies:
//   TH_LOG(kWarn, "reading block").With("block", id).With("err", status);
class LogLine {
 public:
  LogLine(LogLevel level, const char* file, int line, std::string_view message);
  ~LogLine();
  LogLine(const LogLine&) = delete;
  LogLine& operator=(const LogLine&) = delete;
  template <typename T>
  LogLine& With(std::string_view key, const T& value) {
    if constexpr (std::is_same_v<T, base::Status>) {
      return Add(key, base::Message(value));
    } else {
      return Add(key, base::Concat(value));
    }
  }

 private:
  LogLine& Add(std::string_view key, std::string_view value);
  LogLevel level_;
  const char* file_;
  int line_;
  std::string message_;
  std::vector<std::pair<std::string, std::string>> fields_;
};

}  // namespace thanos::telemetry

#define TH_LOG(level, message)                                                  \
  if (!::thanos::telemetry::LogEnabled(::thanos::telemetry::LogLevel::level)) { \
  } else                                                                        \
    ::thanos::telemetry::LogLine(::thanos::telemetry::LogLevel::level, __FILE__, __LINE__, message)
