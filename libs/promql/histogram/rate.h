#pragma once

// One window of a series with histograms, and rate, increase, delta, irate and idelta over it.

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "promql/histogram/range.h"

namespace thanos::promql::internal {

// Which histograms of a series restarted against the one before. Windows overlap, so each is looked at once.
class ResetFlags {
 public:
  explicit ResetFlags(std::span<const HistogramPtr> histograms)
      : histograms_(histograms), flags_(histograms.size(), kUnknown) {}
  // `i` is positive.
  bool At(size_t i);

 private:
  static constexpr int8_t kUnknown = -1;
  std::span<const HistogramPtr> histograms_;
  std::vector<int8_t> flags_;
};

// Positions count from the start of the window.
class HistogramWindow {
 public:
  // There is at least one histogram. Views everything.
  HistogramWindow(const HistogramRangeInput& input, size_t step, ResetFlags& resets)
      : metric_name(input.metric_name),
        position(input.position),
        input_(input),
        resets_(resets),
        step_(step),
        low_(input.windows.low[step]),
        size_(input.windows.high[step] - low_),
        float_low_(input.floats.windows.low[step]),
        num_floats_(input.floats.windows.high[step] - float_low_) {}

  uint32_t size() const { return size_; }
  const HistogramPtr& pointer(uint32_t i) const { return input_.histograms.values[low_ + i]; }
  const model::Histogram& at(uint32_t i) const { return *pointer(i); }
  int64_t time(uint32_t i) const { return input_.histograms.timestamps[low_ + i]; }
  // Whether histogram `i`, not the first one, restarted against the one before.
  bool IsReset(uint32_t i) const { return resets_.At(low_ + i); }

  uint32_t num_floats() const { return num_floats_; }
  double float_value(uint32_t i) const { return input_.floats.values[float_low_ + i]; }
  int64_t float_time(uint32_t i) const { return input_.floats.timestamps[float_low_ + i]; }

  int64_t end_ms() const { return input_.floats.times.At(step_); }
  int64_t range_ms() const { return input_.floats.range_ms; }

  const std::string_view metric_name;
  const int position;  // of annotations

 private:
  const HistogramRangeInput& input_;
  ResetFlags& resets_;
  const size_t step_;
  const uint32_t low_;
  const uint32_t size_;
  const uint32_t float_low_;
  const uint32_t num_floats_;
};

// rate, increase (`counter`) and delta of a window without floats. Null with fewer than two histograms or
// when they do not go together.
HistogramPtr ExtrapolatedHistogram(const HistogramWindow& window, bool counter, bool per_second,
                                   Annotations& annotations);

// True when the newest two samples, as far as there are two, are floats.
bool LastTwoAreFloats(const HistogramWindow& window);
// irate (`per_second`) and idelta from the newest two samples, which are not both floats.
HistogramPtr LastTwoHistograms(const HistogramWindow& window, bool per_second, Annotations& annotations);

}  // namespace thanos::promql::internal
