#include "promql/histogram/rate.h"

#include <algorithm>
#include <utility>

#include "model/histogram_math.h"
#include "promql/histogram/notes.h"

namespace thanos::promql::internal {
namespace {

using model::CounterResetHint;
using model::Histogram;

bool IsGauge(const Histogram& histogram) {
  return histogram.counter_reset_hint == CounterResetHint::kGauge;
}

void Annotate(const HistogramWindow& window, const model::CombineNotes& met, std::string_view operation,
              Annotations& annotations) {
  if (met.bounds_reconciled) {
    notes::BoundsReconciled(annotations, operation, window.position);
  }
}

// Warns when the histograms are not of the kind the function is for.
void CheckHints(const HistogramWindow& window, bool counter, Annotations& annotations) {
  if (!counter) {
    if (!IsGauge(window.at(0)) || !IsGauge(window.at(window.size() - 1))) {
      notes::NotGauge(annotations, window.metric_name, window.position);
    }
    return;
  }
  for (uint32_t i = 0; i < window.size(); ++i) {
    if (IsGauge(window.at(i))) {
      notes::NotCounter(annotations, window.metric_name, window.position);
      return;
    }
  }
}

// The last histogram minus the first one, in the coarsest schema met on the way; a counter also gets back
// what it had before each restart. Null when exponential and custom buckets mix.
std::unique_ptr<Histogram> Difference(const HistogramWindow& window, bool counter, Annotations& annotations) {
  const uint32_t last = window.size() - 1;
  // When the counter restarts right after the first sample, that one has no part in the result.
  const bool skip_first = counter && window.IsReset(1);
  const uint32_t first = skip_first ? 1 : 0;
  const bool custom = window.at(first).uses_custom_buckets();
  int32_t schema = std::min(window.at(first).schema, window.at(last).schema);
  bool compatible = window.at(last).uses_custom_buckets() == custom;
  for (uint32_t i = 1; counter && i < last; ++i) {
    schema = std::min(schema, window.at(i).schema);
    compatible = compatible && window.at(i).uses_custom_buckets() == custom;
  }
  if (!compatible) {
    notes::MixedExponentialAndCustom(annotations, window.metric_name, window.position);
    return nullptr;
  }
  auto result = std::make_unique<Histogram>(window.at(last));
  model::ReduceResolution(*result, schema);
  if (!skip_first) {
    Annotate(window, model::Subtract(*result, window.at(0)), notes::kSubtraction, annotations);
  }
  for (uint32_t i = 1; counter && i <= last; ++i) {
    if (i == 1 && skip_first) {
      continue;
    }
    if (window.IsReset(i)) {
      Annotate(window, model::Add(*result, window.at(i - 1)), notes::kAddition, annotations);
    }
  }
  model::Compact(*result);
  result->is_float = true;
  result->counter_reset_hint = CounterResetHint::kGauge;
  return result;
}

}  // namespace

bool ResetFlags::At(size_t i) {
  if (flags_[i] == kUnknown) {
    flags_[i] = model::DetectReset(*histograms_[i - 1], *histograms_[i]) ? 1 : 0;
  }
  return flags_[i] != 0;
}

HistogramPtr ExtrapolatedHistogram(const HistogramWindow& window, bool counter, bool per_second,
                                   Annotations& annotations) {
  if (window.size() < 2) {
    return nullptr;
  }
  const uint32_t last = window.size() - 1;
  CheckHints(window, counter, annotations);
  std::unique_ptr<Histogram> result = Difference(window, counter, annotations);
  if (result == nullptr) {
    return nullptr;
  }
  // As for floats: stretched to a boundary that is near, else by half a spacing, and not below zero.
  double to_start = static_cast<double>(window.time(0) - (window.end_ms() - window.range_ms())) / 1000;
  double to_end = static_cast<double>(window.end_ms() - window.time(last)) / 1000;
  const double sampled = static_cast<double>(window.time(last) - window.time(0)) / 1000;
  const double spacing = sampled / last;
  const double threshold = spacing * 1.1;
  if (to_start >= threshold) {
    to_start = spacing / 2;
  }
  if (counter && result->count > 0 && window.at(0).count >= 0) {
    to_start = std::min(to_start, sampled * (window.at(0).count / result->count));
  }
  if (to_end >= threshold) {
    to_end = spacing / 2;
  }
  double factor = (sampled + to_start + to_end) / sampled;
  if (per_second) {
    factor /= static_cast<double>(window.range_ms()) / 1000;
  }
  model::Multiply(*result, factor);
  return HistogramPtr(std::move(result));
}

bool LastTwoAreFloats(const HistogramWindow& window) {
  const uint32_t floats = window.num_floats();
  return floats > 1 && window.float_time(floats - 2) > window.time(window.size() - 1);
}

HistogramPtr LastTwoHistograms(const HistogramWindow& window, bool per_second, Annotations& annotations) {
  const uint32_t count = window.size();
  const uint32_t floats = window.num_floats();
  if (floats + count < 2) {
    return nullptr;
  }
  if (count < 2 || (floats > 0 && window.float_time(floats - 1) > window.time(count - 2))) {
    notes::MixedFloatsAndHistograms(annotations, window.metric_name, window.position);
    return nullptr;
  }
  const Histogram& previous = window.at(count - 2);
  const Histogram& last = window.at(count - 1);
  if (per_second && (IsGauge(previous) || IsGauge(last))) {
    notes::NotCounter(annotations, window.metric_name, window.position);
  }
  if (!per_second && (!IsGauge(previous) || !IsGauge(last))) {
    notes::NotGauge(annotations, window.metric_name, window.position);
  }
  auto result = std::make_unique<Histogram>(last);
  if (!per_second || !window.IsReset(count - 1)) {
    const model::CombineNotes met = model::Subtract(*result, previous);
    if (!met.compatible) {
      notes::MixedExponentialAndCustom(annotations, window.metric_name, window.position);
      return nullptr;
    }
    Annotate(window, met, notes::kSubtraction, annotations);
  }
  result->counter_reset_hint = CounterResetHint::kGauge;
  model::Compact(*result);
  if (per_second) {
    model::Divide(*result, static_cast<double>(window.time(count - 1) - window.time(count - 2)) / 1000);
  }
  return HistogramPtr(std::move(result));
}

}  // namespace thanos::promql::internal
