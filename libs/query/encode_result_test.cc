#include "query/encode_result.h"

#include <gtest/gtest.h>

namespace thanos::query {
namespace {

TEST(EncodeResultTest, WritesTheFourTypes) {
  promql::Result result;
  result.value = promql::Scalar{.timestamp_ms = 1'500, .value = 2};
  EXPECT_EQ(EncodeResult(result, {}),
            R"({"status":"success","data":{"resultType":"scalar","result":[1.5,"2"],"analysis":{}}})");
  result.value = promql::String{.timestamp_ms = 1'000, .value = "a\"b"};
  EXPECT_EQ(EncodeResult(result, {}),
            R"({"status":"success","data":{"resultType":"string","result":[1,"a\"b"],"analysis":{}}})");
  promql::Vector vector;
  vector.samples.push_back({.labels = labels::Labels{{"a", "b"}}, .timestamp_ms = 1'000, .value = 0.5});
  vector.samples.push_back({.labels = labels::Labels{}, .timestamp_ms = 1'000, .value = -1});
  result.value = vector;
  EXPECT_EQ(
      EncodeResult(result, {}),
      R"({"status":"success","data":{"resultType":"vector","result":[{"metric":{"a":"b"},"value":[1,"0.5"]},)"
      R"({"metric":{},"value":[1,"-1"]}],"analysis":{}}})");
  promql::Matrix matrix;
  matrix.series.push_back(
      {.labels = labels::Labels{{"a", "b"}}, .timestamps = {1'000, 2'000}, .values = {1, 2}});
  result.value = matrix;
  EXPECT_EQ(EncodeResult(result, {}),
            R"({"status":"success","data":{"resultType":"matrix","result":[{"metric":{"a":"b"},"values":)"
            R"([[1,"1"],[2,"2"]]}],"analysis":{}}})");
  result.value = promql::Matrix{};
  EXPECT_EQ(EncodeResult(result, {}),
            R"({"status":"success","data":{"resultType":"matrix","result":[],"analysis":{}}})");
}

TEST(EncodeResultTest, WritesNativeHistograms) {
  model::Histogram histogram;
  histogram.count = 3;
  histogram.sum = 4.5;
  histogram.positive_spans = {{0, 1}};
  histogram.positive_buckets = {3};
  const auto shared = std::make_shared<const model::Histogram>(histogram);
  const std::string json = R"({"count":"3","sum":"4.5","buckets":[[0,"0.5","1","3"]]})";
  promql::Result result;
  promql::Vector vector;
  vector.samples.push_back({.labels = labels::Labels{}, .timestamp_ms = 1'000, .histogram = shared});
  result.value = vector;
  EXPECT_EQ(EncodeResult(result, {}),
            R"({"status":"success","data":{"resultType":"vector","result":[{"metric":{},"histogram":[1,)" +
                json + R"(]}],"analysis":{}}})");
  promql::Matrix matrix;
  matrix.series.push_back({.labels = labels::Labels{}, .timestamps = {1'000}, .values = {1}});
  matrix.series[0].histograms = {{2'000, shared}, {3'000, shared}};
  matrix.series.push_back({.labels = labels::Labels{{"a", "b"}}, .timestamps = {}, .values = {}});
  matrix.series[1].histograms = {{2'000, shared}};
  result.value = matrix;
  EXPECT_EQ(EncodeResult(result, {}),
            R"({"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[1,"1"]],)"
            R"("histograms":[[2,)" +
                json + "],[3," + json + R"(]]},{"metric":{"a":"b"},"histograms":[[2,)" + json +
                R"(]]}],"analysis":{}}})");
}

TEST(EncodeResultTest, CutsToTheLimitWithAWarning) {
  promql::Result result;
  promql::Vector vector;
  vector.samples.resize(3);
  result.value = vector;
  EXPECT_EQ(EncodeResult(result, {.limit = 1}),
            R"({"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[0,"0"]}],)"
            R"("analysis":{}},"warnings":["results truncated due to limit"]})");
}

TEST(EncodeResultTest, AddsStatsWhenAsked) {
  promql::Result result;
  result.value = promql::Vector{};
  result.stats.total_queryable_samples = 12;
  result.stats.peak_samples = 7;
  const QueryTimings timings{.preparation_seconds = 0.5, .queue_seconds = 0.25, .evaluation_seconds = 1};
  EXPECT_EQ(
      EncodeResult(result, {.timings = &timings}),
      R"({"status":"success","data":{"resultType":"vector","result":[],"stats":{"timings":{"evalTotalTime":1.5,)"
      R"("resultSortTime":0,"queryPreparationTime":0.5,"innerEvalTime":1,"execQueueTime":0.25,)"
      R"("execTotalTime":1.75},"samples":{"totalQueryableSamples":12,"peakSamples":7}},"analysis":{}}})");
}

}  // namespace
}  // namespace thanos::query
