#pragma once

// Runs scripts in the language of Prometheus' promqltest: load, clear, eval instant, eval range, with
// expectations. See tests/promql/README.md for the parts understood.

#include <string>
#include <string_view>
#include <vector>

#include "promql/engine.h"
#include "promql/test_histogram.h"
#include "promql/test_source.h"

namespace thanos::promql {

struct ScriptReport {
  int evaluations = 0;
  std::vector<std::string> failures;  // "line 12: query: what differs"
};

// Never throws away a failure: lines it cannot read are failures, too.
ScriptReport RunScript(std::string_view script, const Engine& engine);

// Test notation of one series' values: "1 2 _ stale 0+10x5 3x2 NaN -Inf {{count:1}}"; kAbsent for "_".
base::StatusOr<std::vector<TestSample>> ParseValues(std::string_view text);

}  // namespace thanos::promql
