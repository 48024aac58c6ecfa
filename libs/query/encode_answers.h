#pragma once

// The JSON of "data" in the answers of rules, alerts, targets, metadata, query_exemplars and status/tsdb.

#include <string>
#include <vector>

#include "storeapi/apis.h"

namespace thanos::query {

std::string EncodeRules(const std::vector<::thanos::RuleGroup>& groups);
// The alerts of all alerting rules.
std::string EncodeAlerts(const std::vector<::thanos::RuleGroup>& groups);
std::string EncodeTargets(const ::thanos::TargetDiscovery& targets);
// At most `limit` metrics, by name; a negative limit is none.
std::string EncodeMetadata(const ::thanos::MetricMetadata& metadata, int64_t limit);
std::string EncodeExemplars(const std::vector<::thanos::ExemplarData>& data);
std::string EncodeStatistics(const ::thanos::TSDBStatisticsEntry& statistics);

// RFC 3339 in UTC with as many digits of the second as needed; the zero time of Go for times beyond the years
// 1 to 9999.
std::string FormatTime(const google::protobuf::Timestamp& time);

}  // namespace thanos::query
