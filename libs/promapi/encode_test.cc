#include "promapi/encode.h"

#include <cmath>
#include <gtest/gtest.h>
#include <limits>

namespace thanos::promapi {
namespace {

std::string Value(double value) {
  std::string out;
  AppendValueText(out, value);
  return out;
}
std::string Timestamp(int64_t timestamp_ms) {
  std::string out;
  AppendTimestamp(out, timestamp_ms);
  return out;
}
std::string Json(std::string_view text) {
  std::string out;
  AppendJsonString(out, text);
  return out;
}
std::string Shown(const model::Histogram& histogram) {
  std::string out;
  AppendHistogram(out, histogram);
  return out;
}

TEST(EncodeTest, WritesValuesLikePrometheus) {
  EXPECT_EQ(Value(0), "0");
  EXPECT_EQ(Value(-0.0), "-0");
  EXPECT_EQ(Value(1), "1");
  EXPECT_EQ(Value(-12345678), "-12345678");
  EXPECT_EQ(Value(0.1), "0.1");
  EXPECT_EQ(Value(1.0 / 3), "0.3333333333333333");
  EXPECT_EQ(Value(1e15), "1000000000000000");
  EXPECT_EQ(Value(123456789012345680.0), "123456789012345680");
  EXPECT_EQ(Value(1e20), "100000000000000000000");
  EXPECT_EQ(Value(1e21), "1e+21");
  EXPECT_EQ(Value(-1.5e300), "-1.5e+300");
  EXPECT_EQ(Value(1e-6), "0.000001");
  EXPECT_EQ(Value(1.25e-7), "1.25e-07");
  EXPECT_EQ(Value(5e-324), "5e-324");
  EXPECT_EQ(Value(std::nan("")), "NaN");
  EXPECT_EQ(Value(INFINITY), "+Inf");
  EXPECT_EQ(Value(-INFINITY), "-Inf");
  EXPECT_EQ(Value(std::numeric_limits<double>::max()), "1.7976931348623157e+308");
}

TEST(EncodeTest, WritesTimestampsInSeconds) {
  EXPECT_EQ(Timestamp(0), "0");
  EXPECT_EQ(Timestamp(1'700'000'000'000), "1700000000");
  EXPECT_EQ(Timestamp(1'500), "1.5");
  EXPECT_EQ(Timestamp(1'050), "1.05");
  EXPECT_EQ(Timestamp(1'001), "1.001");
  EXPECT_EQ(Timestamp(-1'230), "-1.23");
  EXPECT_EQ(Timestamp(std::numeric_limits<int64_t>::min()), "-9223372036854775.808");
}

TEST(EncodeTest, EscapesStrings) {
  EXPECT_EQ(Json("plain é ☺ \U0001F600"), "\"plain é ☺ \U0001F600\"");
  EXPECT_EQ(Json("a\"b\\c\n\r\t\x01\x7f"), "\"a\\\"b\\\\c\\n\\r\\t\\u0001\x7f\"");
  EXPECT_EQ(Json("a\xff"
                 "b"),
            "\"a\\ufffdb\"");
  EXPECT_EQ(Json("\xe2\x98"), "\"\\ufffd\\ufffd\"");
  EXPECT_EQ(Json("\xed\xa0\x80"), "\"\\ufffd\\ufffd\\ufffd\"");
  EXPECT_EQ(Json("\xc0\x80"), "\"\\ufffd\\ufffd\"");
}

TEST(EncodeTest, WritesLabelsPointsAndEnvelopes) {
  std::string out;
  AppendLabels(out, labels::Labels{{"__name__", "up"}, {"job", "a\"b"}});
  AppendLabels(out, labels::Labels{});
  AppendPoint(out, 1'500, 2);
  EXPECT_EQ(out, R"({"__name__":"up","job":"a\"b"}{}[1.5,"2"])");
  EXPECT_EQ(SuccessBody("[]", {}), R"({"status":"success","data":[]})");
  EXPECT_EQ(SuccessBody("1", {"a", "b"}), R"({"status":"success","data":1,"warnings":["a","b"]})");
  EXPECT_EQ(ErrorBody("bad_data", "no \"x\""),
            R"({"status":"error","errorType":"bad_data","error":"no \"x\""})");
}

TEST(EncodeTest, WritesNativeHistograms) {
  model::Histogram histogram;
  histogram.count = 12;
  histogram.sum = 18.5;
  EXPECT_EQ(Shown(histogram), R"({"count":"12","sum":"18.5"})");
  histogram.schema = 0;
  histogram.zero_threshold = 0.001;
  histogram.zero_count = 2;
  histogram.positive_spans = {{0, 2}, {1, 1}};
  histogram.positive_buckets = {1, 0, 4};
  histogram.negative_spans = {{0, 1}, {1, 1}};
  histogram.negative_buckets = {2, 3};
  EXPECT_EQ(Shown(histogram),
            R"({"count":"12","sum":"18.5","buckets":[[1,"-4","-2","3"],[1,"-1","-0.5","2"],)"
            R"([3,"-0.001","0.001","2"],[0,"0.5","1","1"],[0,"4","8","4"]]})");
  histogram.schema = -1;
  histogram.zero_count = 0;
  histogram.negative_buckets.clear();
  histogram.positive_spans = {{2, 1}};
  EXPECT_EQ(Shown(histogram), R"({"count":"12","sum":"18.5","buckets":[[0,"4","16","1"]]})");
}

TEST(EncodeTest, WritesCustomBuckets) {
  model::Histogram histogram;
  histogram.schema = model::kCustomBucketsSchema;
  histogram.count = 6;
  histogram.sum = 1;
  histogram.custom_bounds = {0.5, 2};
  histogram.positive_spans = {{0, 3}};
  histogram.positive_buckets = {1, 2, 3};
  EXPECT_EQ(
      Shown(histogram),
      R"({"count":"6","sum":"1","buckets":[[3,"-Inf","0.5","1"],[0,"0.5","2","2"],[0,"2","+Inf","3"]]})");
}

TEST(EncodeTest, SurvivesNonsenseHistograms) {
  model::Histogram histogram;
  histogram.schema = 8;
  histogram.positive_spans = {{2'000'000'000, 4'000'000'000}, {-5, 7}};
  histogram.positive_buckets = {1, 2};
  EXPECT_FALSE(Shown(histogram).empty());
  histogram.schema = -1000;
  EXPECT_FALSE(Shown(histogram).empty());
}

}  // namespace
}  // namespace thanos::promapi
