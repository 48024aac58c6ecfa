#pragma once

// Private: log lines about HTTP requests, as the request logging configuration asks for.

#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "base/status.h"
#include "net/http_server.h"
#include "telemetry/log.h"

namespace thanos::app {

// Immutable; outlives the handlers it has wrapped.
class RequestLog {
 public:
  // An empty text logs nothing. InvalidArgument for what the format does not allow. Unknown keys are ignored.
  static base::StatusOr<RequestLog> Parse(std::string_view yaml);

  bool enabled() const { return at_end_; }
  // True when the configuration has a part for gRPC calls, which this does not log.
  bool asks_for_grpc() const { return asks_for_grpc_; }
  // Whether requests for `path` (with its query) sent to `host_header` are logged.
  bool Selects(std::string_view path, std::string_view host_header) const;
  // `route` with logged requests.
  net::HttpServer::Route Wrap(net::HttpServer::Route route) const;

 private:
  net::HttpResponse Run(const std::string& handler, const net::HttpHandler& next,
                        const net::HttpRequest& request) const;

  telemetry::LogLevel level_ = telemetry::LogLevel::kError;  // lines below are left out
  bool at_start_ = false;
  bool at_end_ = false;
  bool asks_for_grpc_ = false;
  std::set<std::pair<std::string, std::string>> only_;  // paths and ports; empty: all
};

}  // namespace thanos::app
