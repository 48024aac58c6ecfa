// deriv, predict_linear, double_exponential_smoothing.

#include <cmath>
#include <cstdio>
#include <limits>

#include "promql/block.h"
#include "promql/functions/range.h"
#include "promql/kahan.h"

namespace thanos::promql {
namespace {

struct Line {
  double slope = 0;
  double intercept = 0;
};

// Least squares with compensated sums; x is seconds after `intercept_ms`. A constant series has slope 0
// exactly.
Line Regression(std::span<const int64_t> timestamps, std::span<const double> values, int64_t intercept_ms) {
  double n = 0;
  KahanSum sum_x;
  KahanSum sum_y;
  KahanSum sum_xy;
  KahanSum sum_x2;
  bool constant = true;
  for (size_t i = 0; i < values.size(); ++i) {
    if (constant && i > 0 && values[i] != values[0]) {
      constant = false;
    }
    n += 1;
    const double x = static_cast<double>(timestamps[i] - intercept_ms) / 1e3;
    sum_x.Add(x);
    sum_y.Add(values[i]);
    sum_xy.Add(x * values[i]);
    sum_x2.Add(x * x);
  }
  if (constant) {
    if (std::isinf(values[0])) {
      return {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::quiet_NaN()};
    }
    return {0, values[0]};
  }
  const double covariance = sum_xy.Total() - sum_x.Total() * sum_y.Total() / n;
  const double variance = sum_x2.Total() - sum_x.Total() * sum_x.Total() / n;
  const double slope = covariance / variance;
  return {slope, sum_y.Total() / n - slope * sum_x.Total() / n};
}

// Go's %f.
std::string FixedSix(double value) {
  char buffer[400];
  std::snprintf(buffer, sizeof(buffer), "%f", value);
  return std::isfinite(value) ? buffer : FormatGeneral(value);
}

// Smoothing factors lie strictly between 0 and 1.
bool IsFactor(double factor, std::string_view name, std::string_view symbol, base::Status* failure) {
  if (!(factor <= 0 || factor >= 1)) {
    return true;
  }
  if (failure != nullptr) {
    *failure = base::FailedPrecondition("invalid ", name, " factor. Expected: 0 < ", symbol,
                                        " < 1, got: ", FixedSix(factor));
  }
  return false;
}

}  // namespace

void DerivKernel(const RangeInput& input, std::span<double> out) {
  for (size_t step = 0; step < out.size(); ++step) {
    const uint32_t low = input.windows.low[step];
    const uint32_t count = input.windows.high[step] - low;
    if (input.GivenUp(count)) {
      return;
    }
    out[step] = count < 2 ? kAbsent
                          : Regression(input.timestamps.subspan(low, count), input.values.subspan(low, count),
                                       input.timestamps[low])
                                .slope;
  }
}

void PredictLinearKernel(const RangeInput& input, std::span<double> out) {
  for (size_t step = 0; step < out.size(); ++step) {
    const uint32_t low = input.windows.low[step];
    const uint32_t count = input.windows.high[step] - low;
    if (input.GivenUp(count)) {
      return;
    }
    if (count < 2) {
      out[step] = kAbsent;
      continue;
    }
    const Line line = Regression(input.timestamps.subspan(low, count), input.values.subspan(low, count),
                                 input.grid.At(step));
    out[step] = line.slope * input.scalars[0][step] + line.intercept;
  }
}

void DoubleExponentialSmoothingKernel(const RangeInput& input, std::span<double> out) {
  for (size_t step = 0; step < out.size(); ++step) {
    const uint32_t low = input.windows.low[step];
    const uint32_t high = input.windows.high[step];
    if (input.GivenUp(high - low)) {
      return;
    }
    const double smoothing = input.scalars[0][step];
    const double trend_factor = input.scalars[1][step];
    out[step] = kAbsent;
    if (low == high || !IsFactor(smoothing, "smoothing", "sf", input.failure) ||
        !IsFactor(trend_factor, "trend", "tf", input.failure) || high - low < 2) {
      continue;
    }
    double previous = 0;
    double current = input.values[low];
    double trend = input.values[low + 1] - input.values[low];
    for (uint32_t i = low + 1; i < high; ++i) {
      const double scaled = smoothing * input.values[i];
      if (i > low + 1) {
        trend = trend_factor * (current - previous) + (1 - trend_factor) * trend;
      }
      const double rest = (1 - smoothing) * (current + trend);
      previous = current;
      current = scaled + rest;
    }
    out[step] = current;
  }
}

}  // namespace thanos::promql
