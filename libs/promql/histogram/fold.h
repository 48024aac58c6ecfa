#pragma once

// sum and avg of native histograms: what a group of a streaming aggregation keeps beside its floats once it
// has met a histogram.

#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "promql/annotations.h"
#include "promql/block.h"
#include "promql/histogram/column.h"

namespace thanos::promql {

// One group. Not thread-safe.
class HistogramFold {
 public:
  // `position` is that of annotations.
  HistogramFold(size_t num_steps, SampleBudget& budget, int position)
      : cells_(num_steps), budget_(budget), position_(position) {}

  // ResourceExhausted: the budget. `metric_name` is for annotations.
  base::Status Add(std::span<const HistogramPtr> histograms, std::string_view metric_name,
                   Annotations& annotations);
  // Adds what `other` has folded, as if it came later.
  base::Status Merge(const HistogramFold& other, Annotations& annotations);
  // The results, with counts divided out for `average`. Where there were floats as well, or histograms that
  // do not go together, there is none, and the float result becomes absent, too.
  HistogramRow Finish(bool average, std::span<double> float_results, Annotations& annotations);

 private:
  struct Cell {
    std::unique_ptr<model::Histogram> sum;
    double count = 0;
    bool incompatible = false;
    bool reset_seen = false;
    bool no_reset_seen = false;
  };
  base::Status AddTo(Cell& cell, const model::Histogram& histogram, double count,
                     std::string_view metric_name, Annotations& annotations);

  std::vector<Cell> cells_;
  SampleBudget& budget_;
  const int position_;
  SampleCharge charge_;
};

}  // namespace thanos::promql
