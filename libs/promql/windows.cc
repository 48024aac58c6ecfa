#include "promql/windows.h"

#include <algorithm>

#include "promql/block.h"

namespace thanos::promql {

namespace {

// Counts the samples up to a time that only grows. Scrapes and steps are regular, so that the next count is
// guessed to be as far away as the last one was.
class Advancing {
 public:
  explicit Advancing(std::span<const int64_t> timestamps)
      : timestamps_(timestamps.data()), count_(timestamps.size()) {}

  size_t To(int64_t time_ms) {
    const size_t guess = position_ + stride_;
    if (guess > 0 && guess < count_ && timestamps_[guess - 1] <= time_ms && timestamps_[guess] > time_ms)
        [[likely]] {
      position_ = guess;
      return guess;
    }
    const size_t before = position_;
    while (position_ < count_ && timestamps_[position_] <= time_ms) {
      ++position_;
    }
    stride_ = position_ - before;
    return position_;
  }

 private:
  const int64_t* const timestamps_;
  const size_t count_;
  size_t position_ = 0;
  size_t stride_ = 0;
};

}  // namespace

void Windows::Compute(std::span<const int64_t> timestamps, const ReferenceTimes& times, int64_t range_ms) {
  low.resize(times.num_steps);
  high.resize(times.num_steps);
  uint32_t* const low_out = low.data();
  uint32_t* const high_out = high.data();
  Advancing begin(timestamps);
  Advancing end(timestamps);
  int64_t end_ms = times.start_ms;
  for (size_t step = 0; step < times.num_steps; ++step, end_ms += times.step_ms) {
    high_out[step] = static_cast<uint32_t>(end.To(end_ms));
    low_out[step] = static_cast<uint32_t>(begin.To(end_ms - range_ms));
  }
}

namespace {

template <typename Emit>
size_t ForEachInstant(std::span<const int64_t> timestamps, std::span<const double> values,
                      const ReferenceTimes& times, int64_t lookback_ms, std::span<double> out, Emit emit) {
  const int64_t* const timestamp = timestamps.data();
  const double* const value = values.data();
  double* const row = out.data();
  Advancing reference(timestamps);
  size_t found = 0;
  int64_t reference_ms = times.start_ms;
  for (size_t step = 0; step < times.num_steps; ++step, reference_ms += times.step_ms) {
    const size_t next = reference.To(reference_ms);
    const bool usable =
        next > 0 && timestamp[next - 1] > reference_ms - lookback_ms && IsPresent(value[next - 1]);
    row[step] = usable ? emit(next - 1) : kAbsent;
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

size_t FillSmoothed(std::span<const int64_t> timestamps, std::span<const double> values,
                    const ReferenceTimes& times, int64_t lookback_ms, std::span<double> out) {
  Advancing reference(timestamps);
  size_t found = 0;
  for (size_t step = 0; step < times.num_steps; ++step) {
    const int64_t at_ms = times.At(step);
    const size_t next = reference.To(at_ms);  // the first sample after the reference time
    out[step] = kAbsent;
    if (next == 0 || timestamps[next - 1] <= at_ms - lookback_ms) {
      continue;
    }
    ++found;
    const double before = values[next - 1];
    if (timestamps[next - 1] == at_ms || next == timestamps.size() ||
        timestamps[next] > at_ms + lookback_ms) {
      out[step] = before;
      continue;
    }
    const double elapsed = static_cast<double>(at_ms - timestamps[next - 1]);
    const double spacing = static_cast<double>(timestamps[next] - timestamps[next - 1]);
    out[step] = before + (values[next] - before) * elapsed / spacing;
  }
  return found;
}

void RemoveStaleMarkers(std::vector<int64_t>& timestamps, std::vector<double>& values) {
  // Without early exit, so that the compiler can vectorise the usual case.
  bool all_present = true;
  for (const double value : values) {
    all_present &= IsPresent(value);
  }
  if (all_present) {
    return;
  }
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
