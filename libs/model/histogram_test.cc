#include "model/histogram.h"

#include <bit>
#include <gtest/gtest.h>

namespace thanos::model {
namespace {

Histogram Sample() {
  Histogram histogram;
  histogram.schema = 1;
  histogram.zero_threshold = 0.001;
  histogram.zero_count = 2;
  histogram.count = 12;
  histogram.sum = 30;
  histogram.positive_spans = {{0, 2}, {1, 2}};
  histogram.positive_buckets = {1, 2, 3, 4};
  return histogram;
}

TEST(HistogramTest, CountsBucketsOfSpans) {
  EXPECT_EQ(NumBuckets(Sample().positive_spans), 4U);
  EXPECT_EQ(NumBuckets(Sample().negative_spans), 0U);
}

TEST(HistogramTest, StaleMarkerIsRecognisedByBits) {
  Histogram histogram = Sample();
  EXPECT_FALSE(IsStale(histogram));
  histogram.sum = std::bit_cast<double>(uint64_t{0x7ff8000000000001});
  EXPECT_FALSE(IsStale(histogram));
  histogram.sum = std::bit_cast<double>(uint64_t{0x7ff0000000000002});
  EXPECT_TRUE(IsStale(histogram));
  EXPECT_TRUE(SameBits(histogram, histogram));
  EXPECT_FALSE(histogram == histogram);
}

TEST(DetectResetTest, GrowingCountsAreNoReset) {
  const Histogram before = Sample();
  Histogram now = before;
  EXPECT_FALSE(DetectReset(before, now));
  now.count += 1;
  now.positive_buckets[2] += 1;
  EXPECT_FALSE(DetectReset(before, now));
}

TEST(DetectResetTest, AnyShrinkingCountIsAReset) {
  const Histogram before = Sample();
  Histogram now = before;
  now.count = 11;
  EXPECT_TRUE(DetectReset(before, now));
  now = before;
  now.zero_count = 1;
  EXPECT_TRUE(DetectReset(before, now));
  now = before;
  now.positive_buckets[3] = 1;
  EXPECT_TRUE(DetectReset(before, now));
}

TEST(DetectResetTest, VanishedPopulatedBucketIsAReset) {
  const Histogram before = Sample();
  Histogram now = before;
  now.positive_spans = {{0, 2}, {1, 1}};
  now.positive_buckets = {5, 5, 5};
  EXPECT_TRUE(DetectReset(before, now));
}

TEST(DetectResetTest, HintDecides) {
  const Histogram before = Sample();
  Histogram now = before;
  now.counter_reset_hint = CounterResetHint::kReset;
  EXPECT_TRUE(DetectReset(before, now));
  now.count = 0;
  now.counter_reset_hint = CounterResetHint::kNotReset;
  EXPECT_FALSE(DetectReset(before, now));
}

TEST(DetectResetTest, CoarserSchemaMergesBuckets) {
  const Histogram before = Sample();
  Histogram now = before;
  // Schema 1 buckets 0,1,3,4 are buckets 0,1,2,2 of schema 0.
  now.schema = 0;
  now.positive_spans = {{0, 3}};
  now.positive_buckets = {1, 2, 7};
  EXPECT_FALSE(DetectReset(before, now));
  now.positive_buckets = {1, 2, 6};
  EXPECT_TRUE(DetectReset(before, now));
  EXPECT_TRUE(DetectReset(now, before));
}

TEST(DetectResetTest, WiderZeroBucketSwallowsBuckets) {
  const Histogram before = Sample();
  Histogram now = before;
  // The first two positive buckets end at 1 and sqrt(2).
  now.zero_threshold = 1;
  now.zero_count = 3;
  now.positive_spans = {{1, 1}, {1, 2}};
  now.positive_buckets = {2, 3, 4};
  EXPECT_FALSE(DetectReset(before, now));
  now.zero_count = 2;
  EXPECT_TRUE(DetectReset(before, now));
  now.zero_count = 10;
  now.zero_threshold = 1.2;
  EXPECT_TRUE(DetectReset(before, now));
}

Histogram Custom(std::vector<double> bounds, std::vector<double> counts) {
  Histogram histogram;
  histogram.schema = kCustomBucketsSchema;
  histogram.custom_bounds = std::move(bounds);
  histogram.positive_spans = {{0, static_cast<uint32_t>(counts.size())}};
  for (const double count : counts) {
    histogram.count += count;
  }
  histogram.positive_buckets = std::move(counts);
  return histogram;
}

TEST(DetectResetTest, ChangedCustomBoundsAreComparedOverSharedOnes) {
  const Histogram before = Custom({1, 2, 3}, {1, 2, 3, 4});
  EXPECT_FALSE(DetectReset(before, before));
  // Between the shared bounds 1 and 3: 2 + 3 before.
  EXPECT_FALSE(DetectReset(before, Custom({1, 2.5, 3}, {1, 5, 0, 4})));
  EXPECT_TRUE(DetectReset(before, Custom({1, 2.5, 3}, {3, 2, 2, 4})));
  EXPECT_TRUE(DetectReset(before, Custom({1, 2.5, 3}, {5, 5, 0, 3})));
  EXPECT_FALSE(DetectReset(before, Custom({7}, {5, 5})));
}

}  // namespace
}  // namespace thanos::model
