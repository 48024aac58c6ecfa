#include "model/histogram_math.h"

#include <cmath>
#include <gtest/gtest.h>
#include <limits>

#include "model/histogram_buckets.h"
#include "model/histogram_stats.h"

namespace thanos::model {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

Histogram Exponential(int32_t schema, std::vector<Span> spans, std::vector<double> counts, double sum = 0) {
  Histogram histogram;
  histogram.is_float = true;
  histogram.schema = schema;
  histogram.positive_spans = std::move(spans);
  for (const double count : counts) {
    histogram.count += count;
  }
  histogram.positive_buckets = std::move(counts);
  histogram.sum = sum;
  return histogram;
}

Histogram Custom(std::vector<double> bounds, std::vector<double> counts, double sum = 0) {
  const auto num_buckets = static_cast<uint32_t>(counts.size());
  Histogram histogram = Exponential(kCustomBucketsSchema, {{0, num_buckets}}, std::move(counts), sum);
  histogram.custom_bounds = std::move(bounds);
  return histogram;
}

std::string Plain(double value) {
  std::string text = std::to_string(value);
  text.erase(text.find_last_not_of('0') + 1);
  return text.ends_with('.') ? text.substr(0, text.size() - 1) : text;
}

TEST(HistogramBucketsTest, BoundsArePowersOfTheBase) {
  EXPECT_EQ(ExponentialUpperBound(0, 3), 8);
  EXPECT_EQ(ExponentialUpperBound(-1, 2), 16);
  EXPECT_EQ(ExponentialUpperBound(-4, 1), 65536);
  EXPECT_EQ(ExponentialUpperBound(3, 16), 4);
  EXPECT_EQ(ExponentialUpperBound(3, -8), 0.5);
  EXPECT_EQ(ExponentialUpperBound(0, 1024), std::numeric_limits<double>::max());
  EXPECT_EQ(ExponentialUpperBound(8, 1024 * 256), std::numeric_limits<double>::max());
  // As Prometheus prints it: not the double nearest to the square root of two.
  EXPECT_EQ(ExponentialUpperBound(1, 1), 1.414213562373095);
  for (int schema = 1; schema <= 8; ++schema) {
    for (int i = -300; i < 300; ++i) {
      EXPECT_NEAR(ExponentialUpperBound(schema, i) / std::exp2(std::ldexp(i, -schema)), 1, 2e-15);
    }
  }
}

TEST(HistogramBucketsTest, AllBucketsGoFromLowToHigh) {
  Histogram histogram = Exponential(0, {{0, 2}, {1, 1}}, {1, 0, 2}, 5);
  histogram.negative_spans = {{1, 2}};
  histogram.negative_buckets = {3, 4};
  histogram.zero_threshold = 0.75;
  histogram.zero_count = 6;
  std::vector<HistogramBucket> buckets;
  AllBuckets(histogram, &buckets);
  std::vector<double> lower;
  for (const HistogramBucket& bucket : buckets) {
    lower.push_back(bucket.lower);
  }
  EXPECT_EQ(lower, (std::vector<double>{-4, -2, -0.75, 0.75, 1, 4}));
  EXPECT_EQ(ToString(histogram, Plain),
            "{count:3, sum:5, [-4,-2):4, [-2,-1):3, [-0.75,0.75]:6, (0.5,1]:1, (4,8]:2}");
  EXPECT_EQ(ToString(Custom({1, 2}, {0, 3, 1}), Plain), "{count:4, sum:0, (1,2]:3, (2,inf]:1}");
}

TEST(HistogramMathTest, AddsBucketByBucket) {
  Histogram into = Exponential(0, {{0, 2}, {2, 1}}, {1, 2, 3}, 10);
  EXPECT_TRUE(Add(into, Exponential(0, {{1, 3}}, {10, 20, 30}, 1)).compatible);
  EXPECT_TRUE(SameData(into, Exponential(0, {{0, 5}}, {1, 12, 20, 30, 3}, 11)));
  Subtract(into, Exponential(0, {{1, 3}}, {10, 20, 30}, 1));
  Compact(into);
  EXPECT_TRUE(SameData(into, Exponential(0, {{0, 2}, {2, 1}}, {1, 2, 3}, 10)));
}

TEST(HistogramMathTest, MeetsAtTheCoarserSchema) {
  const Histogram fine = Exponential(1, {{-1, 5}}, {1, 2, 3, 4, 5}, 1);
  const Histogram coarse = Exponential(0, {{1, 1}}, {100}, 1);
  Histogram into = fine;
  Add(into, coarse);
  // Buckets -1,0 | 1,2 | 3 of schema 1 are 0, 1 and 2 of schema 0.
  EXPECT_TRUE(SameData(into, Exponential(0, {{0, 3}}, {3, 107, 5}, 2)));
  into = coarse;
  Add(into, fine);
  EXPECT_TRUE(SameData(into, Exponential(0, {{0, 3}}, {3, 107, 5}, 2)));
}

TEST(HistogramMathTest, ZeroBucketsWidenToTheEndOfPopulatedBuckets) {
  Histogram into = Exponential(0, {{-1, 3}}, {1, 2, 3});  // up to 0.5, 1, 2
  into.zero_count = 1;
  Histogram other = Exponential(0, {{2, 1}}, {5});
  other.zero_threshold = 0.75;  // inside (0.5, 1], which is populated
  other.zero_count = 10;
  Add(into, other);
  EXPECT_EQ(into.zero_threshold, 1);
  EXPECT_EQ(into.zero_count, 1 + 1 + 2 + 10);
  EXPECT_EQ(into.positive_buckets, (std::vector<double>{3, 5}));
  EXPECT_EQ(into.positive_spans, (std::vector<Span>{{1, 2}}));
}

TEST(HistogramMathTest, NonsenseZeroBucketsEndSomehow) {
  for (const double threshold : {std::nan(""), kInfinity, -kInfinity, -1.0, 1e300}) {
    Histogram into = Exponential(0, {{-1, 3}}, {1, 2, 3});
    Histogram other = into;
    other.zero_threshold = threshold;
    other.zero_count = 1;
    Histogram swapped = other;
    Add(swapped, into);
    Add(into, other);
    EXPECT_EQ(into.count, 12);
    EXPECT_EQ(swapped.count, 12);
  }
}

TEST(HistogramMathTest, CustomBoundsAreReducedToSharedOnes) {
  Histogram into = Custom({1, 2, 3}, {1, 2, 3, 4});
  const CombineNotes notes = Add(into, Custom({2, 2.5, 3}, {10, 20, 30, 40}));
  EXPECT_TRUE(notes.bounds_reconciled);
  EXPECT_EQ(into.custom_bounds, (std::vector<double>{2, 3}));
  EXPECT_EQ(into.positive_buckets, (std::vector<double>{13, 53, 44}));
  into = Custom({1}, {1, 2});
  EXPECT_TRUE(Subtract(into, Custom({7}, {1, 1})).bounds_reconciled);
  EXPECT_EQ(into.positive_buckets, (std::vector<double>{1}));
  EXPECT_TRUE(into.custom_bounds.empty());
}

TEST(HistogramMathTest, ExponentialAndCustomDoNotMix) {
  Histogram into = Custom({1}, {1, 2});
  const Histogram before = into;
  EXPECT_FALSE(Add(into, Exponential(0, {{0, 1}}, {1})).compatible);
  EXPECT_TRUE(SameData(into, before));
}

TEST(HistogramMathTest, HintsCombine) {
  using enum CounterResetHint;
  struct Case {
    CounterResetHint a, b, want;
    bool collide;
  };
  for (const Case& c : {Case{kReset, kReset, kReset, false}, Case{kGauge, kReset, kGauge, false},
                        Case{kReset, kGauge, kGauge, false}, Case{kNotReset, kUnknown, kUnknown, false},
                        Case{kReset, kNotReset, kUnknown, true}}) {
    Histogram into = Exponential(0, {{0, 1}}, {1});
    into.counter_reset_hint = c.a;
    Histogram other = into;
    other.counter_reset_hint = c.b;
    EXPECT_EQ(Add(into, other).resets_collide, c.collide);
    EXPECT_EQ(into.counter_reset_hint, c.want);
  }
}

TEST(HistogramMathTest, ScalesAndDivides) {
  Histogram histogram = Exponential(0, {{0, 2}}, {2, 4}, 8);
  Multiply(histogram, -0.5);
  EXPECT_EQ(histogram.positive_buckets, (std::vector<double>{-1, -2}));
  EXPECT_EQ(histogram.counter_reset_hint, CounterResetHint::kGauge);
  Divide(histogram, 0);
  EXPECT_TRUE(histogram.positive_spans.empty());
  EXPECT_EQ(histogram.count, -kInfinity);
}

TEST(HistogramMathTest, SameDataIgnoresHowSpansAreCut) {
  const Histogram a = Exponential(0, {{0, 3}}, {1, 2, 3});
  EXPECT_TRUE(SameData(a, Exponential(0, {{0, 1}, {0, 0}, {0, 2}}, {1, 2, 3})));
  EXPECT_FALSE(SameData(a, Exponential(0, {{0, 1}, {1, 2}}, {1, 2, 3})));
  EXPECT_FALSE(SameData(a, Exponential(0, {{0, 4}}, {1, 2, 3, 0})));
}

TEST(HistogramEstimatorTest, QuantilesInterpolate) {
  HistogramEstimator estimator;
  NanEffect effect;
  const Histogram histogram = Exponential(0, {{1, 2}}, {4, 4}, 10);  // (1,2] and (2,4]
  EXPECT_DOUBLE_EQ(estimator.Quantile(0.25, histogram, &effect), std::exp2(0.5));
  EXPECT_DOUBLE_EQ(estimator.Quantile(0.75, histogram, &effect), std::exp2(1.5));
  EXPECT_EQ(estimator.Quantile(-1, histogram, &effect), -kInfinity);
  EXPECT_EQ(estimator.Quantile(2, histogram, &effect), kInfinity);
  EXPECT_TRUE(std::isnan(estimator.Quantile(0.5, Histogram(), &effect)));
  const Histogram custom = Custom({2, 4}, {4, 4, 2}, 10);
  EXPECT_DOUBLE_EQ(estimator.Quantile(0.2, custom, &effect), 1);
  EXPECT_DOUBLE_EQ(estimator.Quantile(0.6, custom, &effect), 3);
  EXPECT_DOUBLE_EQ(estimator.Quantile(0.95, custom, &effect), 4);
  Histogram zero;
  zero.zero_threshold = 0.5;
  zero.zero_count = zero.count = 10;
  EXPECT_DOUBLE_EQ(estimator.Quantile(0.5, zero, &effect), 0);
}

TEST(HistogramEstimatorTest, NanObservationsAreReported) {
  HistogramEstimator estimator;
  NanEffect effect;
  Histogram histogram = Exponential(0, {{1, 1}}, {4}, std::nan(""));
  histogram.count = 5;
  estimator.Quantile(0.5, histogram, &effect);
  EXPECT_EQ(effect, NanEffect::kSkewed);
  EXPECT_TRUE(std::isnan(estimator.Quantile(0.9, histogram, &effect)));
  EXPECT_EQ(effect, NanEffect::kResultIsNan);
  EXPECT_DOUBLE_EQ(estimator.Fraction(-kInfinity, kInfinity, histogram, &effect), 0.8);
  EXPECT_EQ(effect, NanEffect::kExcluded);
}

TEST(HistogramEstimatorTest, FractionIsTheInverseOfTheQuantile) {
  HistogramEstimator estimator;
  NanEffect effect;
  Histogram histogram = Exponential(1, {{-3, 4}, {2, 3}}, {1, 2, 0, 4, 5, 6, 7}, 10);
  histogram.negative_spans = {{0, 2}};
  histogram.negative_buckets = {3, 2};
  histogram.zero_threshold = 0.01;
  histogram.zero_count = 4;
  histogram.count += 9;
  for (double q = 0.05; q < 1; q += 0.05) {
    const double value = estimator.Quantile(q, histogram, &effect);
    EXPECT_NEAR(estimator.Fraction(-kInfinity, value, histogram, &effect), q, 1e-9);
  }
  EXPECT_EQ(estimator.Fraction(2, 1, histogram, &effect), 0);
}

TEST(HistogramEstimatorTest, VarianceUsesBucketMiddles) {
  HistogramEstimator estimator;
  // Both observations in (1, 4], whose geometric middle is 2.
  EXPECT_DOUBLE_EQ(estimator.Variance(Exponential(-1, {{1, 1}}, {2}, 4)), 0);
  EXPECT_DOUBLE_EQ(estimator.Variance(Custom({1, 3}, {0, 2, 0}, 6)), 1);
}

}  // namespace
}  // namespace thanos::model
