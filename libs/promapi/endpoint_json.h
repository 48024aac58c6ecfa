#pragma once

// Decoding of Prometheus' rules, targets, metadata and exemplars into the messages of the endpoint services.
// Untrusted bytes: any text gives a value or DataLoss. Label sets come out sorted by name.

#include <string>
#include <vector>

#include "base/status.h"
#include "proto/thanos/exemplars.pb.h"
#include "proto/thanos/metadata.pb.h"
#include "proto/thanos/rules.pb.h"
#include "proto/thanos/targets.pb.h"

namespace thanos::promapi {

// data: {"groups": [{"name": .., "file": .., "rules": [..], ..}, ..]}.
base::StatusOr<std::vector<::thanos::RuleGroup>> DecodeRules(std::string body);
// data: {"activeTargets": [..], "droppedTargets": [..]}.
base::StatusOr<::thanos::TargetDiscovery> DecodeTargets(std::string body);
// data: {"<metric>": [{"type": .., "help": .., "unit": ..}, ..], ..}.
base::StatusOr<::thanos::MetricMetadata> DecodeMetadata(std::string body);
// data: [{"seriesLabels": {..}, "exemplars": [{"labels": {..}, "value": "..", "timestamp": ..}, ..]}, ..].
base::StatusOr<std::vector<::thanos::ExemplarData>> DecodeExemplars(std::string body);

}  // namespace thanos::promapi
