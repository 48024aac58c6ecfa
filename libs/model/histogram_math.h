#pragma once

// Arithmetic on native histograms as PromQL defines it. Results are float histograms.

#include <cstdint>

#include "model/histogram.h"

namespace thanos::model {

// What adding or subtracting met besides the numbers.
struct CombineNotes {
  bool compatible = true;          // false: one is exponential and one custom; nothing was changed
  bool resets_collide = false;     // one has the hint kReset, the other kNotReset; the result's is kUnknown
  bool bounds_reconciled = false;  // custom bounds differed; the result has those that both share
};

// into += other. Buckets are merged to the coarser schema, and the zero bucket is widened until it cuts no
// populated bucket of either. Sides of the result may have empty buckets: see Compact.
CombineNotes Add(Histogram& into, const Histogram& other);
// from -= other. The hint is treated as in Add; a difference that a user sees is a gauge.
CombineNotes Subtract(Histogram& from, const Histogram& other);
// Everything times `factor`; a negative one makes a gauge.
void Multiply(Histogram& histogram, double factor);
// Everything divided by `divisor`; zero removes the buckets.
void Divide(Histogram& histogram, double divisor);

// Removes empty buckets.
void Compact(Histogram& histogram);

// Merges buckets down to `schema`, which must not be finer. No effect on custom buckets.
void ReduceResolution(Histogram& histogram, int32_t schema);

// The same data: schema, bounds, threshold, layout (however cut into spans) and bits of all numbers. The hint
// and whether counts are integers do not matter.
bool SameData(const Histogram& a, const Histogram& b);

}  // namespace thanos::model
