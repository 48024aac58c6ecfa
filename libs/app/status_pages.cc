#include "app/status_pages.h"

#include <ctime>
#include <string>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

#include "app/version.h"
#include "base/strings.h"

namespace thanos::app {
namespace {

void AppendJson(std::string& out, std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  const bool valid = base::IsValidUtf8(text);
  out += '"';
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || c == '<' || c == '>' || c == '&') {
      base::Append(out, "\\u00", kHex[byte >> 4], kHex[byte & 15]);
    } else if (byte >= 0x80 && !valid) {
      out += "\\ufffd";
    } else {
      out += c;
    }
  }
  out += '"';
}

// {"status":"success","data":{...}} of pairs whose values are strings.
net::HttpResponse Success(const std::vector<std::pair<std::string, std::string>>& data,
                          std::string_view raw_members = "") {
  std::string body = R"({"status":"success","data":{)";
  bool first = true;
  for (const auto& [name, value] : data) {
    body += first ? "" : ",";
    first = false;
    AppendJson(body, name);
    body += ':';
    AppendJson(body, value);
  }
  if (!raw_members.empty()) {
    base::Append(body, first ? "" : ",", raw_members);
  }
  body += "}}";
  net::HttpResponse response;
  response.content_type = "application/json";
  response.body = std::move(body);
  return response;
}

}  // namespace

std::string FormatUtc(int64_t time_ms) {
  const time_t seconds = static_cast<time_t>(time_ms / 1000);
  tm parts{};
  gmtime_r(&seconds, &parts);
  char text[40];
  const size_t length = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &parts);
  return std::string(text, length);
}

net::HttpResponse FlagsPage(const config::FlagSet& flags) {
  return Success(flags.Values());
}

net::HttpResponse BuildInfoPage() {
  return Success({{"version", std::string(kVersion)},
                  {"revision", ""},
                  {"branch", ""},
                  {"buildUser", ""},
                  {"buildDate", ""},
                  {"goVersion", "c++20"}});
}

net::HttpResponse RuntimeInfoPage(int64_t start_time_ms) {
  char directory[4096];
  const char* found = getcwd(directory, sizeof(directory));
  return Success({{"startTime", FormatUtc(start_time_ms)},
                  {"CWD", found == nullptr ? "" : found},
                  {"GOGC", ""},
                  {"GODEBUG", ""}},
                 base::Concat("\"goroutineCount\":0,\"GOMAXPROCS\":", std::thread::hardware_concurrency(),
                              ",\"GOMEMLIMIT\":0"));
}

std::string VersionText() {
  return base::Concat("thanos, version ", kVersion,
                      " (branch: , revision: )\n  platform: linux/amd64\n  compatible with: Thanos ",
                      kCompatibleWith, "\n");
}

}  // namespace thanos::app
