#pragma once

// Kernels that read samples outside their window, up to RangeInput::before_ms before and after_ms after it.

#include <span>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "promql/functions/range.h"

namespace thanos::promql {

// How far before the window xrate, xincrease and xdelta look for one more sample.
inline constexpr int64_t kExtendedLookbackMs = 60 * 60 * 1000;

// Differences between the last sample and the last one before the window (as the Thanos engine defines them).
void XrateKernel(const RangeInput& input, std::span<double> out);
void XincreaseKernel(const RangeInput& input, std::span<double> out);
void XdeltaKernel(const RangeInput& input, std::span<double> out);

// The kernel of `function` over an anchored or smoothed selector. FailedPrecondition: the function has none.
base::StatusOr<RangeKernel> FindWindowModeKernel(std::string_view function, promql_parser::WindowMode mode);

// The samples an anchored or smoothed range selector itself returns: those inside (start, end) plus one at
// either boundary; none when nothing lies after the start. `timestamps` holds `lookback_ms` more than the
// window.
void ExtendToBoundaries(promql_parser::WindowMode mode, int64_t start_ms, int64_t end_ms, int64_t lookback_ms,
                        std::vector<int64_t>& timestamps, std::vector<double>& values);

}  // namespace thanos::promql
