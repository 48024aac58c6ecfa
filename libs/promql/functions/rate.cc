// rate, increase, delta, irate, idelta, changes, resets.

#include <cmath>
#include <cstdint>
#include <span>
#include <vector>

#include "promql/block.h"
#include "promql/functions/range.h"

namespace thanos::promql {
namespace {

// Walks the drops of a counter (positions whose value is below the one before) along with moving windows.
class CounterDrops {
 public:
  CounterDrops(std::span<const double> values, std::vector<uint32_t>& positions)
      : values_(values), positions_(positions) {
    positions_.clear();
    const double* const value = values.data();
    // Without early exit, so that the compiler can vectorise the usual case.
    bool any = false;
    for (size_t i = 1; i < values.size(); ++i) {
      any |= value[i] < value[i - 1];
    }
    for (uint32_t i = 1; any && i < values.size(); ++i) {
      if (value[i] < value[i - 1]) {
        positions_.push_back(i);
      }
    }
  }
  // `increase` plus the values before the drops inside [low, high), in order of time, as Prometheus adds
  // them.
  double Correct(double increase, uint32_t low, uint32_t high) {
    while (next_ < positions_.size() && positions_[next_] <= low) {
      ++next_;
    }
    for (size_t i = next_; i < positions_.size() && positions_[i] < high; ++i) {
      increase += values_[positions_[i] - 1];
    }
    return increase;
  }

 private:
  std::span<const double> values_;
  std::vector<uint32_t>& positions_;
  size_t next_ = 0;
};

// Extrapolation: the sampled interval is stretched to a window boundary that is nearer than 1.1 mean
// spacings, else by half a spacing; a counter is not stretched below zero at the start.
template <bool kIsCounter, bool kIsRate>
void Extrapolated(const RangeInput& input, std::span<double> out) {
  CounterDrops drops(kIsCounter ? input.values : std::span<const double>(), input.scratch->positions);
  const double range_seconds = static_cast<double>(input.range_ms) / 1000;
  const int64_t* const timestamps = input.timestamps.data();
  const double* const values = input.values.data();
  const uint32_t* const lows = input.windows.low.data();
  const uint32_t* const highs = input.windows.high.data();
  double* const row = out.data();
  const size_t num_steps = out.size();
  int64_t end_ms = input.times.start_ms;
  for (size_t step = 0; step < num_steps; ++step, end_ms += input.times.step_ms) {
    const uint32_t low = lows[step];
    const uint32_t high = highs[step];
    if (high - low < 2) {
      row[step] = kAbsent;
      continue;
    }
    const int64_t first_ms = timestamps[low];
    const int64_t last_ms = timestamps[high - 1];
    double result = values[high - 1] - values[low];
    if constexpr (kIsCounter) {
      result = drops.Correct(result, low, high);
    }
    double to_start = static_cast<double>(first_ms - (end_ms - input.range_ms)) / 1000;
    double to_end = static_cast<double>(end_ms - last_ms) / 1000;
    const double sampled = static_cast<double>(last_ms - first_ms) / 1000;
    const double spacing = sampled / static_cast<double>(high - low - 1);
    const double threshold = spacing * 1.1;
    if (to_start >= threshold) {
      to_start = spacing / 2;
    }
    if (kIsCounter && result > 0 && values[low] >= 0) {
      const double to_zero = sampled * (values[low] / result);
      if (to_zero < to_start) {
        to_start = to_zero;
      }
    }
    double interval = sampled + to_start;
    if (to_end >= threshold) {
      to_end = spacing / 2;
    }
    interval += to_end;
    double factor = interval / sampled;
    if constexpr (kIsRate) {
      factor /= range_seconds;
    }
    row[step] = result * factor;
  }
}

template <bool kIsRate>
void LastTwo(const RangeInput& input, std::span<double> out) {
  for (size_t step = 0; step < out.size(); ++step) {
    const uint32_t low = input.windows.low[step];
    const uint32_t high = input.windows.high[step];
    if (high - low < 2) {
      out[step] = kAbsent;
      continue;
    }
    const double last = input.values[high - 1];
    const double previous = input.values[high - 2];
    // A counter that fell was reset: its value is the increase.
    double result = kIsRate && last < previous ? last : last - previous;
    if constexpr (kIsRate) {
      result /= static_cast<double>(input.timestamps[high - 1] - input.timestamps[high - 2]) / 1000;
    }
    out[step] = result;
  }
}

// Counts the positions inside each window whose sample differs from the one before it, through prefix counts.
template <typename Differs>
void CountTransitions(const RangeInput& input, std::span<double> out, Differs differs) {
  std::vector<double>& prefix = input.scratch->values;
  prefix.resize(input.values.size());
  double count = 0;
  for (size_t i = 0; i < input.values.size(); ++i) {
    count += i > 0 && differs(input.values[i - 1], input.values[i]) ? 1 : 0;
    prefix[i] = count;
  }
  for (size_t step = 0; step < out.size(); ++step) {
    const uint32_t low = input.windows.low[step];
    const uint32_t high = input.windows.high[step];
    out[step] = high == low ? kAbsent : prefix[high - 1] - prefix[low];
  }
}

}  // namespace

void RateKernel(const RangeInput& input, std::span<double> out) {
  Extrapolated<true, true>(input, out);
}
void IncreaseKernel(const RangeInput& input, std::span<double> out) {
  Extrapolated<true, false>(input, out);
}
void DeltaKernel(const RangeInput& input, std::span<double> out) {
  Extrapolated<false, false>(input, out);
}
void IrateKernel(const RangeInput& input, std::span<double> out) {
  LastTwo<true>(input, out);
}
void IdeltaKernel(const RangeInput& input, std::span<double> out) {
  LastTwo<false>(input, out);
}

void ChangesKernel(const RangeInput& input, std::span<double> out) {
  CountTransitions(input, out, [](double previous, double current) {
    return current != previous && !(std::isnan(current) && std::isnan(previous));
  });
}

void ResetsKernel(const RangeInput& input, std::span<double> out) {
  CountTransitions(input, out, [](double previous, double current) { return current < previous; });
}

}  // namespace thanos::promql
