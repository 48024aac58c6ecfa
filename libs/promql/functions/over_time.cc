// The *_over_time functions.

#include <algorithm>
#include <cmath>
#include <limits>

#include "promql/block.h"
#include "promql/functions/range.h"
#include "promql/kahan.h"

namespace thanos::promql {
namespace {

// Calls `compute(low, high)` for every window that is not empty.
template <typename Compute>
void ForEachWindow(const RangeInput& input, std::span<double> out, Compute compute) {
  for (size_t step = 0; step < out.size(); ++step) {
    const uint32_t low = input.windows.low[step];
    const uint32_t high = input.windows.high[step];
    out[step] = high == low ? kAbsent : compute(low, high);
    if (input.GivenUp(high - low)) {
      return;
    }
  }
}

// Sums of values[0..i) for windows that overlap a lot, when sums of any run are exact: whole numbers whose
// absolute values add up to less than 2^53. Compensation is then zero and the order of addition does not
// matter, so the result is the one of adding up each window. Empty when that does not hold or does not pay.
std::span<const double> ExactPrefixSums(const RangeInput& input) {
  constexpr double kExactLimit = 9007199254740992.0;
  size_t additions = 0;
  for (size_t step = 0; step < input.windows.low.size(); ++step) {
    additions += input.windows.high[step] - input.windows.low[step];
  }
  if (additions < 4 * input.values.size()) {
    return {};
  }
  std::vector<double>& sums = input.scratch->values;
  sums.clear();
  double sum = 0;
  double magnitude = 0;
  for (const double value : input.values) {
    sums.push_back(sum);
    magnitude += std::fabs(value);
    // Also false for NaN and infinities.
    if (!(magnitude < kExactLimit && std::trunc(value) == value)) {
      return {};
    }
    sum += value;
  }
  sums.push_back(sum);
  return sums;
}

// The mean of values[low..high): a compensated sum, which becomes an incremental mean once it would overflow.
double Average(std::span<const double> values, uint32_t low, uint32_t high) {
  KahanSum sum{values[low], 0};
  uint32_t i = low + 1;
  for (; i < high; ++i) {
    KahanSum next = sum;
    next.Add(values[i]);
    if (std::isinf(next.sum)) {
      break;
    }
    sum = next;
  }
  const double summed = static_cast<double>(i - low);
  if (i == high) {
    return sum.sum / summed + sum.compensation / summed;
  }
  KahanSum mean{sum.sum / summed, sum.compensation / summed};
  for (; i < high; ++i) {
    const double count = static_cast<double>(i - low + 1);
    const double weight = (count - 1) / count;
    mean = {weight * mean.sum, weight * mean.compensation};
    mean.Add(values[i] / count);
  }
  return mean.Total();
}

// Sliding extremum in O(samples + steps) with a monotonic queue of positions. NaN counts only when nothing
// else is there.
template <typename Better>
void SlidingExtremum(const RangeInput& input, std::span<double> out, Better better) {
  std::vector<uint32_t>& queue =
      input.scratch->positions;  // positions; values get strictly worse towards the back
  queue.clear();
  size_t front = 0;
  uint32_t pushed = 0;
  for (size_t step = 0; step < out.size(); ++step) {
    const uint32_t low = input.windows.low[step];
    const uint32_t high = input.windows.high[step];
    for (pushed = std::max(pushed, low); pushed < high; ++pushed) {
      const double value = input.values[pushed];
      if (std::isnan(value)) {
        continue;
      }
      while (queue.size() > front && better(value, input.values[queue.back()])) {
        queue.pop_back();
      }
      queue.push_back(pushed);
    }
    while (front < queue.size() && queue[front] < low) {
      ++front;
    }
    if (high == low) {
      out[step] = kAbsent;
    } else if (front < queue.size()) {
      out[step] = input.values[queue[front]];
    } else {
      out[step] = input.values[low];
    }
  }
}

double Variance(std::span<const double> values, uint32_t low, uint32_t high) {
  double count = 0;
  KahanSum mean;
  KahanSum squares;
  for (uint32_t i = low; i < high; ++i) {
    count += 1;
    const double delta = values[i] - mean.Total();
    mean.Add(delta / count);
    squares.Add(delta * (values[i] - mean.Total()));
  }
  return squares.Total() / count;
}

// NaN sorts before everything.
bool LessNanFirst(double a, double b) {
  return std::isnan(a) ? !std::isnan(b) : a < b;
}

template <typename Replaces>
void TimeOfExtremum(const RangeInput& input, std::span<double> out, Replaces replaces) {
  ForEachWindow(input, out, [&](uint32_t low, uint32_t high) {
    uint32_t best = low;
    for (uint32_t i = low; i < high; ++i) {
      if (replaces(input.values[i], input.values[best]) || std::isnan(input.values[best])) {
        best = i;
      }
    }
    return static_cast<double>(input.timestamps[best]) / 1000;
  });
}

}  // namespace

bool RangeInput::GivenUp(size_t num_samples) const {
  constexpr size_t kBetweenQuestions = size_t{1} << 18;
  scratch->work += num_samples;
  if (scratch->work < kBetweenQuestions) [[likely]] {
    return false;
  }
  scratch->work = 0;
  if (cancel == nullptr || !cancel->cancelled()) {
    return false;
  }
  *failure = cancel->status();
  return true;
}

int RangeInput::ArgumentPosition(size_t index) const {
  return call != nullptr && index < call->args.size() ? call->args[index]->position.start : kNoPosition;
}

double Quantile(double quantile, std::vector<double>& values) {
  if (values.empty() || std::isnan(quantile)) {
    return std::numeric_limits<double>::quiet_NaN();
  }
  if (quantile < 0) {
    return -std::numeric_limits<double>::infinity();
  }
  if (quantile > 1) {
    return std::numeric_limits<double>::infinity();
  }
  const double rank = quantile * static_cast<double>(values.size() - 1);
  const auto lower = static_cast<size_t>(std::max(0.0, std::floor(rank)));
  const size_t upper = std::min(values.size() - 1, lower + 1);
  const auto at = values.begin() + static_cast<std::ptrdiff_t>(lower);
  std::nth_element(values.begin(), at, values.end(), LessNanFirst);
  const double low = *at;
  const double high = upper == lower ? low : *std::min_element(at + 1, values.end(), LessNanFirst);
  const double weight = rank - std::floor(rank);
  return low * (1 - weight) + high * weight;
}

void SumOverTimeKernel(const RangeInput& input, std::span<double> out) {
  if (const std::span<const double> sums = ExactPrefixSums(input); !sums.empty()) {
    ForEachWindow(input, out, [&](uint32_t low, uint32_t high) { return sums[high] - sums[low]; });
    return;
  }
  ForEachWindow(input, out, [&](uint32_t low, uint32_t high) {
    KahanSum sum;
    for (uint32_t i = low; i < high; ++i) {
      sum.Add(input.values[i]);
    }
    return std::isinf(sum.sum) ? sum.sum : sum.Total();
  });
}

void AvgOverTimeKernel(const RangeInput& input, std::span<double> out) {
  if (const std::span<const double> sums = ExactPrefixSums(input); !sums.empty()) {
    ForEachWindow(input, out, [&](uint32_t low, uint32_t high) {
      return (sums[high] - sums[low]) / static_cast<double>(high - low);
    });
    return;
  }
  ForEachWindow(input, out, [&](uint32_t low, uint32_t high) { return Average(input.values, low, high); });
}

void MinOverTimeKernel(const RangeInput& input, std::span<double> out) {
  SlidingExtremum(input, out, [](double a, double b) { return a < b; });
}

void MaxOverTimeKernel(const RangeInput& input, std::span<double> out) {
  SlidingExtremum(input, out, [](double a, double b) { return a > b; });
}

void CountOverTimeKernel(const RangeInput& input, std::span<double> out) {
  ForEachWindow(input, out, [](uint32_t low, uint32_t high) { return static_cast<double>(high - low); });
}

void LastOverTimeKernel(const RangeInput& input, std::span<double> out) {
  ForEachWindow(input, out, [&](uint32_t, uint32_t high) { return input.values[high - 1]; });
}

void FirstOverTimeKernel(const RangeInput& input, std::span<double> out) {
  ForEachWindow(input, out, [&](uint32_t low, uint32_t) { return input.values[low]; });
}

void PresentOverTimeKernel(const RangeInput& input, std::span<double> out) {
  ForEachWindow(input, out, [](uint32_t, uint32_t) { return 1.0; });
}

void StddevOverTimeKernel(const RangeInput& input, std::span<double> out) {
  ForEachWindow(input, out,
                [&](uint32_t low, uint32_t high) { return std::sqrt(Variance(input.values, low, high)); });
}

void StdvarOverTimeKernel(const RangeInput& input, std::span<double> out) {
  ForEachWindow(input, out, [&](uint32_t low, uint32_t high) { return Variance(input.values, low, high); });
}

void QuantileOverTimeKernel(const RangeInput& input, std::span<double> out) {
  const std::vector<double>& quantiles = input.scalars[0];
  for (size_t step = 0; step < out.size(); ++step) {
    const uint32_t low = input.windows.low[step];
    const uint32_t high = input.windows.high[step];
    if (high == low) {
      out[step] = kAbsent;
      continue;
    }
    if (input.GivenUp(high - low)) {
      return;
    }
    const double quantile = quantiles[step];
    if (!(quantile >= 0 && quantile <= 1)) {
      input.annotations->InvalidQuantile(quantile, input.ArgumentPosition(0));
    }
    input.scratch->values.assign(input.values.begin() + low, input.values.begin() + high);
    out[step] = Quantile(quantile, input.scratch->values);
  }
}

void MadOverTimeKernel(const RangeInput& input, std::span<double> out) {
  ForEachWindow(input, out, [&](uint32_t low, uint32_t high) {
    input.scratch->values.assign(input.values.begin() + low, input.values.begin() + high);
    const double median = Quantile(0.5, input.scratch->values);
    for (double& value : input.scratch->values) {
      value = std::fabs(value - median);
    }
    return Quantile(0.5, input.scratch->values);
  });
}

void TsOfLastOverTimeKernel(const RangeInput& input, std::span<double> out) {
  ForEachWindow(input, out, [&](uint32_t, uint32_t high) {
    return static_cast<double>(input.timestamps[high - 1]) / 1000;
  });
}

void TsOfFirstOverTimeKernel(const RangeInput& input, std::span<double> out) {
  ForEachWindow(input, out,
                [&](uint32_t low, uint32_t) { return static_cast<double>(input.timestamps[low]) / 1000; });
}

void TsOfMinOverTimeKernel(const RangeInput& input, std::span<double> out) {
  TimeOfExtremum(input, out, [](double a, double b) { return a <= b; });
}

void TsOfMaxOverTimeKernel(const RangeInput& input, std::span<double> out) {
  TimeOfExtremum(input, out, [](double a, double b) { return a >= b; });
}

}  // namespace thanos::promql
