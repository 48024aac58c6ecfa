#pragma once

// Which samples of one series each step sees, and the selectors' two ways to use them.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace thanos::promql {

// Reference times of the steps of a selector: the step's time, or a fixed one for @, minus the offset.
struct ReferenceTimes {
  int64_t start_ms = 0;
  int64_t step_ms = 0;  // 0 with @
  size_t num_steps = 0;

  int64_t At(size_t step) const { return start_ms + static_cast<int64_t>(step) * step_ms; }
  int64_t LastMs() const { return At(num_steps - 1); }
};

// Sample positions [low, high) of the windows (reference - range, reference], one per step.
struct Windows {
  std::vector<uint32_t> low;
  std::vector<uint32_t> high;

  // `timestamps` are strictly increasing. O(samples + steps).
  void Compute(std::span<const int64_t> timestamps, const ReferenceTimes& times, int64_t range_ms);
};

// The newest sample in (reference - lookback, reference] of each step; absent when there is none or it is a
// stale marker. Returns how many steps have one.
size_t FillInstant(std::span<const int64_t> timestamps, std::span<const double> values,
                   const ReferenceTimes& times, int64_t lookback_ms, std::span<double> out);
// The same with the sample's time in seconds in place of its value.
size_t FillInstantTimestamps(std::span<const int64_t> timestamps, std::span<const double> values,
                             const ReferenceTimes& times, int64_t lookback_ms, std::span<double> out);

// The value at each reference time, interpolated between the samples around it; the last sample where none
// follows within `lookback_ms`. The samples are without stale markers. Returns how many steps have one.
size_t FillSmoothed(std::span<const int64_t> timestamps, std::span<const double> values,
                    const ReferenceTimes& times, int64_t lookback_ms, std::span<double> out);

// Removes stale markers, which range selectors do not see.
void RemoveStaleMarkers(std::vector<int64_t>& timestamps, std::vector<double>& values);

}  // namespace thanos::promql
