#pragma once

// The buckets of a native histogram with their bounds.

#include <cstdint>
#include <string>
#include <vector>

#include "model/histogram.h"

namespace thanos::model {

struct HistogramBucket {
  double lower = 0;
  double upper = 0;
  double count = 0;
  bool lower_inclusive = false;
  bool upper_inclusive = false;
};

// The upper bound of positive bucket `index` of an exponential schema, to the last bit as Prometheus has it.
// The bucket that reaches to 2^1024 ends at the largest double.
double ExponentialUpperBound(int32_t schema, int64_t index);

// Replaces `out` by the buckets from the lowest to the highest, empty ones included, except that a zero
// bucket without observations is left out. Buckets that the zero bucket overlaps are cut at its threshold.
void AllBuckets(const Histogram& histogram, std::vector<HistogramBucket>* out);

// The text Prometheus prints: {count:3, sum:4.5, [-1,-0.5):1, [-0.001,0.001]:1, (0.5,1]:1}, numbers with
// `format`, empty buckets left out.
std::string ToString(const Histogram& histogram, std::string (*format)(double));

}  // namespace thanos::model
