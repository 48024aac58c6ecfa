#pragma once

// State of one running query, shared by its evaluators and scans.

#include <cstdint>
#include <span>
#include <vector>

#include "base/cancel.h"
#include "promql/annotations.h"
#include "promql/block.h"
#include "promql/engine.h"
#include "promql/plan.h"
#include "promql/selections.h"

namespace thanos::promql {

struct QueryContext {
  const EngineOptions& options;
  const Plan& plan;
  Selections& selections;
  base::CancelToken cancel;
  // What start(), end(), range() and step() tell; the step of instant queries is 0.
  int64_t query_start_ms = 0;
  int64_t query_end_ms = 0;
  int64_t query_step_ms = 0;
  StepGrid grid;  // of the query
  int64_t lookback_ms = 0;
  int num_shards = 1;
  SampleBudget budget;
  // Touched by the query's own thread only.
  Annotations annotations;
  int64_t total_queryable_samples = 0;
  std::vector<int64_t> samples_per_step = {};  // empty unless asked for
  int64_t series_selected = 0;
  int64_t samples_decoded = 0;

  // Counts samples read at the steps of `steps`: those of the query, one that stands for all, or those of a
  // subquery, which count for the last step. `per_step` may be empty.
  void CountSamples(const StepGrid& steps, int64_t total, std::span<const int64_t> per_step);
};

// What operators and functions over blocks need of the query they belong to.
struct EvaluationScope {
  SampleBudget& budget;
  Annotations& annotations;
  base::CancelToken cancel;
  bool delayed_name_removal = false;
  int position = kNoPosition;  // of annotations
};

}  // namespace thanos::promql
