#pragma once

// Native histograms beside columns of floats. A series without histograms has none of this; a step with a
// histogram has kAbsent in the float column, so that code for floats passes it by.

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "model/histogram.h"

namespace thanos::promql {

// Shared, because one sample is seen by several steps and results.
using HistogramPtr = std::shared_ptr<const model::Histogram>;
// The histograms of one series: one entry per step, null where a step has none; empty when no step has one.
using HistogramRow = std::vector<HistogramPtr>;

inline bool AnyPresent(std::span<const HistogramPtr> histograms) {
  for (const HistogramPtr& histogram : histograms) {
    if (histogram != nullptr) {
      return true;
    }
  }
  return false;
}

// What one histogram counts for in the sample budget, in units of samples of 16 bytes, as in Prometheus.
int64_t SampleWeight(const model::Histogram& histogram);
// The same for a row; entries that share a histogram with the one before count as one sample.
int64_t SampleWeight(std::span<const HistogramPtr> histograms);

// The histogram of a step, of a row that may be empty; null when there is none.
inline const model::Histogram* HistogramAt(std::span<const HistogramPtr> histograms, size_t step) {
  return histograms.empty() ? nullptr : histograms[step].get();
}

}  // namespace thanos::promql
