#pragma once

// Rule files: groups of recording and alerting rules in Prometheus' format, with Thanos' strategy for partial
// responses.

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"

namespace thanos::rules {

using TextPairs = std::vector<std::pair<std::string, std::string>>;

struct RuleSpec {
  std::string record{};  // exactly one of these is set
  std::string alert{};
  std::string expr{};
  int64_t for_ms = 0;
  int64_t keep_firing_for_ms = 0;
  TextPairs labels{};
  TextPairs annotations{};
  int line = 0;
};

// What a query that is short of a store's data means to the rules of a group.
enum class PartialResponse { kAbort, kWarn };

struct GroupSpec {
  std::string name{};
  int64_t interval_ms = 0;      // 0: the default of the process
  int64_t query_offset_ms = 0;  // evaluation looks back by this
  bool has_query_offset = false;
  int64_t limit = 0;   // alerts or series a rule may give; 0: any
  TextPairs labels{};  // of all rules
  std::vector<RuleSpec> rules{};
  PartialResponse partial_response = PartialResponse::kAbort;
};

struct RuleFile {
  std::vector<GroupSpec> groups;
  size_t num_rules() const;
};

// Keys are strict. InvalidArgument with everything that is wrong, one line per problem, each with its line in
// the file: unknown keys, groups without or with the same name, rules that are not one of both kinds,
// expressions that do not parse, names that are not possible. Expressions may use experimental functions.
base::StatusOr<RuleFile> ParseRuleFile(std::string_view yaml);

// Files that match `pattern` ('*', '?', '[...]'), sorted; empty when none does.
std::vector<std::string> ExpandPattern(const std::string& pattern);

}  // namespace thanos::rules
