#include "app/http_metrics.h"

#include <memory>
#include <utility>

#include "base/clock.h"
#include "base/strings.h"

namespace thanos::app {
namespace {

// Beyond these, tenants and their series share one label value.
constexpr size_t kMaxTenants = 1000;
constexpr size_t kMaxTenantBytes = 200;

// Only methods in use become label values.
std::string MethodLabel(std::string_view method) {
  for (const std::string_view known : {"get", "post", "put", "delete", "options", "head", "patch"}) {
    if (base::EqualsIgnoreCase(method, known)) {
      return std::string(known);
    }
  }
  return "unknown";
}

}  // namespace

std::string HandlerName(std::string_view pattern) {
  static constexpr std::pair<std::string_view, std::string_view> kNames[] = {
      {"labels", "label_names"}, {"label/:name/values", "label_values"}, {"receive", "receive"}};
  const size_t api = pattern.find("/api/v1/");
  std::string_view rest = api == std::string_view::npos ? pattern : pattern.substr(api + 8);
  for (const auto& [path, name] : kNames) {
    if (rest == path) {
      return std::string(name);
    }
  }
  while (rest.starts_with('/')) {
    rest.remove_prefix(1);
  }
  std::string name;
  for (const char c : rest) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    name += plain ? c : '_';
  }
  return name.empty() ? "root" : name;
}

void HttpMetrics::UseTenantLabel(std::string header, std::string default_tenant) {
  tenant_header_ = std::move(header);
  default_tenant_ = std::move(default_tenant);
}

std::string HttpMetrics::TenantOf(const net::HttpRequest& request) {
  if (tenant_header_.empty()) {
    return "";
  }
  const std::string* value = request.Header(tenant_header_);
  if (value == nullptr || value->empty()) {
    return default_tenant_;
  }
  base::MutexLock lock(mutex_);
  const bool known = tenants_.contains(*value);
  if (!known &&
      (tenants_.size() >= kMaxTenants || value->size() > kMaxTenantBytes || !base::IsValidUtf8(*value))) {
    return "other";
  }
  tenants_.insert(*value);
  return *value;
}

telemetry::MetricLabels HttpMetrics::Labels(const std::string& handler, const std::string& method,
                                            const std::string& tenant) const {
  telemetry::MetricLabels labels = {{"handler", handler}, {"method", method}};
  if (!tenant_header_.empty()) {
    labels.emplace_back("tenant", tenant);
  }
  return labels;
}

const HttpMetrics::Instruments& HttpMetrics::Find(const std::string& handler, const std::string& method,
                                                  const std::string& tenant, int status) {
  base::MutexLock lock(mutex_);
  auto& slot = instruments_[{handler, method, tenant, status}];
  if (slot.requests == nullptr) {
    telemetry::MetricLabels labels = Labels(handler, method, tenant);
    labels.emplace_back("code", base::Concat(status));
    slot.requests =
        &metrics_.AddCounter("http_requests_total", "Tracks the number of HTTP requests.", labels);
    slot.seconds = &metrics_.AddHistogram(
        "http_request_duration_seconds", "Tracks the latencies for HTTP requests.",
        {0.001, 0.01, 0.1, 0.3, 0.6, 1, 3, 6, 9, 20, 30, 60, 90, 120, 240, 360, 720}, labels);
    slot.request_bytes =
        &metrics_.AddHistogram("http_request_size_bytes", "Tracks the size of HTTP requests.",
                               telemetry::ExponentialBounds(256, 4, 8), labels);
    slot.response_bytes =
        &metrics_.AddHistogram("http_response_size_bytes", "Tracks the size of HTTP responses.",
                               telemetry::ExponentialBounds(256, 4, 10), labels);
  }
  return slot;
}

net::HttpResponse HttpMetrics::Run(const std::string& handler, const net::HttpHandler& next,
                                   const net::HttpRequest& request) {
  const std::string method = MethodLabel(request.method);
  const std::string tenant = TenantOf(request);
  telemetry::Gauge& in_flight = metrics_.AddGauge(
      "http_inflight_requests", "Current number of HTTP requests the handler is responding to.",
      Labels(handler, method, tenant));
  in_flight.Add(1);
  const base::TimePoint start = base::SteadyNow();
  net::HttpResponse response = next(request);
  in_flight.Add(-1);
  size_t request_bytes = request.body.size() + request.path.size();
  for (const auto& [name, value] : request.parameters) {
    request_bytes += name.size() + value.size();
  }
  for (const net::HttpHeader& header : request.headers) {
    request_bytes += header.name.size() + header.value.size();
  }
  const Instruments& instruments = Find(handler, method, tenant, response.status);
  instruments.requests->Increment();
  instruments.seconds->Observe(base::ToSeconds(base::SteadyNow() - start));
  instruments.request_bytes->Observe(static_cast<double>(request_bytes));
  instruments.response_bytes->Observe(static_cast<double>(response.body.size()));
  return response;
}

net::HttpServer::Route HttpMetrics::Wrap(net::HttpServer::Route route) {
  route.handler = [this, handler = HandlerName(route.pattern), next = std::move(route.handler)](
                      const net::HttpRequest& request) { return Run(handler, next, request); };
  return route;
}

}  // namespace thanos::app
