// Range functions that look beyond their window: rate, increase, delta, changes and resets over `anchored`
// and `smoothed` selectors, and xrate, xincrease, xdelta of the Thanos engine.

#include "promql/functions/extended.h"

#include <algorithm>
#include <cmath>

#include "promql/block.h"

namespace thanos::promql {
namespace {

// The samples of one step: from the last one not after the window's start, if that is near enough, to the
// last one inside, or for smoothed selectors the first one not before the window's end.
struct Span {
  size_t first = 0;
  size_t last = 0;  // inclusive
};

class ExtendedWindow {
 public:
  ExtendedWindow(const RangeInput& input, size_t step)
      : timestamps_(input.timestamps),
        values_(input.values),
        end_ms_(input.times.At(step)),
        start_ms_(end_ms_ - input.range_ms),
        low_(input.windows.low[step]),
        high_(input.windows.high[step]) {
    has_before_ = low_ > 0 && timestamps_[low_ - 1] > start_ms_ - input.before_ms;
    has_after_ = high_ < timestamps_.size() && timestamps_[high_] < end_ms_ + input.after_ms + 1;
  }

  bool HasBefore() const { return has_before_; }
  // The samples (start, end] are [low, high).
  size_t low() const { return low_; }
  size_t high() const { return high_; }
  size_t First() const { return has_before_ ? low_ - 1 : low_; }
  int64_t start_ms() const { return start_ms_; }
  int64_t end_ms() const { return end_ms_; }

  // False when nothing lies after the window's start that could be measured.
  bool Anchored(Span* span) const {
    if (low_ == high_) {
      return false;
    }
    *span = {First(), high_ - 1};
    return true;
  }

  bool Smoothed(Span* span) const {
    const size_t begin = First();
    const bool ends_at_sample = high_ > begin && timestamps_[high_ - 1] == end_ms_;
    const size_t end = has_after_ && !ends_at_sample ? high_ + 1 : high_;
    if (begin == end || timestamps_[end - 1] <= start_ms_ || timestamps_[begin] > end_ms_) {
      return false;
    }
    *span = {begin, end - 1};
    return true;
  }

  // The value at `at_ms` on the line between samples i and i + 1. A counter that fell rises from zero.
  double Interpolate(size_t i, int64_t at_ms, bool counter) const {
    const double next = values_[i + 1];
    const double previous = counter && next < values_[i] ? 0 : values_[i];
    return previous + (next - previous) * static_cast<double>(at_ms - timestamps_[i]) /
                          static_cast<double>(timestamps_[i + 1] - timestamps_[i]);
  }

  double Left(const Span& span, bool smoothed, bool counter) const {
    return smoothed && timestamps_[span.first] < start_ms_ && span.first < span.last
               ? Interpolate(span.first, start_ms_, counter)
               : values_[span.first];
  }
  double Right(const Span& span, bool smoothed, bool counter) const {
    return smoothed && span.last > 0 && span.last > span.first && timestamps_[span.last] > end_ms_
               ? Interpolate(span.last - 1, end_ms_, counter)
               : values_[span.last];
  }

 private:
  std::span<const int64_t> timestamps_;
  std::span<const double> values_;
  int64_t end_ms_;
  int64_t start_ms_;
  size_t low_;
  size_t high_;
  bool has_before_ = false;
  bool has_after_ = false;
};

// What the drops between `left`, the samples [begin, end) and `right` took away from a counter.
double ResetCorrection(double left, double right, std::span<const double> values, size_t begin, size_t end) {
  double correction = 0;
  double previous = left;
  for (size_t i = begin; i < end; ++i) {
    if (values[i] < previous) {
      correction += previous;
    }
    previous = values[i];
  }
  return right < previous ? correction + previous : correction;
}

template <bool kSmoothed, bool kCounter, bool kRate>
void BoundaryRate(const RangeInput& input, std::span<double> out) {
  for (size_t step = 0; step < out.size(); ++step) {
    if (input.GivenUp(input.windows.high[step] - input.windows.low[step])) {
      return;
    }
    const ExtendedWindow window(input, step);
    Span span;
    if (kSmoothed ? !window.Smoothed(&span) : !window.Anchored(&span)) {
      out[step] = kAbsent;
      continue;
    }
    const double left = window.Left(span, kSmoothed, kCounter);
    const double right = window.Right(span, kSmoothed, kCounter);
    double result = right - left;
    if constexpr (kCounter) {
      // Drops at the boundaries are inside the interpolated values.
      const size_t begin = span.first + (input.timestamps[span.first] <= window.start_ms() ? 1 : 0);
      const size_t end = span.last + 1 - (input.timestamps[span.last] >= window.end_ms() ? 1 : 0);
      result += ResetCorrection(left, right, input.values, begin, std::max(begin, end));
    }
    if constexpr (kRate) {
      result /= static_cast<double>(input.range_ms) / 1000;
    }
    out[step] = result;
  }
}

// Counts the pairs of neighbours for which `counts` holds, the sample before the window included.
template <typename Counts>
void AnchoredTransitions(const RangeInput& input, std::span<double> out, Counts counts) {
  for (size_t step = 0; step < out.size(); ++step) {
    if (input.GivenUp(input.windows.high[step] - input.windows.low[step])) {
      return;
    }
    const ExtendedWindow window(input, step);
    Span span;
    if (!window.Anchored(&span)) {
      out[step] = kAbsent;
      continue;
    }
    double count = 0;
    for (size_t i = span.first + 1; i <= span.last; ++i) {
      count += counts(input.values[i - 1], input.values[i]) ? 1 : 0;
    }
    out[step] = count;
  }
}

void AnchoredChanges(const RangeInput& input, std::span<double> out) {
  AnchoredTransitions(input, out, [](double previous, double current) {
    return current != previous && !(std::isnan(current) && std::isnan(previous));
  });
}

void AnchoredResets(const RangeInput& input, std::span<double> out) {
  AnchoredTransitions(input, out, [](double previous, double current) { return current < previous; });
}

// One step of xrate, xincrease or xdelta over samples [first, high), which include the one before the window.
template <bool kCounter, bool kRate>
double ExtendedRate(const RangeInput& input, const ExtendedWindow& window, size_t first, size_t high,
                    int64_t appeared_ms) {
  constexpr bool kIncrease = kCounter && !kRate;
  const std::span<const int64_t> timestamps = input.timestamps;
  const std::span<const double> values = input.values;
  if constexpr (kIncrease) {
    // A counter that has just appeared and stands still has risen from zero.
    const bool constant =
        std::adjacent_find(values.begin() + static_cast<std::ptrdiff_t>(first),
                           values.begin() + static_cast<std::ptrdiff_t>(high),
                           std::not_equal_to<>()) == values.begin() + static_cast<std::ptrdiff_t>(high);
    if (constant && window.end_ms() <= input.range_ms + appeared_ms) {
      return values[first];
    }
  }
  const size_t last = high - 1;
  double sampled_ms = static_cast<double>(timestamps[last] - timestamps[first]);
  double spacing_ms = sampled_ms / static_cast<double>(high - first - 1);
  if (!kIncrease && static_cast<double>(window.start_ms() - timestamps[first]) > spacing_ms) {
    if (high - first < 3) {
      return 0;
    }
    // The sample before the window is too far from it.
    ++first;
    sampled_ms = static_cast<double>(timestamps[last] - timestamps[first]);
    spacing_ms = sampled_ms / static_cast<double>(high - first - 1);
  }
  double result = values[last] - values[first];
  if constexpr (kCounter) {
    double previous = 0;
    for (size_t i = first; i < high; ++i) {
      result += values[i] < previous ? previous : 0;
      previous = values[i];
    }
  }
  const double range_seconds = static_cast<double>(input.range_ms) / 1000;
  const double to_end_ms = static_cast<double>(window.end_ms() - timestamps[last]);
  if (!kIncrease && timestamps[first] <= window.start_ms() && to_end_ms < spacing_ms) {
    // The samples cover the whole range and a little more.
    result *= range_seconds / (sampled_ms / 1000);
  }
  return kRate ? result / range_seconds : result;
}

template <bool kCounter, bool kRate>
void ExtendedRateKernel(const RangeInput& input, std::span<double> out) {
  for (size_t step = 0; step < out.size(); ++step) {
    const ExtendedWindow window(input, step);
    const size_t first = window.First();
    if (input.GivenUp(window.high() - first)) {
      return;
    }
    out[step] = first == window.high()
                    ? kAbsent
                    : ExtendedRate<kCounter, kRate>(input, window, first, window.high(), input.timestamps[0]);
  }
}

}  // namespace

void XrateKernel(const RangeInput& input, std::span<double> out) {
  ExtendedRateKernel<true, true>(input, out);
}
void XincreaseKernel(const RangeInput& input, std::span<double> out) {
  ExtendedRateKernel<true, false>(input, out);
}
void XdeltaKernel(const RangeInput& input, std::span<double> out) {
  ExtendedRateKernel<false, false>(input, out);
}

base::StatusOr<RangeKernel> FindWindowModeKernel(std::string_view function, promql_parser::WindowMode mode) {
  if (mode == promql_parser::WindowMode::kAnchored) {
    if (function == "rate") {
      return BoundaryRate<false, true, true>;
    }
    if (function == "increase") {
      return BoundaryRate<false, true, false>;
    }
    if (function == "delta") {
      return BoundaryRate<false, false, false>;
    }
    if (function == "changes") {
      return AnchoredChanges;
    }
    if (function == "resets") {
      return AnchoredResets;
    }
    return base::FailedPrecondition(
        "anchored modifier can only be used with: changes, delta, increase, rate, resets - not with ",
        function);
  }
  if (function == "rate") {
    return BoundaryRate<true, true, true>;
  }
  if (function == "increase") {
    return BoundaryRate<true, true, false>;
  }
  if (function == "delta") {
    return BoundaryRate<true, false, false>;
  }
  return base::FailedPrecondition(
      "smoothed modifier can only be used with: delta, increase, rate - not with ", function);
}

void ExtendToBoundaries(promql_parser::WindowMode mode, int64_t start_ms, int64_t end_ms, int64_t lookback_ms,
                        std::vector<int64_t>& timestamps, std::vector<double>& values) {
  const bool smoothed = mode == promql_parser::WindowMode::kSmoothed;
  Windows windows;
  const ReferenceTimes times{end_ms, 0, 1};
  windows.Compute(timestamps, times, end_ms - start_ms);
  const RangeInput input{.timestamps = timestamps,
                         .values = values,
                         .windows = windows,
                         .times = times,
                         .range_ms = end_ms - start_ms,
                         .before_ms = lookback_ms,
                         .after_ms = smoothed ? lookback_ms : 0};
  const ExtendedWindow window(input, 0);
  Span span;
  std::vector<int64_t> new_timestamps;
  std::vector<double> new_values;
  if (smoothed ? window.Smoothed(&span) : window.Anchored(&span)) {
    const size_t begin = span.first + (timestamps[span.first] <= start_ms ? 1 : 0);
    const size_t end = span.last + 1 - (timestamps[span.last] >= end_ms ? 1 : 0);
    new_timestamps.push_back(start_ms);
    new_values.push_back(window.Left(span, smoothed, false));
    for (size_t i = begin; i < end; ++i) {
      new_timestamps.push_back(timestamps[i]);
      new_values.push_back(values[i]);
    }
    new_timestamps.push_back(end_ms);
    new_values.push_back(window.Right(span, smoothed, false));
  }
  timestamps = std::move(new_timestamps);
  values = std::move(new_values);
}

}  // namespace thanos::promql
