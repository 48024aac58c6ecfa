#include "telemetry/log.h"

#include <atomic>
#include <cerrno>
#include <chrono>
#include <glog/logging.h>
#include <unistd.h>

#include "telemetry/log_format.h"

namespace thanos::telemetry {
namespace {

// Writes the finished line as it is, without glog's own prefix and files. One write per line, so that lines
// of several threads and processes do not mix.
class StderrSink final : public google::LogSink {
 public:
  void send(google::LogSeverity, const char*, const char*, int, const google::LogMessageTime&,
            const char* message, size_t length) override {
    std::string line(message, length);
    line += '\n';
    std::string_view rest = line;
    while (!rest.empty()) {
      const ssize_t written = write(STDERR_FILENO, rest.data(), rest.size());
      if (written < 0 && errno == EINTR) {
        continue;
      }
      if (written <= 0) {
        return;
      }
      rest.remove_prefix(static_cast<size_t>(written));
    }
  }
};

// What a process logs like is one setting per process, as stderr is.
struct LogState {
  std::atomic<LogLevel> level{LogLevel::kInfo};
  std::atomic<LogFormat> format{LogFormat::kLogfmt};
  std::string debug_name;  // written before threads start
  StderrSink sink;
};

LogState& State() {
  static auto& state = *new LogState;
  return state;
}

google::LogSeverity Severity(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
    case LogLevel::kInfo:
      return google::GLOG_INFO;
    case LogLevel::kWarn:
      return google::GLOG_WARNING;
    case LogLevel::kError:
      return google::GLOG_ERROR;
  }
  return google::GLOG_INFO;
}

}  // namespace

base::StatusOr<LogLevel> ParseLogLevel(std::string_view text) {
  if (text == "error") {
    return LogLevel::kError;
  }
  if (text == "warn") {
    return LogLevel::kWarn;
  }
  if (text == "info") {
    return LogLevel::kInfo;
  }
  if (text == "debug") {
    return LogLevel::kDebug;
  }
  return base::InvalidArgument("unknown log level ", base::Quote(text));
}

base::StatusOr<LogFormat> ParseLogFormat(std::string_view text) {
  if (text == "logfmt") {
    return LogFormat::kLogfmt;
  }
  if (text == "json") {
    return LogFormat::kJson;
  }
  return base::InvalidArgument("unknown log format ", base::Quote(text));
}

void ConfigureLogging(const LogOptions& options) {
  LogState& state = State();
  state.level = options.level;
  state.format = options.format;
  state.debug_name = options.debug_name;
}

bool LogEnabled(LogLevel level) {
  return level >= State().level.load(std::memory_order_relaxed);
}

LogLine::LogLine(LogLevel level, const char* file, int line, std::string_view message)
    : level_(level), file_(file), line_(line), message_(message) {}

LogLine::~LogLine() {
  LogState& state = State();
  LogRecord record;
  record.time_ns = std::chrono::duration_cast<std::chrono::nanoseconds>(
                       std::chrono::system_clock::now().time_since_epoch())
                       .count();
  record.level = level_;
  record.file = file_;
  record.line = line_;
  record.debug_name = state.debug_name;
  record.message = message_;
  record.fields = &fields_;
  const std::string text = FormatLogRecord(state.format, record);
  // glog cuts what does not fit its buffer.
  google::LogMessage(file_, line_, Severity(level_), &state.sink, /*also_send_to_log=*/false).stream()
      << text;
}

LogLine& LogLine::Add(std::string_view key, std::string_view value) {
  fields_.emplace_back(key, value);
  return *this;
}

}  // namespace thanos::telemetry
