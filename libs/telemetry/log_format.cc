#include "telemetry/log_format.h"

#include <array>
#include <cstdio>
#include <ctime>

#include "base/strings.h"

namespace thanos::telemetry {
namespace {

std::string_view LevelName(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "debug";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarn:
      return "warn";
    case LogLevel::kError:
      return "error";
  }
  return "info";
}

// RFC 3339 in UTC with nanoseconds, trailing zeros of the fraction removed as Go does.
std::string TimeText(int64_t time_ns) {
  const time_t seconds = static_cast<time_t>(time_ns / 1'000'000'000);
  tm parts{};
  gmtime_r(&seconds, &parts);
  std::array<char, 48> buffer;
  const size_t length = strftime(buffer.data(), buffer.size(), "%Y-%m-%dT%H:%M:%S", &parts);
  std::string text(buffer.data(), length);
  std::array<char, 16> fraction;
  const int digits =
      std::snprintf(fraction.data(), fraction.size(), ".%09d", static_cast<int>(time_ns % 1'000'000'000));
  std::string_view trimmed(fraction.data(), static_cast<size_t>(digits));
  while (trimmed.ends_with('0')) {
    trimmed.remove_suffix(1);
  }
  if (trimmed.size() > 1) {
    text += trimmed;
  }
  text += 'Z';
  return text;
}

void AppendHex(std::string& out, unsigned char byte) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  out += "\\u00";
  out += kDigits[byte >> 4];
  out += kDigits[byte & 15];
}

// A JSON string. Bytes that are not UTF-8 become U+FFFD one by one.
void AppendQuoted(std::string& out, std::string_view text) {
  const bool valid = base::IsValidUtf8(text);
  out += '"';
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        if (byte < 0x20 || byte == 0x7f) {
          AppendHex(out, byte);
        } else if (byte >= 0x80 && !valid) {
          out += "\\ufffd";
        } else {
          out += c;
        }
    }
  }
  out += '"';
}

void AppendLogfmtValue(std::string& out, std::string_view value) {
  bool quote = !base::IsValidUtf8(value);
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    quote |= byte <= ' ' || c == '=' || c == '"' || byte == 0x7f;
  }
  if (quote) {
    AppendQuoted(out, value);
  } else {
    out += value;
  }
}

// Keys are ours; what would break the grammar is dropped.
void AppendLogfmtKey(std::string& out, std::string_view key) {
  for (const char c : key) {
    if (static_cast<unsigned char>(c) > ' ' && c != '=' && c != '"') {
      out += c;
    }
  }
}

void Append(std::string& out, LogFormat format, std::string_view key, std::string_view value) {
  if (format == LogFormat::kJson) {
    out += out.empty() ? '{' : ',';
    AppendQuoted(out, key);
    out += ':';
    AppendQuoted(out, value);
    return;
  }
  if (!out.empty()) {
    out += ' ';
  }
  AppendLogfmtKey(out, key);
  out += '=';
  AppendLogfmtValue(out, value);
}

}  // namespace

std::string FormatLogRecord(LogFormat format, const LogRecord& record) {
  std::string out;
  out.reserve(160);
  const size_t slash = record.file.rfind('/');
  const std::string_view file = slash == std::string_view::npos ? record.file : record.file.substr(slash + 1);
  Append(out, format, "ts", TimeText(record.time_ns));
  Append(out, format, "caller", base::Concat(file, ":", record.line));
  Append(out, format, "level", LevelName(record.level));
  if (!record.debug_name.empty()) {
    Append(out, format, "name", record.debug_name);
  }
  Append(out, format, "msg", record.message);
  if (record.fields != nullptr) {
    for (const auto& [key, value] : *record.fields) {
      Append(out, format, key, value);
    }
  }
  if (format == LogFormat::kJson) {
    out += '}';
  }
  return out;
}

}  // namespace thanos::telemetry
