#pragma once

// Kernels of functions over range vectors. Each is called once per series and fills all steps.

#include <cstdint>
#include <span>
#include <vector>

#include "promql/annotations.h"
#include "promql/step_grid.h"
#include "promql/windows.h"

namespace thanos::promql {

// Buffers kernels reuse from series to series.
struct RangeScratch {
  std::vector<double> values;
  std::vector<uint32_t> positions;
};

// Samples of one series without stale markers, the window of each step, and the scalar arguments of the call.
struct RangeInput {
  std::span<const int64_t> timestamps;
  std::span<const double> values;
  const Windows& windows;
  ReferenceTimes times;  // right ends of the windows
  int64_t range_ms = 0;
  StepGrid grid;  // evaluation times, which offset and @ do not move
  // One column of grid.num_steps values per scalar argument, in order.
  std::span<const std::vector<double>> scalars;
  Annotations* annotations = nullptr;
  RangeScratch* scratch = nullptr;
};

// Sets out[step] to the value or kAbsent.
using RangeKernel = void (*)(const RangeInput& input, std::span<double> out);

// rate.cc
void RateKernel(const RangeInput& input, std::span<double> out);
void IncreaseKernel(const RangeInput& input, std::span<double> out);
void DeltaKernel(const RangeInput& input, std::span<double> out);
void IrateKernel(const RangeInput& input, std::span<double> out);
void IdeltaKernel(const RangeInput& input, std::span<double> out);
void ChangesKernel(const RangeInput& input, std::span<double> out);
void ResetsKernel(const RangeInput& input, std::span<double> out);
// over_time.cc
void SumOverTimeKernel(const RangeInput& input, std::span<double> out);
void AvgOverTimeKernel(const RangeInput& input, std::span<double> out);
void MinOverTimeKernel(const RangeInput& input, std::span<double> out);
void MaxOverTimeKernel(const RangeInput& input, std::span<double> out);
void CountOverTimeKernel(const RangeInput& input, std::span<double> out);
void LastOverTimeKernel(const RangeInput& input, std::span<double> out);
void PresentOverTimeKernel(const RangeInput& input, std::span<double> out);
void StddevOverTimeKernel(const RangeInput& input, std::span<double> out);
void StdvarOverTimeKernel(const RangeInput& input, std::span<double> out);
void QuantileOverTimeKernel(const RangeInput& input, std::span<double> out);
void MadOverTimeKernel(const RangeInput& input, std::span<double> out);
void TsOfLastOverTimeKernel(const RangeInput& input, std::span<double> out);
void TsOfMinOverTimeKernel(const RangeInput& input, std::span<double> out);
void TsOfMaxOverTimeKernel(const RangeInput& input, std::span<double> out);
void FirstOverTimeKernel(const RangeInput& input, std::span<double> out);
void TsOfFirstOverTimeKernel(const RangeInput& input, std::span<double> out);
// regression.cc
void DerivKernel(const RangeInput& input, std::span<double> out);
void PredictLinearKernel(const RangeInput& input, std::span<double> out);
void DoubleExponentialSmoothingKernel(const RangeInput& input, std::span<double> out);

// The quantile of `values`, which are reordered: linear between neighbours, NaN sorts first; -Inf and +Inf
// outside 0..1.
double Quantile(double quantile, std::vector<double>& values);

}  // namespace thanos::promql
