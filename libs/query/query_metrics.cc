#include "query/query_metrics.h"

#include <algorithm>

#include "base/strings.h"

namespace thanos::query {
namespace {

constexpr size_t kMaxTenants = 1000;

telemetry::MetricLabels EngineLabels(std::string_view engine) {
  return {{"engine", std::string(engine)}, {"mode", "local"}};
}

// The smallest bound that is not below `value`, as a label value.
std::string BoundOf(const std::vector<double>& bounds, int64_t value) {
  const auto found = std::ranges::lower_bound(bounds, static_cast<double>(value));
  return found == bounds.end() ? "+Inf" : base::Concat(static_cast<int64_t>(*found));
}

}  // namespace

QueryMetrics::QueryMetrics(int max_concurrent, QueryTelemetryBounds bounds, telemetry::Registry& metrics)
    : bounds_(std::move(bounds)),
      metrics_(metrics),
      samples_(metrics.AddCounter("prometheus_engine_query_samples_total",
                                  "The total number of samples loaded by all queries.",
                                  EngineLabels("prometheus"))) {
  const auto make = [&metrics](std::string_view engine) {
    return Engine{.prometheus_queries = &metrics.AddGauge(
                      "prometheus_engine_queries", "The current number of queries being executed or waiting.",
                      EngineLabels(engine)),
                  .thanos_queries = &metrics.AddGauge(
                      "thanos_engine_queries", "Number of PromQL queries running.", EngineLabels(engine)),
                  .thanos_queries_total = &metrics.AddCounter(
                      "thanos_engine_queries_total", "Number of PromQL queries.", EngineLabels(engine))};
  };
  prometheus_ = make("prometheus");
  thanos_ = make("thanos");
  metrics
      .AddGauge("prometheus_engine_queries_concurrent_max", "The max number of concurrent queries.",
                EngineLabels("prometheus"))
      .Set(max_concurrent);
  metrics.AddGauge("prometheus_engine_query_log_enabled", "State of the query log.",
                   EngineLabels("prometheus"));
  metrics.AddCounter("prometheus_engine_query_log_failures_total", "The number of query log failures.",
                     EngineLabels("prometheus"));
}

QueryMetrics::Running::Running(QueryMetrics& metrics, std::string_view engine) {
  const Engine& instruments = engine == "thanos" ? metrics.thanos_ : metrics.prometheus_;
  gauges_ = {instruments.prometheus_queries, instruments.thanos_queries};
  for (telemetry::Gauge* gauge : gauges_) {
    gauge->Add(1);
  }
  instruments.thanos_queries_total->Increment();
}

QueryMetrics::Running::~Running() {
  for (telemetry::Gauge* gauge : gauges_) {
    gauge->Add(-1);
  }
}

std::string QueryMetrics::TenantLabel(const std::string& tenant) {
  base::MutexLock lock(mutex_);
  if (tenants_.contains(tenant)) {
    return tenant;
  }
  if (tenants_.size() >= kMaxTenants) {
    return "other";
  }
  tenants_.insert(tenant);
  return tenant;
}

void QueryMetrics::ObserveResult(const promql::QueryStats& stats, base::Duration duration,
                                 const std::string& tenant) {
  samples_.Increment(static_cast<double>(stats.total_queryable_samples));
  metrics_
      .AddHistogram("thanos_store_api_query_duration_seconds",
                    "Duration of the Thanos Store API select phase for a query.", bounds_.seconds,
                    {{"samples_le", BoundOf(bounds_.samples, stats.samples_decoded)},
                     {"series_le", BoundOf(bounds_.series, stats.series_selected)},
                     {"tenant", TenantLabel(tenant)}})
      .Observe(base::ToSeconds(duration));
}

}  // namespace thanos::query
