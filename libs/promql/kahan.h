#pragma once

#include <cmath>

namespace thanos::promql {

// A sum with Neumaier's compensation, exactly as Prometheus adds: the compensation is dropped on overflow.
struct KahanSum {
  double sum = 0;
  double compensation = 0;

  void Add(double value) {
    const double total = sum + value;
    if (std::isinf(total)) {
      compensation = 0;
    } else if (std::fabs(sum) >= std::fabs(value)) {
      compensation += (sum - total) + value;
    } else {
      compensation += (value - total) + sum;
    }
    sum = total;
  }
  double Total() const { return sum + compensation; }
};

}  // namespace thanos::promql
