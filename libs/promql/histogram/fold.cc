#include "promql/histogram/fold.h"

#include <utility>

#include "model/histogram_math.h"
#include "promql/histogram/notes.h"

namespace thanos::promql {

base::Status HistogramFold::AddTo(Cell& cell, const model::Histogram& histogram, double count,
                                  std::string_view metric_name, Annotations& annotations) {
  cell.count += count;
  if (cell.incompatible) {
    return base::OkStatus();
  }
  if (cell.sum == nullptr) {
    TH_RETURN_IF_ERROR(charge_.Add(budget_, SampleWeight(histogram)));
    cell.sum = std::make_unique<model::Histogram>(histogram);
    return base::OkStatus();
  }
  const model::CombineNotes met = model::Add(*cell.sum, histogram);
  if (!met.compatible) {
    notes::MixedExponentialAndCustom(annotations, metric_name, position_);
    cell.incompatible = true;
  }
  if (met.bounds_reconciled) {
    notes::BoundsReconciled(annotations, notes::kAggregation, position_);
  }
  return base::OkStatus();
}

base::Status HistogramFold::Add(std::span<const HistogramPtr> histograms, std::string_view metric_name,
                                Annotations& annotations) {
  for (size_t step = 0; step < histograms.size(); ++step) {
    if (histograms[step] == nullptr) {
      continue;
    }
    Cell& cell = cells_[step];
    const model::CounterResetHint hint = histograms[step]->counter_reset_hint;
    cell.reset_seen |= hint == model::CounterResetHint::kReset;
    cell.no_reset_seen |= hint == model::CounterResetHint::kNotReset;
    TH_RETURN_IF_ERROR(AddTo(cell, *histograms[step], 1, metric_name, annotations));
  }
  return base::OkStatus();
}

base::Status HistogramFold::Merge(const HistogramFold& other, Annotations& annotations) {
  for (size_t step = 0; step < cells_.size(); ++step) {
    const Cell& from = other.cells_[step];
    if (from.count == 0) {
      continue;
    }
    Cell& into = cells_[step];
    into.reset_seen |= from.reset_seen;
    into.no_reset_seen |= from.no_reset_seen;
    into.incompatible |= from.incompatible;
    TH_RETURN_IF_ERROR(AddTo(into, *from.sum, from.count, "", annotations));
  }
  return base::OkStatus();
}

HistogramRow HistogramFold::Finish(bool average, std::span<double> float_results, Annotations& annotations) {
  HistogramRow row(cells_.size());
  bool any = false;
  for (size_t step = 0; step < cells_.size(); ++step) {
    Cell& cell = cells_[step];
    if (cell.count == 0) {
      continue;
    }
    if (IsPresent(float_results[step])) {
      notes::MixedFloatsAndHistogramsInAggregation(annotations, position_);
      float_results[step] = kAbsent;
      continue;
    }
    if (cell.incompatible) {
      continue;
    }
    if (cell.reset_seen && cell.no_reset_seen) {
      notes::ResetCollision(annotations, notes::kAggregation, position_);
    }
    if (average) {
      model::Divide(*cell.sum, cell.count);
    }
    model::Compact(*cell.sum);
    row[step] = std::shared_ptr<const model::Histogram>(std::move(cell.sum));
    any = true;
  }
  return any ? std::move(row) : HistogramRow();
}

}  // namespace thanos::promql
