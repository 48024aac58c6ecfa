#pragma once

#include <cstdint>

#include "telemetry/metrics.h"

namespace thanos::compact::internal {

// Counters of the groups of one resolution.
struct ResolutionMetrics {
  telemetry::Counter& runs_started;
  telemetry::Counter& runs_completed;
  telemetry::Counter& compactions;
  telemetry::Counter& failures;
  telemetry::Counter& vertical;
};

class GroupMetrics {
 public:
  // `registry` must outlive this.
  explicit GroupMetrics(telemetry::Registry& registry);
  ResolutionMetrics For(int64_t resolution_ms) const;

  // Prometheus' metrics of its compactor, which Thanos exposes too.
  telemetry::Counter& tsdb_compactions;
  telemetry::Counter& tsdb_vertical_compactions;
  telemetry::Gauge& tsdb_populating_block;
  telemetry::Histogram& tsdb_duration;

 private:
  telemetry::Registry& registry_;
};

}  // namespace thanos::compact::internal
