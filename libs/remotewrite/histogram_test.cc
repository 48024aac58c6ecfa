#include <gtest/gtest.h>
#include <random>

#include "base/strings.h"
#include "remotewrite/decode.h"
#include "remotewrite/encode.h"

namespace thanos::remotewrite {
namespace {

model::Histogram Exponential(bool is_float) {
  model::Histogram histogram;
  histogram.is_float = is_float;
  histogram.schema = 3;
  histogram.zero_threshold = 0.001;
  histogram.zero_count = 2;
  histogram.count = 15;
  histogram.sum = 18.5;
  histogram.positive_spans = {{0, 2}, {2, 1}};
  histogram.positive_buckets = {3, 4, 1};
  histogram.negative_spans = {{-2, 1}};
  histogram.negative_buckets = {5};
  histogram.counter_reset_hint = model::CounterResetHint::kNotReset;
  return histogram;
}

model::Histogram Custom() {
  model::Histogram histogram;
  histogram.schema = model::kCustomBucketsSchema;
  histogram.count = 7;
  histogram.sum = 12.5;
  histogram.custom_bounds = {0.5, 2.5, 10};
  histogram.positive_spans = {{0, 2}, {1, 1}};
  histogram.positive_buckets = {1, 2, 4};
  return histogram;
}

base::Status Decode(const model::Histogram& histogram, HistogramPoint* point) {
  std::string message;
  AppendHistogram({77, &histogram, 0}, message);
  return DecodeHistogram(message, point);
}

TEST(HistogramTest, AllKindsRoundTripThroughOneReusedPoint) {
  HistogramPoint point;
  for (const model::Histogram& histogram :
       {Exponential(false), Custom(), Exponential(true), Exponential(false)}) {
    const base::Status status = Decode(histogram, &point);
    ASSERT_TRUE(status.ok()) << status;
    EXPECT_TRUE(model::SameBits(point.histogram, histogram));
    EXPECT_EQ(point.time_ms, 77);
  }
}

struct BadCase {
  std::string_view name;
  void (*spoil)(model::Histogram&);
};

constexpr BadCase kBadCases[] = {
    {"schema", [](model::Histogram& h) { h.schema = 9; }},
    {"missing bucket", [](model::Histogram& h) { h.positive_buckets.pop_back(); }},
    {"missing span", [](model::Histogram& h) { h.negative_spans.clear(); }},
    {"negative gap", [](model::Histogram& h) { h.positive_spans[1].offset = -1; }},
    {"negative bucket", [](model::Histogram& h) { h.positive_buckets[0] = -3; }},
    {"count", [](model::Histogram& h) { h.count = 14; }},
    {"bounds", [](model::Histogram& h) { h.custom_bounds = {1}; }},
    {"huge span", [](model::Histogram& h) { h.positive_spans[0].length = 0xffffffffU; }},
};

TEST(HistogramTest, RefusesWhatPrometheusRefuses) {
  for (const BadCase& one : kBadCases) {
    model::Histogram histogram = Exponential(false);
    one.spoil(histogram);
    HistogramPoint point;
    EXPECT_EQ(Decode(histogram, &point).code(), base::StatusCode::kInvalidArgument) << one.name;
  }
  HistogramPoint point;
  model::Histogram histogram = Custom();
  histogram.custom_bounds = {0.5, 0.5, 10};
  EXPECT_FALSE(Decode(histogram, &point).ok());
  histogram = Custom();
  histogram.custom_bounds = {0.5};
  EXPECT_FALSE(Decode(histogram, &point).ok());
  histogram = Custom();
  histogram.zero_count = 1;
  EXPECT_FALSE(Decode(histogram, &point).ok());
}

TEST(HistogramTest, DamageIsRefusedOrRead) {
  std::mt19937_64 random(8);
  const model::Histogram histogram = Exponential(false);
  std::string message;
  AppendHistogram({77, &histogram, 5}, message);
  HistogramPoint point;
  int refused = 0;
  for (int round = 0; round < 3000; ++round) {
    std::string damaged = message;
    damaged[random() % damaged.size()] = static_cast<char>(random());
    refused += DecodeHistogram(damaged, &point).ok() ? 0 : 1;
  }
  EXPECT_GT(refused, 500);
}

}  // namespace
}  // namespace thanos::remotewrite
