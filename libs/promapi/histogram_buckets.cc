#include "promapi/histogram_buckets.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace thanos::promapi {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// Upper bound of the bucket with this index: base^index with base = 2^(2^-schema), or the custom bound.
double UpperBound(const model::Histogram& histogram, int64_t index) {
  if (histogram.uses_custom_buckets()) {
    if (index < 0) {
      return -kInfinity;
    }
    const auto position = static_cast<size_t>(index);
    return position < histogram.custom_bounds.size() ? histogram.custom_bounds[position] : kInfinity;
  }
  const auto exponent_of = [](int64_t exponent) {
    // The highest regular bucket ends at the largest number, not at infinity.
    return exponent == 1024 ? std::numeric_limits<double>::max()
                            : std::ldexp(1.0, static_cast<int>(std::clamp<int64_t>(exponent, -5000, 5000)));
  };
  if (histogram.schema <= 0) {
    const int64_t bounded = std::clamp<int64_t>(index, -1'000'000, 1'000'000);
    return exponent_of(bounded * (int64_t{1} << std::min(-histogram.schema, 20)));
  }
  const int schema = std::min(histogram.schema, 30);
  const int64_t steps = int64_t{1} << schema;
  const int64_t whole = index >> schema;
  const int64_t part = index - whole * steps;
  if (part == 0) {
    return exponent_of(whole);
  }
  const double fraction = std::exp2(static_cast<double>(part) / static_cast<double>(steps));
  return std::ldexp(fraction, static_cast<int>(std::clamp<int64_t>(whole, -5000, 5000)));
}

struct IndexedCount {
  int64_t index = 0;
  double count = 0;
};

std::vector<IndexedCount> Flatten(const std::vector<model::Span>& spans, const std::vector<double>& counts) {
  std::vector<IndexedCount> out;
  int64_t index = 0;
  size_t next = 0;
  for (const model::Span& span : spans) {
    index += span.offset;
    for (uint32_t i = 0; i < span.length && next < counts.size(); ++i) {
      out.push_back({index++, counts[next++]});
    }
  }
  return out;
}

int Rule(bool lower_inclusive, bool upper_inclusive) {
  if (lower_inclusive) {
    return upper_inclusive ? 3 : 1;
  }
  return upper_inclusive ? 0 : 2;
}

}  // namespace

void ForEachBucket(const model::Histogram& histogram,
                   const std::function<void(const HistogramBucket&)>& visit) {
  const bool custom = histogram.uses_custom_buckets();
  const double threshold = histogram.zero_threshold;
  if (!custom) {
    std::vector<IndexedCount> negative = Flatten(histogram.negative_spans, histogram.negative_buckets);
    std::reverse(negative.begin(), negative.end());
    for (const IndexedCount& bucket : negative) {
      if (bucket.count != 0) {
        const double upper = -UpperBound(histogram, bucket.index - 1);
        visit({Rule(true, false), -UpperBound(histogram, bucket.index), std::min(upper, -threshold),
               bucket.count});
      }
    }
    if (histogram.zero_count > 0) {
      visit({Rule(true, true), -threshold, threshold, histogram.zero_count});
    }
  }
  for (const IndexedCount& bucket : Flatten(histogram.positive_spans, histogram.positive_buckets)) {
    if (bucket.count == 0) {
      continue;
    }
    const double lower = UpperBound(histogram, bucket.index - 1);
    const double upper = UpperBound(histogram, bucket.index);
    if (custom) {
      visit({Rule(bucket.index == 0, true), lower, upper, bucket.count});
    } else {
      visit({Rule(false, true), std::max(lower, threshold), upper, bucket.count});
    }
  }
}

}  // namespace thanos::promapi
