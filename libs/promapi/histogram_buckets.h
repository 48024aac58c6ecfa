#pragma once

// The buckets of a native histogram with their bounds, as the HTTP API shows them.

#include <functional>

#include "model/histogram.h"

namespace thanos::promapi {

struct HistogramBucket {
  int rule = 0;  // which bounds belong to the bucket: 0 (], 1 [), 2 (), 3 []
  double lower = 0;
  double upper = 0;
  double count = 0;
};

// Calls `visit` for every bucket with a count other than 0, from the lowest to the highest. A histogram whose
// spans do not fit its buckets is shown as far as both reach.
void ForEachBucket(const model::Histogram& histogram,
                   const std::function<void(const HistogramBucket&)>& visit);

}  // namespace thanos::promapi
