#pragma once

// From what all endpoints answered to what a user sees: replicas merged, sorted, filtered.

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "labels/matcher.h"
#include "storeapi/apis.h"

namespace thanos::query {

// Empty: everything.
struct RulesFilter {
  std::set<std::string> rule_names = {};
  std::set<std::string> rule_groups = {};
  std::set<std::string> files = {};
  // A rule is kept when all matchers of one set accept its labels; labels with templates do not count.
  std::vector<std::vector<labels::Matcher>> matchers = {};
};

// Groups of equal file and name become one. Replica labels are removed; of rules that are then equal the one
// in the worse alert state stays, else the one evaluated last. Groups without rules are dropped.
std::vector<::thanos::RuleGroup> MergeRules(std::vector<::thanos::RuleGroup> groups,
                                            const std::vector<std::string>& replica_labels,
                                            const RulesFilter& filter);

// Of targets that are equal without replica labels a failing one stays, else the one scraped last.
::thanos::TargetDiscovery MergeTargets(::thanos::TargetDiscovery targets,
                                       const std::vector<std::string>& replica_labels);

// Series that are equal without replica labels become one; equal exemplars occur once, oldest first.
std::vector<::thanos::ExemplarData> MergeExemplars(std::vector<::thanos::ExemplarData> data,
                                                   const std::vector<std::string>& replica_labels);

// The sum over `tenant`, or over all tenants when it is empty, with the `limit` largest entries of each list.
::thanos::TSDBStatisticsEntry SumOfTenants(const ::thanos::TSDBStatistics& statistics,
                                           const std::string& tenant, size_t limit);

}  // namespace thanos::query
