#include "chunkenc/layout_union.h"

#include <cstddef>
#include <cstdint>
#include <utility>

namespace thanos::chunkenc::internal {
namespace {

std::vector<int64_t> Indices(const std::vector<model::Span>& spans) {
  std::vector<int64_t> indices;
  int64_t index = 0;
  for (const model::Span& span : spans) {
    index += span.offset;
    for (uint32_t i = 0; i < span.length; ++i) {
      indices.push_back(index++);
    }
  }
  return indices;
}

std::vector<model::Span> ToSpans(const std::vector<int64_t>& indices) {
  std::vector<model::Span> spans;
  for (size_t i = 0; i < indices.size(); ++i) {
    if (i > 0 && indices[i] == indices[i - 1] + 1) {
      ++spans.back().length;
    } else {
      spans.push_back({static_cast<int32_t>(i == 0 ? indices[i] : indices[i] - indices[i - 1] - 1), 1});
    }
  }
  return spans;
}

struct Side {
  bool chunk_lacks = false;   // a bucket of the sample
  bool sample_lacks = false;  // a bucket of the chunk
  std::vector<model::Span> merged;
};

Side UniteSide(const std::vector<model::Span>& chunk, const std::vector<model::Span>& sample) {
  const std::vector<int64_t> a = Indices(chunk);
  const std::vector<int64_t> b = Indices(sample);
  std::vector<int64_t> both;
  Side side;
  size_t i = 0;
  size_t j = 0;
  while (i < a.size() || j < b.size()) {
    if (j == b.size() || (i < a.size() && a[i] < b[j])) {
      side.sample_lacks = true;
      both.push_back(a[i++]);
    } else if (i == a.size() || b[j] < a[i]) {
      side.chunk_lacks = true;
      both.push_back(b[j++]);
    } else {
      both.push_back(a[i++]);
      ++j;
    }
  }
  side.merged = ToSpans(both);
  return side;
}

void WidenSide(const std::vector<model::Span>& to, std::vector<model::Span>* spans,
               std::vector<double>* counts) {
  const std::vector<int64_t> old_indices = Indices(*spans);
  const std::vector<int64_t> indices = Indices(to);
  std::vector<double> widened(indices.size(), 0);
  size_t next = 0;
  for (size_t i = 0; i < indices.size() && next < old_indices.size(); ++i) {
    if (indices[i] == old_indices[next]) {
      widened[i] = (*counts)[next++];
    }
  }
  *spans = to;
  *counts = std::move(widened);
}

}  // namespace

LayoutUnion UniteLayouts(const model::Histogram& chunk, const model::Histogram& sample, bool is_gauge) {
  Side positive = UniteSide(chunk.positive_spans, sample.positive_spans);
  Side negative = UniteSide(chunk.negative_spans, sample.negative_spans);
  LayoutUnion layout;
  layout.chunk_grows = positive.chunk_lacks || negative.chunk_lacks;
  const bool sample_grows = positive.sample_lacks || negative.sample_lacks;
  if (!layout.chunk_grows) {
    layout.positive_spans = chunk.positive_spans;
    layout.negative_spans = chunk.negative_spans;
    return layout;
  }
  const bool merge_positive = is_gauge ? sample_grows : positive.sample_lacks;
  const bool merge_negative = is_gauge ? sample_grows : negative.sample_lacks;
  layout.positive_spans = merge_positive ? std::move(positive.merged) : sample.positive_spans;
  layout.negative_spans = merge_negative ? std::move(negative.merged) : sample.negative_spans;
  return layout;
}

void WidenTo(const LayoutUnion& layout, model::Histogram* histogram) {
  WidenSide(layout.positive_spans, &histogram->positive_spans, &histogram->positive_buckets);
  WidenSide(layout.negative_spans, &histogram->negative_spans, &histogram->negative_buckets);
}

}  // namespace thanos::chunkenc::internal
