#include "promql/histogram/column.h"

namespace thanos::promql {

int64_t SampleWeight(const model::Histogram& histogram) {
  constexpr size_t kSampleBytes = 16;
  const size_t bytes =
      sizeof(model::Histogram) +
      sizeof(model::Span) * (histogram.positive_spans.size() + histogram.negative_spans.size()) +
      sizeof(double) * (histogram.positive_buckets.size() + histogram.negative_buckets.size() +
                        histogram.custom_bounds.size());
  return static_cast<int64_t>(bytes / kSampleBytes) + 1;
}

int64_t SampleWeight(std::span<const HistogramPtr> histograms) {
  int64_t weight = 0;
  const model::Histogram* last = nullptr;
  for (const HistogramPtr& histogram : histograms) {
    if (histogram != nullptr) {
      weight += histogram.get() == last ? 1 : SampleWeight(*histogram);
      last = histogram.get();
    }
  }
  return weight;
}

}  // namespace thanos::promql
