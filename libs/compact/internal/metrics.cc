#include "compact/internal/metrics.h"

#include "base/strings.h"

namespace thanos::compact::internal {

GroupMetrics::GroupMetrics(telemetry::Registry& registry)
    : tsdb_compactions(
          registry.AddCounter("prometheus_tsdb_compactions_total",
                              "Total number of compactions that were executed for the partition.")),
      tsdb_vertical_compactions(
          registry.AddCounter("prometheus_tsdb_vertical_compactions_total",
                              "Total number of compactions done on overlapping blocks.")),
      tsdb_populating_block(
          registry.AddGauge("prometheus_tsdb_compaction_populating_block",
                            "Set to 1 when a block is currently being written to the disk.")),
      tsdb_duration(registry.AddHistogram("prometheus_tsdb_compaction_duration_seconds",
                                          "Duration of compaction runs",
                                          telemetry::ExponentialBounds(1, 2, 14))),
      registry_(registry) {}

ResolutionMetrics GroupMetrics::For(int64_t resolution_ms) const {
  const telemetry::MetricLabels labels = {{"resolution", base::Concat(resolution_ms)}};
  return {
      registry_.AddCounter("thanos_compact_group_compaction_runs_started_total",
                           "Total number of group compaction attempts.", labels),
      registry_.AddCounter(
          "thanos_compact_group_compaction_runs_completed_total",
          "Total number of group completed compaction runs. This also includes compactor group "
          "runs that resulted with no compaction.",
          labels),
      registry_.AddCounter("thanos_compact_group_compactions_total",
                           "Total number of group compaction attempts that resulted in a new block.", labels),
      registry_.AddCounter("thanos_compact_group_compactions_failures_total",
                           "Total number of failed group compactions.", labels),
      registry_.AddCounter("thanos_compact_group_vertical_compactions_total",
                           "Total number of group compaction attempts that resulted in a new block based on "
                           "overlapping blocks.",
                           labels),
  };
}

}  // namespace thanos::compact::internal
