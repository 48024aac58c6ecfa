#include "promql/windows.h"

#include <algorithm>

#include "promql/block.h"

namespace thanos::promql {

void Windows::Compute(std::span<const int64_t> timestamps, const ReferenceTimes& times, int64_t range_ms) {
  low.resize(times.num_steps);
  high.resize(times.num_steps);
  const auto count = static_cast<uint32_t>(timestamps.size());
  uint32_t first = 0;
  uint32_t last = 0;
  int64_t end_ms = times.start_ms;
  for (size_t step = 0; step < times.num_steps; ++step, end_ms += times.step_ms) {
    while (last < count && timestamps[last] <= end_ms) {
      ++last;
    }
    const int64_t begin_ms = end_ms - range_ms;
    while (first < last && timestamps[first] <= begin_ms) {
      ++first;
    }
    low[step] = first;
    high[step] = last;
  }
}

namespace {

template <typename Emit>
size_t ForEachInstant(std::span<const int64_t> timestamps, std::span<const double> values,
                      const ReferenceTimes& times, int64_t lookback_ms, std::span<double> out, Emit emit) {
  size_t next = 0;
  size_t found = 0;
  int64_t reference_ms = times.start_ms;
  for (size_t step = 0; step < times.num_steps; ++step, reference_ms += times.step_ms) {
    while (next < timestamps.size() && timestamps[next] <= reference_ms) {
      ++next;
    }
    const bool usable =
        next > 0 && timestamps[next - 1] > reference_ms - lookback_ms && IsPresent(values[next - 1]);
    out[step] = usable ? emit(next - 1) : kAbsent;
    found += usable ? 1 : 0;
  }
  return found;
}

}  // namespace

size_t FillInstant(std::span<const int64_t> timestamps, std::span<const double> values,
                   const ReferenceTimes& times, int64_t lookback_ms, std::span<double> out) {
  return ForEachInstant(timestamps, values, times, lookback_ms, out, [&](size_t i) { return values[i]; });
}

size_t FillInstantTimestamps(std::span<const int64_t> timestamps, std::span<const double> values,
                             const ReferenceTimes& times, int64_t lookback_ms, std::span<double> out) {
  return ForEachInstant(timestamps, values, times, lookback_ms, out,
                        [&](size_t i) { return static_cast<double>(timestamps[i]) / 1000; });
}

void RemoveStaleMarkers(std::vector<int64_t>& timestamps, std::vector<double>& values) {
  const auto first = std::find_if_not(values.begin(), values.end(), IsPresent);
  auto kept = static_cast<size_t>(first - values.begin());
  for (size_t i = kept; i < values.size(); ++i) {
    if (IsPresent(values[i])) {
      values[kept] = values[i];
      timestamps[kept] = timestamps[i];
      ++kept;
    }
  }
  values.resize(kept);
  timestamps.resize(kept);
}

}  // namespace thanos::promql
