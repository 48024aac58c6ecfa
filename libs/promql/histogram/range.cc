#include "promql/histogram/range.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "model/histogram_math.h"
#include "promql/block.h"
#include "promql/histogram/notes.h"
#include "promql/histogram/rate.h"

namespace thanos::promql {
namespace {

using internal::HistogramWindow;

HistogramPtr Share(model::Histogram histogram) {
  return std::make_shared<const model::Histogram>(std::move(histogram));
}

// Hints compare a sample with the one scraped before it. Steps of a subquery skip samples: hints of counters
// then say nothing.
HistogramPtr WithoutHint(const HistogramPtr& histogram) {
  if (histogram->counter_reset_hint == model::CounterResetHint::kUnknown ||
      histogram->counter_reset_hint == model::CounterResetHint::kGauge) {
    return histogram;
  }
  model::Histogram copy = *histogram;
  copy.counter_reset_hint = model::CounterResetHint::kUnknown;
  return Share(std::move(copy));
}

// Prometheus knows no position for a subquery it has evaluated.
int PositionOver(const RangeInput& subquery) {
  return subquery.call->args[0]->type() == promql_parser::ValueType::kMatrix ? 0
                                                                             : subquery.ArgumentPosition(0);
}

// What one window gives: a histogram, a float, or neither.
struct Outcome {
  HistogramPtr histogram;
  double value = kAbsent;
};

Outcome OfFloat(double value) {
  return {nullptr, value};
}

// sum_over_time, avg_over_time
Outcome Sum(const HistogramWindow& window, bool average, Annotations& annotations) {
  bool reset_seen = false;
  bool no_reset_seen = false;
  bool reconciled = false;
  model::Histogram sum = window.at(0);
  for (uint32_t i = 0; i < window.size(); ++i) {
    const model::Histogram& histogram = window.at(i);
    reset_seen |= histogram.counter_reset_hint == model::CounterResetHint::kReset;
    no_reset_seen |= histogram.counter_reset_hint == model::CounterResetHint::kNotReset;
    if (i == 0) {
      continue;
    }
    const model::CombineNotes met = model::Add(sum, histogram);
    if (!met.compatible) {
      notes::MixedExponentialAndCustom(annotations, window.metric_name, window.position);
      return {};
    }
    reconciled |= met.bounds_reconciled;
  }
  if (reset_seen && no_reset_seen) {
    notes::ResetCollision(annotations, notes::kAggregation, window.position);
  }
  if (reconciled) {
    notes::BoundsReconciled(annotations, notes::kAggregation, window.position);
  }
  if (average) {
    model::Divide(sum, window.size());
  }
  return {Share(std::move(sum)), kAbsent};
}

// Counts the pairs of neighbours, of either kind, for which a change or reset is seen.
template <typename FloatDiffers, typename HistogramDiffers>
Outcome CountTransitions(const HistogramWindow& window, FloatDiffers float_differs,
                         HistogramDiffers histogram_differs) {
  uint32_t next_float = 0;
  uint32_t next_histogram = 0;
  bool first = true;
  bool last_was_float = false;
  double count = 0;
  while (next_float < window.num_floats() || next_histogram < window.size()) {
    const bool is_float =
        next_histogram == window.size() ||
        (next_float < window.num_floats() && window.float_time(next_float) < window.time(next_histogram));
    bool differs = !first && is_float != last_was_float;
    if (!first && !differs) {
      differs = is_float ? float_differs(window.float_value(next_float - 1), window.float_value(next_float))
                         : histogram_differs(next_histogram);
    }
    count += differs ? 1 : 0;
    ++(is_float ? next_float : next_histogram);
    last_was_float = is_float;
    first = false;
  }
  return OfFloat(count);
}

Outcome Changes(const HistogramWindow& window) {
  return CountTransitions(
      window,
      [](double before, double now) { return now != before && !(std::isnan(now) && std::isnan(before)); },
      [&](uint32_t i) { return !model::SameData(window.at(i), window.at(i - 1)); });
}

Outcome Resets(const HistogramWindow& window) {
  return CountTransitions(
      window, [](double before, double now) { return now < before; },
      [&](uint32_t i) { return window.IsReset(i); });
}

// The first or last sample, of either kind.
Outcome EndOfWindow(const HistogramWindow& window, bool last) {
  const uint32_t histogram = last ? window.size() - 1 : 0;
  const uint32_t number = window.num_floats();
  if (number > 0) {
    const int64_t float_time = window.float_time(last ? number - 1 : 0);
    if (last ? float_time > window.time(histogram) : float_time < window.time(histogram)) {
      return OfFloat(window.float_value(last ? number - 1 : 0));
    }
  }
  return {window.pointer(histogram), kAbsent};
}

Outcome TimeOfEnd(const HistogramWindow& window, bool last) {
  int64_t time = window.time(last ? window.size() - 1 : 0);
  if (window.num_floats() > 0) {
    time = last ? std::max(time, window.float_time(window.num_floats() - 1))
                : std::min(time, window.float_time(0));
  }
  return OfFloat(static_cast<double>(time) / 1000);
}

enum class Kind : uint8_t {
  kRate,
  kIncrease,
  kDelta,
  kIrate,
  kIdelta,
  kSum,
  kAverage,
  kCount,
  kPresent,
  kFirst,
  kLast,
  kTimeOfFirst,
  kTimeOfLast,
  kChanges,
  kResets,
  kFloatsOnly,
};

struct Entry {
  std::string_view name;
  Kind kind;
};
constexpr Entry kEntries[] = {
    {"rate", Kind::kRate},
    {"increase", Kind::kIncrease},
    {"delta", Kind::kDelta},
    {"irate", Kind::kIrate},
    {"idelta", Kind::kIdelta},
    {"sum_over_time", Kind::kSum},
    {"avg_over_time", Kind::kAverage},
    {"count_over_time", Kind::kCount},
    {"present_over_time", Kind::kPresent},
    {"first_over_time", Kind::kFirst},
    {"last_over_time", Kind::kLast},
    {"ts_of_first_over_time", Kind::kTimeOfFirst},
    {"ts_of_last_over_time", Kind::kTimeOfLast},
    {"changes", Kind::kChanges},
    {"resets", Kind::kResets},
};

Kind KindOf(std::string_view function) {
  const auto* const entry = std::ranges::find(kEntries, function, &Entry::name);
  return entry == std::end(kEntries) ? Kind::kFloatsOnly : entry->kind;
}

// The result of a window with at least one histogram; `float_result` is that of its floats.
Outcome Evaluate(Kind kind, const HistogramWindow& window, double float_result, Annotations& annotations) {
  const bool mixed = window.num_floats() > 0;
  switch (kind) {
    case Kind::kRate:
    case Kind::kIncrease:
    case Kind::kDelta:
    case Kind::kSum:
    case Kind::kAverage:
      if (mixed) {
        notes::MixedFloatsAndHistograms(annotations, window.metric_name, window.position);
        return {};
      }
      if (kind == Kind::kSum || kind == Kind::kAverage) {
        return Sum(window, kind == Kind::kAverage, annotations);
      }
      return {internal::ExtrapolatedHistogram(window, kind != Kind::kDelta, kind == Kind::kRate, annotations),
              kAbsent};
    case Kind::kIrate:
    case Kind::kIdelta:
      if (internal::LastTwoAreFloats(window)) {
        return OfFloat(float_result);
      }
      return {internal::LastTwoHistograms(window, kind == Kind::kIrate, annotations), kAbsent};
    case Kind::kCount:
      return OfFloat(window.num_floats() + window.size());
    case Kind::kPresent:
      return OfFloat(1);
    case Kind::kFirst:
    case Kind::kLast:
      return EndOfWindow(window, kind == Kind::kLast);
    case Kind::kTimeOfFirst:
    case Kind::kTimeOfLast:
      return TimeOfEnd(window, kind == Kind::kTimeOfLast);
    case Kind::kChanges:
      return Changes(window);
    case Kind::kResets:
      return Resets(window);
    case Kind::kFloatsOnly:
      if (mixed) {
        notes::IgnoredInMixedRange(annotations, window.metric_name, window.position);
      }
      return OfFloat(float_result);
  }
  return {};
}

}  // namespace

void HistogramSamples::Clear() {
  timestamps.clear();
  values.clear();
}

void SplitHistograms(chunkenc::SampleColumns& columns, HistogramSamples* out) {
  out->Clear();
  size_t kept = 0;
  size_t next = 0;
  for (chunkenc::SampleColumns::HistogramAt& at : columns.histograms) {
    for (; next < at.index; ++next, ++kept) {
      columns.timestamps[kept] = columns.timestamps[next];
      columns.values[kept] = columns.values[next];
    }
    if (!model::IsStale(at.value)) {
      out->timestamps.push_back(columns.timestamps[at.index]);
      out->values.push_back(Share(std::move(at.value)));
    }
    next = at.index + 1;
  }
  for (; next < columns.timestamps.size(); ++next, ++kept) {
    columns.timestamps[kept] = columns.timestamps[next];
    columns.values[kept] = columns.values[next];
  }
  columns.timestamps.resize(kept);
  columns.values.resize(kept);
  columns.histograms.clear();
}

size_t FillInstantMixed(chunkenc::SampleColumns& columns, const ReferenceTimes& times, int64_t lookback_ms,
                        std::span<double> out, HistogramRow& out_histograms) {
  Windows windows;
  windows.Compute(columns.timestamps, times, lookback_ms);
  auto histogram = columns.histograms.begin();
  HistogramPtr shared;  // of the sample at `shared_index`
  size_t shared_index = SIZE_MAX;
  size_t found = 0;
  for (size_t step = 0; step < times.num_steps; ++step) {
    out[step] = kAbsent;
    if (windows.high[step] == windows.low[step]) {
      continue;
    }
    const size_t index = windows.high[step] - 1;
    while (histogram != columns.histograms.end() && histogram->index < index) {
      ++histogram;
    }
    if (histogram == columns.histograms.end() || histogram->index != index) {
      out[step] = columns.values[index];
      found += IsPresent(out[step]) ? 1 : 0;
      continue;
    }
    if (shared_index != index) {
      shared = model::IsStale(histogram->value) ? nullptr : Share(std::move(histogram->value));
      shared_index = index;
    }
    out_histograms[step] = shared;
    found += shared != nullptr ? 1 : 0;
  }
  return found;
}

void MarkHistogramsPresent(chunkenc::SampleColumns& columns) {
  for (const chunkenc::SampleColumns::HistogramAt& at : columns.histograms) {
    columns.values[at.index] = model::IsStale(at.value) ? kAbsent : 0;
  }
}

void ApplyHistogramRange(const HistogramRangeInput& input, std::span<double> out,
                         HistogramRow& out_histograms) {
  const Kind kind = KindOf(input.function);
  internal::ResetFlags resets(input.histograms.values);
  HistogramRow row(out.size());
  bool any = false;
  for (size_t step = 0; step < out.size(); ++step) {
    if (input.windows.high[step] == input.windows.low[step]) {
      continue;
    }
    const HistogramWindow window(input, step, resets);
    Outcome outcome = Evaluate(kind, window, out[step], *input.floats.annotations);
    out[step] = outcome.value;
    any |= outcome.histogram != nullptr;
    row[step] = std::move(outcome.histogram);
  }
  if (any) {
    out_histograms = std::move(row);
  }
}

void ApplyHistogramRange(std::string_view function, const RangeInput& floats, const StepGrid& inner,
                         std::span<const HistogramPtr> row, std::string_view metric_name,
                         std::span<double> out, HistogramRow& out_histograms) {
  HistogramSamples samples;
  const model::Histogram* last = nullptr;
  for (size_t step = 0; step < row.size(); ++step) {
    if (row[step] == nullptr) {
      continue;
    }
    samples.timestamps.push_back(inner.At(step));
    samples.values.push_back(row[step].get() == last ? samples.values.back() : WithoutHint(row[step]));
    last = row[step].get();
  }
  Windows windows;
  windows.Compute(samples.timestamps, floats.times, floats.range_ms);
  ApplyHistogramRange({.function = function,
                       .floats = floats,
                       .histograms = samples,
                       .windows = windows,
                       .metric_name = metric_name,
                       .position = PositionOver(floats)},
                      out, out_histograms);
}

}  // namespace thanos::promql
