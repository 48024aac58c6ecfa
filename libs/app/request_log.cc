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

// What the server could not do is an error, what the client got wrong or took back is not.
LogLevel LevelOfCode(std::string_view code) {
  for (const std::string_view error :
       {"Unknown", "DeadlineExceeded", "PermissionDenied", "ResourceExhausted", "FailedPrecondition",
        "Aborted", "OutOfRange", "Unimplemented", "Internal", "Unavailable", "DataLoss"}) {
    if (code == error) {
      return LogLevel::kError;
    }
  }
  return LogLevel::kDebug;
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
  bool any_level = false;
  const auto read = [&](std::string_view protocol, std::string_view first, std::string_view second,
                        Decision* decision) -> base::Status {
    Options own = options;
    map.ReadMap(protocol, [&](config::YamlMap& part) {
      Options specific;
      ReadOptions(part, &specific);
      if (!specific.level.empty()) {
        own = specific;
      }
      part.ReadMaps("config", [&](config::YamlMap& entry) {
        std::string name;
        std::string detail;
        entry.Read(first, &name);
        entry.Read(second, &detail);
        entry.IgnoreRest();
        decision->only.emplace(name, detail);
      });
      part.IgnoreRest();
    });
    if (own.level.empty()) {
      return base::OkStatus();  // this protocol is not logged
    }
    any_level = true;
    TH_ASSIGN_OR_RETURN(decision->level, ParseLevel(own.level));
    if (own.log_start && !own.log_end) {
      return base::InvalidArgument("options.decision: log_start without log_end is not supported");
    }
    decision->at_start = own.log_start;
    decision->at_end = own.log_end;
    return base::OkStatus();
  };
  TH_RETURN_IF_ERROR(read("http", "path", "port", &log.http_));
  TH_RETURN_IF_ERROR(read("grpc", "service", "method", &log.grpc_));
  map.IgnoreRest();
  TH_RETURN_IF_ERROR(map.Finish());
  if (!any_level) {
    return ParseLevel("").status();
  }
  return log;
}

bool RequestLog::Selects(std::string_view path, std::string_view host_header) const {
  return enabled() &&
         (http_.only.empty() || http_.only.contains({std::string(path), std::string(PortOf(host_header))}));
}

bool RequestLog::SelectsCall(std::string_view service, std::string_view method) const {
  return grpc_.at_end &&
         (grpc_.only.empty() || grpc_.only.contains({std::string(service), std::string(method)}));
}

rpc::CallLog RequestLog::GrpcLog() const {
  if (!grpc_.at_end) {
    return {};
  }
  return [log = *this](const rpc::CallRecord& call) {
    if (!log.SelectsCall(call.service, call.method)) {
      return;
    }
    if (!call.finished) {
      if (log.grpc_.at_start && log.grpc_.level == LogLevel::kDebug) {
        TH_LOG(kDebug, "started call")
            .With("grpc.service", call.service)
            .With("grpc.method", call.method)
            .With("grpc.request_id", call.request_id)
            .With("peer.address", call.peer);
      }
      return;
    }
    const LogLevel level = LevelOfCode(call.code);
    if (level >= log.grpc_.level && telemetry::LogEnabled(level)) {
      telemetry::LogLine(level, __FILE__, __LINE__, "finished call")
          .With("grpc.service", call.service)
          .With("grpc.method", call.method)
          .With("grpc.request_id", call.request_id)
          .With("grpc.code", call.code)
          .With("grpc.time_ms", base::ToSeconds(call.duration) * 1000)
          .With("peer.address", call.peer);
    }
  };
}

net::HttpResponse RequestLog::Run(const std::string& handler, const net::HttpHandler& next,
                                  const net::HttpRequest& request) const {
  const std::string* host = request.Header("host");
  if (!Selects(request.target, host == nullptr ? std::string_view() : std::string_view(*host))) {
    return next(request);
  }
  const std::string method =
      base::Concat(request.method, " ", std::string_view(request.target).substr(0, kMaxTargetBytes));
  if (http_.at_start && http_.level == LogLevel::kDebug) {
    TH_LOG(kDebug, "started call")
        .With("http.method", method)
        .With("http.request_id", request.request_id)
        .With("thanos.method_name", handler);
  }
  const base::TimePoint start = base::SteadyNow();
  net::HttpResponse response = next(request);
  const LogLevel level = LevelOfStatus(response.status);
  if (level >= http_.level && telemetry::LogEnabled(level)) {
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
