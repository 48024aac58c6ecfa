#pragma once

// What an endpoint serves besides series: rules, targets, metric metadata, exemplars and TSDB statistics.
// These paths are cold, so the wire messages are used as they are. Free of gRPC headers.

#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/status.h"
#include "proto/thanos/exemplars.pb.h"
#include "proto/thanos/metadata.pb.h"
#include "proto/thanos/rules.pb.h"
#include "proto/thanos/status.pb.h"
#include "proto/thanos/targets.pb.h"

namespace thanos::storeapi {

struct RulesAnswer {
  std::vector<::thanos::RuleGroup> groups;
  std::vector<std::string> warnings;
};

struct TargetsAnswer {
  ::thanos::TargetDiscovery targets;
  std::vector<std::string> warnings;
};

struct MetadataAnswer {
  ::thanos::MetricMetadata metadata;
  std::vector<std::string> warnings;
};

struct ExemplarsAnswer {
  std::vector<::thanos::ExemplarData> data;
  std::vector<std::string> warnings;
};

struct StatisticsAnswer {
  ::thanos::TSDBStatistics statistics;
  std::vector<std::string> warnings;
};

// Thread-safe. A call that an implementation does not override is Unimplemented. Implementations: Prometheus
// behind a sidecar, the remote client, the querier's fan-in.
class EndpointApis {
 public:
  virtual ~EndpointApis() = default;
  virtual base::StatusOr<RulesAnswer> Rules(const base::CancelToken& cancel,
                                            const ::thanos::RulesRequest& request);
  virtual base::StatusOr<TargetsAnswer> Targets(const base::CancelToken& cancel,
                                                const ::thanos::TargetsRequest& request);
  virtual base::StatusOr<MetadataAnswer> Metadata(const base::CancelToken& cancel,
                                                  const ::thanos::MetricMetadataRequest& request);
  virtual base::StatusOr<ExemplarsAnswer> Exemplars(const base::CancelToken& cancel,
                                                    const ::thanos::ExemplarsRequest& request);
  virtual base::StatusOr<StatisticsAnswer> Statistics(const base::CancelToken& cancel,
                                                      const ::thanos::TSDBStatisticsRequest& request);
};

// How answers travel as a stream of frames: Append* adds one received frame to an answer, Split* is the
// reverse. A frame with neither content nor warning is skipped.
void Append(::thanos::RulesResponse frame, RulesAnswer* answer);
void Append(::thanos::TargetsResponse frame, TargetsAnswer* answer);
void Append(::thanos::MetricMetadataResponse frame, MetadataAnswer* answer);
void Append(::thanos::ExemplarsResponse frame, ExemplarsAnswer* answer);
void Append(::thanos::TSDBStatisticsResponse frame, StatisticsAnswer* answer);
std::vector<::thanos::RulesResponse> Split(RulesAnswer answer);
std::vector<::thanos::TargetsResponse> Split(TargetsAnswer answer);
std::vector<::thanos::MetricMetadataResponse> Split(MetadataAnswer answer);
std::vector<::thanos::ExemplarsResponse> Split(ExemplarsAnswer answer);
std::vector<::thanos::TSDBStatisticsResponse> Split(StatisticsAnswer answer);

// Adds to `metadata` what it does not have yet: metrics, and entries of metrics that differ.
void MergeMetadata(const ::thanos::MetricMetadata& from, ::thanos::MetricMetadata* metadata);
// Adds the numbers of `from` to the same tenant of `statistics`. Heads' time ranges are united.
void MergeStatistics(const ::thanos::TSDBStatistics& from, ::thanos::TSDBStatistics* statistics);

}  // namespace thanos::storeapi
