#pragma once

// Private: log lines about HTTP requests and gRPC calls, as the request logging configuration asks for.

#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "base/status.h"
#include "net/http_server.h"
#include "rpc/server.h"
#include "telemetry/log.h"

namespace thanos::app {

// Immutable; outlives the handlers it has wrapped.
class RequestLog {
 public:
  // An empty text logs nothing. InvalidArgument for what the format does not allow. Unknown keys are ignored.
  static base::StatusOr<RequestLog> Parse(std::string_view yaml);

  bool enabled() const { return http_.at_end; }
  // Logs gRPC calls; empty when none are to be logged. A copy of what it needs: may outlive this.
  rpc::CallLog GrpcLog() const;
  // Whether calls of `method` ("Series") of `service` ("thanos.Store") are logged.
  bool SelectsCall(std::string_view service, std::string_view method) const;
  // Whether requests for `path` (with its query) sent to `host_header` are logged.
  bool Selects(std::string_view path, std::string_view host_header) const;
  // `route` with logged requests.
  net::HttpServer::Route Wrap(net::HttpServer::Route route) const;

 private:
  net::HttpResponse Run(const std::string& handler, const net::HttpHandler& next,
                        const net::HttpRequest& request) const;

  // What one protocol logs.
  struct Decision {
    telemetry::LogLevel level = telemetry::LogLevel::kError;  // lines below are left out
    bool at_start = false;
    bool at_end = false;
    // Paths and ports, or services and methods; empty: all.
    std::set<std::pair<std::string, std::string>> only = {};
  };
  Decision http_;
  Decision grpc_;
};

}  // namespace thanos::app
