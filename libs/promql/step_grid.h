#pragma once

#include <cstddef>
#include <cstdint>

namespace thanos::promql {

// The evaluation times of one expression: start_ms, start_ms + step_ms, ... Outer query steps or those of a
// subquery.
struct StepGrid {
  int64_t start_ms = 0;
  int64_t step_ms = 1;
  size_t num_steps = 0;

  int64_t At(size_t step) const { return start_ms + static_cast<int64_t>(step) * step_ms; }
  int64_t end_ms() const { return At(num_steps == 0 ? 0 : num_steps - 1); }
  // The first step only.
  StepGrid First() const { return {start_ms, step_ms, num_steps == 0 ? size_t{0} : size_t{1}}; }
  friend bool operator==(const StepGrid&, const StepGrid&) = default;
};

}  // namespace thanos::promql
