#pragma once

// Arithmetic of native histograms, as far as aggregation needs it.

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "model/histogram.h"

namespace thanos::downsample {

// True when the two can be added: both exponential, or custom buckets with equal bounds.
bool CanAdd(const model::Histogram& a, const model::Histogram& b);

// Merges buckets down to `schema`, which must not be above the histogram's. Custom buckets stay.
void ReduceSchema(int32_t schema, model::Histogram* histogram);

// Gives all the smallest of their schemas and the largest of their zero thresholds (widened to a bucket's
// bound where it would cut a populated bucket). CanAdd must hold for all pairs.
void AlignLayouts(std::span<model::Histogram> histograms);

// Adds `factor` times `other` to `sum`, which becomes a float histogram: at the lower of both schemas and the
// larger zero threshold (widened to a bucket's bound where it falls into a populated bucket). CanAdd must
// hold. The hint stays.
void AddScaled(const model::Histogram& other, double factor, model::Histogram* sum);

// Appends to `out` the data of one float histogram chunk (Encoding::kFloatHistogram) with a sample for each
// of `times_ms`. All must have the same schema, zero threshold and bounds; buckets may differ and are
// widened to those of all. Hints: kGauge for all or none; for a counter the first one's hint becomes the
// chunk's, and the counts must not fall. False: they cannot be in one chunk; `out` is as before.
bool EncodeFloatHistograms(std::span<const int64_t> times_ms, std::span<const model::Histogram> histograms,
                           std::string* out);

// True when `next` may follow `previous` in one chunk of EncodeFloatHistograms.
bool CanFollowInChunk(const model::Histogram& previous, const model::Histogram& next);

}  // namespace thanos::downsample
