#include "query/query_metrics.h"

#include <algorithm>

#include "base/strings.h"

namespace thanos::query {
namespace {

constexpr size_t kMaxTenants = 1000;

telemetry::MetricLabels EngineLabels(std::string_view engine, const std::string& mode) {
  return {{"engine", std::string(engine)}, {"mode", mode}};
}

telemetry::Summary& AddSlice(std::string slice, const std::string& mode, telemetry::Registry& metrics) {
  telemetry::MetricLabels metric_labels = EngineLabels("prometheus", mode);
  metric_labels.emplace_back("slice", std::move(slice));
  return metrics.AddSummary("prometheus_engine_query_duration_seconds", "Query timings", metric_labels);
}

// The smallest bound that is not below `value`, as a label value.
std::string BoundOf(const std::vector<double>& bounds, int64_t value) {
  const auto found = std::ranges::lower_bound(bounds, static_cast<double>(value));
  return found == bounds.end() ? "+Inf" : base::Concat(static_cast<int64_t>(*found));
}

}  // namespace

QueryMetrics::QueryMetrics(int max_concurrent, QueryTelemetryBounds bounds, const std::string& mode,
                           telemetry::Registry& metrics)
    : bounds_(std::move(bounds)),
      metrics_(metrics),
      samples_(metrics.AddCounter("prometheus_engine_query_samples_total",
                                  "The total number of samples loaded by all queries.",
                                  EngineLabels("prometheus", mode))),
      queue_seconds_(AddSlice("queue_time", mode, metrics)),
      prepare_seconds_(AddSlice("prepare_time", mode, metrics)),
      evaluation_seconds_(AddSlice("inner_eval", mode, metrics)),
      sort_seconds_(AddSlice("result_sort", mode, metrics)) {
  const auto make = [&](std::string_view engine) {
    return Engine{
        .prometheus_queries = &metrics.AddGauge("prometheus_engine_queries",
                                                "The current number of queries being executed or waiting.",
                                                EngineLabels(engine, mode)),
        .thanos_queries = &metrics.AddGauge("thanos_engine_queries", "Number of PromQL queries running.",
                                            EngineLabels(engine, mode)),
        .thanos_queries_total = &metrics.AddCounter("thanos_engine_queries_total",
                                                    "Number of PromQL queries.", EngineLabels(engine, mode))};
  };
  prometheus_ = make("prometheus");
  thanos_ = make("thanos");
  metrics
      .AddGauge("prometheus_engine_queries_concurrent_max", "The max number of concurrent queries.",
                EngineLabels("prometheus", mode))
      .Set(max_concurrent);
  metrics.AddGauge("prometheus_engine_query_log_enabled", "State of the query log.",
                   EngineLabels("prometheus", mode));
  metrics.AddCounter("prometheus_engine_query_log_failures_total", "The number of query log failures.",
                     EngineLabels("prometheus", mode));
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

void QueryMetrics::ObserveTimings(const QueryTimings& timings) {
  queue_seconds_.Observe(timings.queue_seconds);
  prepare_seconds_.Observe(timings.preparation_seconds);
  evaluation_seconds_.Observe(timings.evaluation_seconds);
  sort_seconds_.Observe(0);  // results are made in order
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
