#pragma once

// The sharded scan: select -> decode -> selector or range function -> element-wise stages -> sink, one series
// at a time. Series are dealt to shards in fixed runs by their position in the selection, each shard sees its
// series in order, and sinks are combined in shard order: the answer does not depend on timing.

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/status.h"
#include "labels/labels.h"
#include "promql/functions/element.h"
#include "promql/functions/range.h"
#include "promql/functions/table.h"
#include "promql/histogram/element.h"
#include "promql/histogram/range.h"
#include "promql/query_context.h"
#include "promql/step_grid.h"
#include "promql/windows.h"

namespace thanos::promql {

// One element-wise step with its scalar arguments, a column of one value per step each.
struct Stage {
  ElementKernel kernel = nullptr;
  std::vector<std::vector<double>> scalars;
  HistogramStep histograms = {};
};

// What happens to each series of one selector.
struct Pipeline {
  const promql_parser::VectorSelector* selector = nullptr;
  StepGrid grid;
  ReferenceTimes times;
  int64_t range_ms = 0;                       // 0: instant selector
  const FunctionEntry* function = nullptr;    // of range selectors
  RangeKernel kernel = nullptr;               // of range selectors; usually function->range
  const promql_parser::Call* call = nullptr;  // the call of `function`, null where there is none
  // How far outside its window (the lookback of instant selectors) a step may look.
  int64_t before_ms = 0;
  int64_t after_ms = 0;
  promql_parser::WindowMode window_mode = promql_parser::WindowMode::kPlain;
  // Of a selector that is not part of the plan.
  std::optional<SelectHints> hints = {};
  std::vector<std::vector<double>> scalars;  // of `function`
  bool sample_times = false;                 // timestamp(selector)
  std::vector<Stage> stages;
  bool drop_name = false;
  // With delayed name removal, in place of drop_name: the name is only marked.
  bool mark_name_dropped = false;
  // Equal label sets are an error even when their samples do not overlap in time.
  bool labels_must_be_unique = false;

  // True when dropping the name cannot make two series equal.
  bool KeepsSeriesApart() const;
};

// Receives the series of one shard, in order. Not thread-safe.
class SeriesSink {
 public:
  virtual ~SeriesSink() = default;
  // `position` is the series' place in the selection. `labels`, `values` (one per step) and `histograms` (one
  // per step, or none) are valid during the call; some step has a sample.
  virtual base::Status Add(uint64_t position, labels::LabelSpan labels, std::span<const double> values,
                           std::span<const HistogramPtr> histograms) = 0;
};

// Runs `pipeline` with one sink per shard. Updates statistics and annotations of `context`.
base::Status RunScan(QueryContext& context, const Pipeline& pipeline, std::span<SeriesSink* const> sinks);

// The whole result of `pipeline`, in selection order.
base::StatusOr<Block> ScanToBlock(QueryContext& context, const Pipeline& pipeline);

// Decodes each series of `selector` within the hints' time range, one by one on the calling thread: for
// queries whose answer is the samples themselves. Stale markers are removed.
class RawSeriesSink {
 public:
  virtual ~RawSeriesSink() = default;
  virtual base::Status Add(labels::LabelSpan labels, std::vector<int64_t>& timestamps,
                           std::vector<double>& values, HistogramSamples& histograms) = 0;
};
base::Status ScanRaw(QueryContext& context, const promql_parser::VectorSelector& selector, int64_t min_ms,
                     int64_t max_ms, RawSeriesSink& sink);

}  // namespace thanos::promql
