#pragma once

// State of one running query, shared by its evaluators and scans.

#include <atomic>
#include <cstdint>

#include "base/cancel.h"
#include "promql/annotations.h"
#include "promql/block.h"
#include "promql/engine.h"
#include "promql/plan.h"
#include "promql/series_source.h"

namespace thanos::promql {

struct QueryContext {
  const EngineOptions& options;
  const Plan& plan;
  SeriesSource& source;
  base::CancelToken cancel;
  int64_t lookback_ms = 0;
  int num_shards = 1;
  SampleBudget budget;
  // Touched by the query's own thread only.
  Annotations annotations;
  int64_t total_queryable_samples = 0;
  int64_t series_selected = 0;
  int64_t samples_decoded = 0;
};

}  // namespace thanos::promql
