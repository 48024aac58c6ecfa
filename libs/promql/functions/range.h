#pragma once

// Kernels of functions over range vectors. Each is called once per series and fills all steps.

#include <cstdint>
#include <span>
#include <vector>

#include "base/cancel.h"
#include "base/status.h"
#include "promql/annotations.h"
#include "promql/step_grid.h"
#include "promql/windows.h"
#include "promql_parser/ast.h"

namespace thanos::promql {

// Buffers kernels reuse from series to series.
struct RangeScratch {
  std::vector<double> values;
  std::vector<uint32_t> positions;
  size_t work = 0;  // samples looked at since the query was last asked whether it goes on
};

// Samples of one series without stale markers, the window of each step, and the scalar arguments of the call.
struct RangeInput {
  std::span<const int64_t> timestamps;
  std::span<const double> values;
  const Windows& windows;
  ReferenceTimes times;  // right ends of the windows
  int64_t range_ms = 0;
  StepGrid grid = {};  // evaluation times, which offset and @ do not move
  // One column of grid.num_steps values per scalar argument, in order.
  std::span<const std::vector<double>> scalars = {};
  Annotations* annotations = nullptr;
  RangeScratch* scratch = nullptr;
  // How far before and after a window samples still matter, for kernels that look there.
  int64_t before_ms = 0;
  int64_t after_ms = 0;
  // Null where a function is applied that the query does not name.
  const promql_parser::Call* call = nullptr;

  // Receives why the function cannot be applied to some window, or that the query was given up. Null: not
  // asked.
  base::Status* failure = nullptr;
  const base::CancelToken* cancel = nullptr;

  // For kernels whose work grows with their windows: counts the samples of one and tells, now and then,
  // whether the query was given up; `failure` then says why, and the rest of the result is not looked at.
  bool GivenUp(size_t num_samples) const;

  // Where argument `index` of the call begins.
  int ArgumentPosition(size_t index) const;
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
