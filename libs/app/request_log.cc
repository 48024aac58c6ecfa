#include "app/request_log.h"

#include <optional>

#include "app/http_metrics.h"
#include "base/clock.h"
#include "base/strings.h"
#include "config/yaml.h"

namespace thanos::app {
namespace {

using telemetry::LogLevel;

constexpr size_t kMaxTargetBytes = 4096;

struct Options {
  std::string level;
  bool log_start = false;
  bool log_end = false;
};

void ReadOptions(config::YamlMap& parent, Options* options) {
  parent.ReadMap("options", [&](config::YamlMap& map) {
    map.Read("level", &options->level);
    map.ReadMap("decision", [&](config::YamlMap& decision) {
      decision.Read("log_start", &options->log_start);
      decision.Read("log_end", &options->log_end);
      decision.IgnoreRest();
    });
    map.IgnoreRest();
  });
}

base::StatusOr<LogLevel> ParseLevel(std::string_view text) {
  static constexpr std::pair<std::string_view, LogLevel> kLevels[] = {{"DEBUG", LogLevel::kDebug},
                                                                      {"INFO", LogLevel::kInfo},
                                                                      {"WARN", LogLevel::kWarn},
                                                                      {"ERROR", LogLevel::kError}};
  for (const auto& [name, level] : kLevels) {
    if (name == text) {
      return level;
    }
  }
  return base::InvalidArgument("options.level must be DEBUG, INFO, WARN or ERROR, not ", base::Quote(text));
}

// What follows the last colon outside of brackets.
std::string_view PortOf(std::string_view host) {
  const size_t colon = host.rfind(':');
  const size_t bracket = host.rfind(']');
  const bool has_port =
      colon != std::string_view::npos && (bracket == std::string_view::npos || bracket < colon);
  return has_port ? host.substr(colon + 1) : std::string_view();
}

LogLevel LevelOfStatus(int status) {
  return status >= 200 && status < 500 ? LogLevel::kDebug : LogLevel::kError;
}

}  // namespace

base::StatusOr<RequestLog> RequestLog::Parse(std::string_view yaml) {
  RequestLog log;
  if (base::Trim(yaml).empty()) {
    return log;
  }
  TH_ASSIGN_OR_RETURN(const config::YamlNode root, config::ParseYaml(yaml));
  Options options;
  config::YamlMap map(root);
  ReadOptions(map, &options);
  map.ReadMap("http", [&](config::YamlMap& http) {
    Options own;
    ReadOptions(http, &own);
    if (!own.level.empty()) {
      options = own;
    }
    http.ReadMaps("config", [&](config::YamlMap& entry) {
      std::string path;
      int64_t port = 0;
      entry.Read("path", &path);
      entry.Read("port", &port);
      entry.IgnoreRest();
      log.only_.emplace(path, base::Concat(port));
    });
    http.IgnoreRest();
  });
  log.asks_for_grpc_ = map.Has("grpc");
  map.IgnoreRest();
  TH_RETURN_IF_ERROR(map.Finish());
  TH_ASSIGN_OR_RETURN(log.level_, ParseLevel(options.level));
  if (options.log_start && !options.log_end) {
    return base::InvalidArgument("options.decision: log_start without log_end is not supported");
  }
  log.at_start_ = options.log_start;
  log.at_end_ = options.log_end;
  return log;
}

bool RequestLog::Selects(std::string_view path, std::string_view host_header) const {
  return enabled() &&
         (only_.empty() || only_.contains({std::string(path), std::string(PortOf(host_header))}));
}

net::HttpResponse RequestLog::Run(const std::string& handler, const net::HttpHandler& next,
                                  const net::HttpRequest& request) const {
  const std::string* host = request.Header("host");
  if (!Selects(request.target, host == nullptr ? std::string_view() : std::string_view(*host))) {
    return next(request);
  }
  const std::string method =
      base::Concat(request.method, " ", std::string_view(request.target).substr(0, kMaxTargetBytes));
  if (at_start_ && level_ == LogLevel::kDebug) {
    TH_LOG(kDebug, "started call")
        .With("http.method", method)
        .With("http.request_id", request.request_id)
        .With("thanos.method_name", handler);
  }
  const base::TimePoint start = base::SteadyNow();
  net::HttpResponse response = next(request);
  const LogLevel level = LevelOfStatus(response.status);
  if (level >= level_ && telemetry::LogEnabled(level)) {
    telemetry::LogLine(level, __FILE__, __LINE__, "finished call")
        .With("http.method", method)
        .With("http.request_id", request.request_id)
        .With("http.status_code", response.status)
        .With("http.time_ms", base::ToSeconds(base::SteadyNow() - start) * 1000)
        .With("http.remote_addr", request.remote_address)
        .With("thanos.method_name", handler);
  }
  return response;
}

net::HttpServer::Route RequestLog::Wrap(net::HttpServer::Route route) const {
  route.handler = [this, handler = HandlerName(route.pattern), next = std::move(route.handler)](
                      const net::HttpRequest& request) { return Run(handler, next, request); };
  return route;
}

}  // namespace thanos::app
