#include "downsample/histogram_math.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "chunkenc/appender.h"

namespace thanos::downsample {
namespace {

using model::CounterResetHint;
using model::Histogram;
using model::Span;

struct Bucket {
  int64_t index = 0;
  double count = 0;
};

std::vector<Bucket> BucketsOf(const std::vector<Span>& spans, const std::vector<double>& counts) {
  std::vector<Bucket> buckets;
  buckets.reserve(counts.size());
  int64_t index = 0;
  size_t next = 0;
  for (const Span& span : spans) {
    index += span.offset;
    for (uint32_t i = 0; i < span.length && next < counts.size(); ++i) {
      buckets.push_back({index++, counts[next++]});
    }
  }
  return buckets;
}

// The inverse: a span for each run of neighbouring buckets.
void StoreBuckets(const std::vector<Bucket>& buckets, std::vector<Span>* spans, std::vector<double>* counts) {
  spans->clear();
  counts->clear();
  int64_t next = 0;  // the index behind the last span
  for (const Bucket& bucket : buckets) {
    if (spans->empty() || bucket.index != next) {
      spans->push_back({static_cast<int32_t>(bucket.index - next), 0});
    }
    ++spans->back().length;
    counts->push_back(bucket.count);
    next = bucket.index + 1;
  }
}

std::vector<Bucket> Merged(const std::vector<Bucket>& a, const std::vector<Bucket>& b, double factor) {
  std::vector<Bucket> merged;
  merged.reserve(std::max(a.size(), b.size()));
  size_t left = 0;
  size_t right = 0;
  while (left < a.size() || right < b.size()) {
    if (right == b.size() || (left < a.size() && a[left].index < b[right].index)) {
      merged.push_back(a[left++]);
    } else if (left == a.size() || b[right].index < a[left].index) {
      merged.push_back({b[right].index, b[right].count * factor});
      ++right;
    } else {
      merged.push_back({a[left].index, a[left].count + b[right].count * factor});
      ++left;
      ++right;
    }
  }
  return merged;
}

double UpperBound(int64_t index, int32_t schema) {
  return std::exp2(std::ldexp(static_cast<double>(index), -schema));
}

// Where a zero bucket of at least `threshold` must end, so that it does not cut a populated bucket.
double WidenedThreshold(const Histogram& histogram, double threshold) {
  for (const bool positive : {true, false}) {
    const auto buckets = positive ? BucketsOf(histogram.positive_spans, histogram.positive_buckets)
                                  : BucketsOf(histogram.negative_spans, histogram.negative_buckets);
    for (const Bucket& bucket : buckets) {
      const double upper = UpperBound(bucket.index, histogram.schema);
      if (bucket.count != 0 && UpperBound(bucket.index - 1, histogram.schema) < threshold &&
          upper > threshold) {
        return upper;
      }
    }
  }
  return threshold;
}

// Moves the buckets up to `threshold` into the zero bucket.
void WidenZeroBucket(double threshold, Histogram* histogram) {
  if (threshold <= histogram->zero_threshold) {
    return;
  }
  const auto move = [&](std::vector<Span>* spans, std::vector<double>* counts) {
    auto buckets = BucketsOf(*spans, *counts);
    std::erase_if(buckets, [&](const Bucket& bucket) {
      if (UpperBound(bucket.index - 1, histogram->schema) >= threshold) {
        return false;
      }
      histogram->zero_count += bucket.count;
      return true;
    });
    StoreBuckets(buckets, spans, counts);
  };
  move(&histogram->positive_spans, &histogram->positive_buckets);
  move(&histogram->negative_spans, &histogram->negative_buckets);
  histogram->zero_threshold = threshold;
}

void ReduceBuckets(int32_t shift, std::vector<Span>* spans, std::vector<double>* counts) {
  std::vector<Bucket> merged;
  for (const Bucket& bucket : BucketsOf(*spans, *counts)) {
    const int64_t index = ((bucket.index - 1) >> shift) + 1;
    if (!merged.empty() && merged.back().index == index) {
      merged.back().count += bucket.count;
    } else {
      merged.push_back({index, bucket.count});
    }
  }
  StoreBuckets(merged, spans, counts);
}

// Every bucket that occurs, with counts of zero.
std::vector<Bucket> AllBuckets(std::span<const Histogram> histograms, std::vector<Span> Histogram::*spans,
                               std::vector<double> Histogram::*counts) {
  std::vector<Bucket> all;
  const std::vector<Span>* last = nullptr;
  for (const Histogram& histogram : histograms) {
    if (last == nullptr || *last != histogram.*spans) {
      all = Merged(all, BucketsOf(histogram.*spans, histogram.*counts), 0);
    }
    last = &(histogram.*spans);
  }
  for (Bucket& bucket : all) {
    bucket.count = 0;
  }
  return all;
}

}  // namespace

bool CanAdd(const Histogram& a, const Histogram& b) {
  return a.uses_custom_buckets() == b.uses_custom_buckets() &&
         (!a.uses_custom_buckets() || a.custom_bounds == b.custom_bounds);
}

void ReduceSchema(int32_t schema, Histogram* histogram) {
  if (histogram->uses_custom_buckets() || schema >= histogram->schema) {
    return;
  }
  const int32_t shift = histogram->schema - schema;
  ReduceBuckets(shift, &histogram->positive_spans, &histogram->positive_buckets);
  ReduceBuckets(shift, &histogram->negative_spans, &histogram->negative_buckets);
  histogram->schema = schema;
}

void AlignLayouts(std::span<Histogram> histograms) {
  if (histograms.empty() || histograms.front().uses_custom_buckets()) {
    return;
  }
  int32_t schema = histograms.front().schema;
  double threshold = histograms.front().zero_threshold;
  bool equal = true;
  for (const Histogram& histogram : histograms) {
    equal &= histogram.schema == schema && histogram.zero_threshold == threshold;
    schema = std::min(schema, histogram.schema);
    threshold = std::max(threshold, histogram.zero_threshold);
  }
  if (equal) {
    return;
  }
  for (Histogram& histogram : histograms) {
    ReduceSchema(schema, &histogram);
  }
  for (;;) {
    double wider = threshold;
    for (const Histogram& histogram : histograms) {
      wider = WidenedThreshold(histogram, wider);
    }
    if (wider == threshold) {
      break;
    }
    threshold = wider;
  }
  for (Histogram& histogram : histograms) {
    WidenZeroBucket(threshold, &histogram);
  }
}

void AddScaled(const Histogram& other, double factor, Histogram* sum) {
  TH_CHECK(CanAdd(other, *sum));
  sum->is_float = true;
  std::vector<Histogram> aligned;
  const Histogram* added = &other;
  if (other.schema != sum->schema || other.zero_threshold != sum->zero_threshold) {
    aligned = {other, std::move(*sum)};
    AlignLayouts(aligned);
    *sum = std::move(aligned[1]);
    added = &aligned[0];
  }
  sum->count += factor * added->count;
  sum->zero_count += factor * added->zero_count;
  sum->sum += factor * added->sum;
  const auto add = [&](std::vector<Span> Histogram::*spans, std::vector<double> Histogram::*counts) {
    if (added->*spans == sum->*spans) {
      for (size_t i = 0; i < (sum->*counts).size(); ++i) {
        (sum->*counts)[i] += factor * (added->*counts)[i];
      }
      return;
    }
    StoreBuckets(
        Merged(BucketsOf(sum->*spans, sum->*counts), BucketsOf(added->*spans, added->*counts), factor),
        &(sum->*spans), &(sum->*counts));
  };
  add(&Histogram::positive_spans, &Histogram::positive_buckets);
  add(&Histogram::negative_spans, &Histogram::negative_buckets);
}

bool EncodeFloatHistograms(std::span<const int64_t> times_ms, std::span<const Histogram> histograms,
                           std::string* out) {
  TH_CHECK(times_ms.size() == histograms.size() && !histograms.empty());
  const auto positive = AllBuckets(histograms, &Histogram::positive_spans, &Histogram::positive_buckets);
  const auto negative = AllBuckets(histograms, &Histogram::negative_spans, &Histogram::negative_buckets);
  chunkenc::FloatHistogramAppender appender;
  for (size_t i = 0; i < histograms.size(); ++i) {
    Histogram histogram = histograms[i];
    histogram.is_float = true;
    StoreBuckets(Merged(positive, BucketsOf(histogram.positive_spans, histogram.positive_buckets), 1),
                 &histogram.positive_spans, &histogram.positive_buckets);
    StoreBuckets(Merged(negative, BucketsOf(histogram.negative_spans, histogram.negative_buckets), 1),
                 &histogram.negative_spans, &histogram.negative_buckets);
    if (i > 0 && histogram.counter_reset_hint != CounterResetHint::kGauge) {
      histogram.counter_reset_hint = CounterResetHint::kUnknown;
    }
    if (appender.Append(times_ms[i], histogram) != chunkenc::AppendResult::kAppended) {
      return false;
    }
  }
  appender.FinishTo(out);
  return true;
}

bool CanFollowInChunk(const Histogram& previous, const Histogram& next) {
  const bool gauge = next.counter_reset_hint == CounterResetHint::kGauge;
  if (gauge != (previous.counter_reset_hint == CounterResetHint::kGauge) || next.schema != previous.schema ||
      next.zero_threshold != previous.zero_threshold || next.custom_bounds != previous.custom_bounds) {
    return false;
  }
  Histogram unmarked = next;
  unmarked.counter_reset_hint = CounterResetHint::kUnknown;
  return gauge || !model::DetectReset(previous, unmarked);
}

}  // namespace thanos::downsample
