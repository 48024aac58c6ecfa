#pragma once

// What the querier counts about the queries it evaluates.

#include <array>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "promql/result.h"
#include "query/encode_result.h"
#include "telemetry/metrics.h"

namespace thanos::query {

// Bounds of thanos_store_api_query_duration_seconds: of the durations, and of the samples and series that
// label it.
struct QueryTelemetryBounds {
  std::vector<double> seconds = {0.1, 0.25, 0.75, 1.25, 1.75, 2.5, 3, 5, 10};
  std::vector<double> samples = {100, 1000, 10000, 100000, 1000000};
  std::vector<double> series = {10, 100, 1000, 10000, 100000};
};

// Thread-safe.
class QueryMetrics {
 public:
  // `mode` is the value of that label: "local" or "distributed".
  QueryMetrics(int max_concurrent, QueryTelemetryBounds bounds, const std::string& mode,
               telemetry::Registry& metrics);

  // A query inside the engine named `engine` ("prometheus" or "thanos").
  class Running {
   public:
    Running(QueryMetrics& metrics, std::string_view engine);
    ~Running();
    Running(const Running&) = delete;
    Running& operator=(const Running&) = delete;

   private:
    std::array<telemetry::Gauge*, 2> gauges_;
  };

  void ObserveTimings(const QueryTimings& timings);
  void ObserveResult(const promql::QueryStats& stats, base::Duration duration, const std::string& tenant);

 private:
  struct Engine {
    telemetry::Gauge* prometheus_queries = nullptr;
    telemetry::Gauge* thanos_queries = nullptr;
    telemetry::Counter* thanos_queries_total = nullptr;
  };

  const QueryTelemetryBounds bounds_;
  telemetry::Registry& metrics_;
  Engine prometheus_;
  Engine thanos_;
  telemetry::Counter& samples_;
  telemetry::Summary& queue_seconds_;
  telemetry::Summary& prepare_seconds_;
  telemetry::Summary& evaluation_seconds_;
  telemetry::Summary& sort_seconds_;

  // Tenants come from request headers: beyond a limit they share one label value.
  std::string TenantLabel(const std::string& tenant);
  base::Mutex mutex_;
  std::set<std::string> tenants_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace thanos::query
