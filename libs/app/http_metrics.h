#pragma once

// Private: the http_* metrics around API handlers.

#include <map>
#include <set>
#include <string>
#include <tuple>

#include "base/mutex.h"
#include "net/http_server.h"
#include "telemetry/metrics.h"

namespace thanos::app {

// Thread-safe. Lives as long as the handlers it has wrapped.
class HttpMetrics {
 public:
  explicit HttpMetrics(telemetry::Registry& metrics) : metrics_(metrics) {}

  // Before the first request.
  void UseTenantLabel(std::string header, std::string default_tenant);
  // `route` with counted and timed requests.
  net::HttpServer::Route Wrap(net::HttpServer::Route route);

 private:
  struct Instruments {
    telemetry::Counter* requests = nullptr;
    telemetry::Histogram* seconds = nullptr;
    telemetry::Histogram* request_bytes = nullptr;
    telemetry::Histogram* response_bytes = nullptr;
  };
  std::string TenantOf(const net::HttpRequest& request);
  telemetry::MetricLabels Labels(const std::string& handler, const std::string& method,
                                 const std::string& tenant) const;
  const Instruments& Find(const std::string& handler, const std::string& method, const std::string& tenant,
                          int status);
  net::HttpResponse Run(const std::string& handler, const net::HttpHandler& next,
                        const net::HttpRequest& request);

  telemetry::Registry& metrics_;
  std::string tenant_header_;  // empty: no tenant label
  std::string default_tenant_;
  base::Mutex mutex_;
  std::set<std::string> tenants_ ABSL_GUARDED_BY(mutex_);
  std::map<std::tuple<std::string, std::string, std::string, int>, Instruments> instruments_
      ABSL_GUARDED_BY(mutex_);
};

// The value of the label handler: "/api/v1/label/:name/values" -> "label_values".
std::string HandlerName(std::string_view pattern);

}  // namespace thanos::app
