#pragma once

// Bringing a histogram chunk and its next sample to the same buckets, private to this library. Both only ever
// gain empty buckets.

#include <vector>

#include "model/histogram.h"

namespace thanos::chunkenc::internal {

struct LayoutUnion {
  // The chunk has to be coded again with these spans.
  bool chunk_grows = false;
  std::vector<model::Span> positive_spans;
  std::vector<model::Span> negative_spans;
};

// Spans that cover the buckets of both, cut as Prometheus' appender cuts them. Only the spans are looked at.
LayoutUnion UniteLayouts(const model::Histogram& chunk, const model::Histogram& sample, bool is_gauge);

// Moves the counts of `histogram` to these spans, which cover all of its buckets; new buckets are empty.
void WidenTo(const LayoutUnion& layout, model::Histogram* histogram);

}  // namespace thanos::chunkenc::internal
