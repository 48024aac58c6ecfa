#pragma once

// Range functions over series with native histograms. The float samples of a window and its histograms are
// apart; a window may have both.

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "chunkenc/chunk.h"
#include "promql/functions/range.h"
#include "promql/histogram/column.h"
#include "promql/windows.h"

namespace thanos::promql {

// The histograms of one series, oldest first, without stale markers.
struct HistogramSamples {
  std::vector<int64_t> timestamps;
  std::vector<HistogramPtr> values;

  void Clear();
};

// Moves the histograms out of `columns`, which keeps the floats.
void SplitHistograms(chunkenc::SampleColumns& columns, HistogramSamples* out);

// The instant selector over a series with histograms: `out` and `out_histograms` (both of times.num_steps
// entries) receive the newest sample in (reference - lookback, reference] of each step unless it is a stale
// marker. Moves the histograms out of `columns`. Returns how many steps have one.
size_t FillInstantMixed(chunkenc::SampleColumns& columns, const ReferenceTimes& times, int64_t lookback_ms,
                        std::span<double> out, HistogramRow& out_histograms);
// The times of all samples but stale markers, for timestamp(): makes FillInstantTimestamps see histograms.
void MarkHistogramsPresent(chunkenc::SampleColumns& columns);

struct HistogramRangeInput {
  std::string_view function;
  const RangeInput& floats;
  const HistogramSamples& histograms;
  const Windows& windows;  // of the histograms
  std::string_view metric_name;
  int position = kNoPosition;  // of annotations
};

// Rewrites `out`, which holds what the function makes of the floats alone, and sets `out_histograms` for the
// windows with histograms. The row stays empty when no result is a histogram.
void ApplyHistogramRange(const HistogramRangeInput& input, std::span<double> out,
                         HistogramRow& out_histograms);
// The same for a row of a subquery, whose steps are those of `inner`.
void ApplyHistogramRange(std::string_view function, const RangeInput& floats, const StepGrid& inner,
                         std::span<const HistogramPtr> row, std::string_view metric_name,
                         std::span<double> out, HistogramRow& out_histograms);

}  // namespace thanos::promql
