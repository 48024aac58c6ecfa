#include "promql/engine.h"

#include <cmath>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <random>

#include "base/strings.h"
#include "promql/test_histogram.h"
#include "promql/test_source.h"

namespace thanos::promql {
namespace {

using ::testing::HasSubstr;

labels::Labels Series(std::string_view name, std::string_view id) {
  return labels::Labels{{"__name__", name}, {"id", id}};
}

// `count` counters with a sample every 15 s over one hour.
void FillCounters(TestSource& source, int count) {
  std::mt19937_64 random(7);
  for (int i = 0; i < count; ++i) {
    std::vector<int64_t> timestamps;
    std::vector<double> values;
    double value = 0;
    for (int64_t t = 0; t <= 3'600'000; t += 15'000) {
      value += static_cast<double>(random() % 1000) / 7;
      timestamps.push_back(t);
      values.push_back(value);
    }
    const std::string id = std::to_string(i);
    source.Add(labels::Labels{{"__name__", "c_total"}, {"group", i % 3 == 0 ? "a" : "b"}, {"id", id}},
               timestamps, values);
  }
}

constexpr QueryOptions kHour{.start_ms = 600'000, .end_ms = 3'600'000, .step_ms = 60'000};

TEST(EngineTest, ShardsGiveTheSameBitsWhateverThePoolDoes) {
  TestSource source;
  FillCounters(source, 500);
  concurrency::ThreadPool pool("cpu", 4);
  EngineOptions options;
  options.num_shards = 3;
  const Engine serial(options);
  options.cpu_pool = &pool;
  const Engine parallel(options);
  for (const char* query :
       {"sum by (group) (rate(c_total[5m]))", "avg(c_total)", "stddev by (group) (c_total)",
        "max(increase(c_total[10m])) - min(c_total)", "rate(c_total[3m])"}) {
    const auto want = serial.Query(base::CancelToken(), query, kHour, source);
    ASSERT_TRUE(want.ok()) << want.status();
    for (const size_t batch_size : {1U, 64U, 177U}) {
      source.set_batch_size(batch_size);
      const auto got = parallel.Query(base::CancelToken(), query, kHour, source);
      ASSERT_TRUE(got.ok()) << got.status();
      const auto& want_series = std::get<Matrix>(want->value).series;
      const auto& got_series = std::get<Matrix>(got->value).series;
      ASSERT_EQ(want_series.size(), got_series.size());
      for (size_t i = 0; i < want_series.size(); ++i) {
        EXPECT_EQ(want_series[i].labels, got_series[i].labels);
        EXPECT_EQ(want_series[i].timestamps, got_series[i].timestamps);
        EXPECT_EQ(want_series[i].values, got_series[i].values) << query;
      }
    }
  }
}

TEST(EngineTest, ReturnsEachType) {
  TestSource source;
  source.Add(Series("m", "1"), {0, 60'000}, {1, 2});
  const Engine engine{EngineOptions()};
  const QueryOptions at{.start_ms = 60'000, .end_ms = 60'000, .instant = true};
  EXPECT_EQ(std::get<Scalar>(engine.Query({}, "1 + 1", at, source)->value).value, 2);
  EXPECT_EQ(std::get<String>(engine.Query({}, "\"x\"", at, source)->value).value, "x");
  const auto vector = engine.Query({}, "m", at, source);
  ASSERT_EQ(std::get<Vector>(vector->value).samples.size(), 1U);
  EXPECT_EQ(std::get<Vector>(vector->value).samples[0].timestamp_ms, 60'000);
  const auto matrix = engine.Query({}, "m[2m]", at, source);
  EXPECT_EQ(std::get<Matrix>(matrix->value).series[0].timestamps, (std::vector<int64_t>{0, 60'000}));
  const auto scalar_range =
      engine.Query({}, "time()", {.start_ms = 0, .end_ms = 2'000, .step_ms = 1'000}, source);
  EXPECT_EQ(std::get<Matrix>(scalar_range->value).series[0].values, (std::vector<double>{0, 1, 2}));
}

TEST(EngineTest, RefusesRangeQueriesOfOtherTypes) {
  TestSource source;
  const Engine engine{EngineOptions()};
  const QueryOptions range{.start_ms = 0, .end_ms = 60'000, .step_ms = 1'000};
  for (const char* query : {"m[5m]", "\"text\""}) {
    const auto result = engine.Query({}, query, range, source);
    EXPECT_EQ(result.status().code(), base::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(base::Message(result.status())), HasSubstr("must be Scalar or instant Vector"));
  }
}

TEST(EngineTest, PassesHintsAsPrometheusComputesThem) {
  TestSource source;
  EngineOptions options;
  options.lookback_ms = 300'000;
  const Engine engine(options);
  const QueryOptions range{.start_ms = 1'000'000, .end_ms = 2'000'000, .step_ms = 10'000};
  ASSERT_TRUE(
      engine.Query({}, "sum by (job) (rate(m[2m] offset 1m)) + max(n) + (o @ 500)", range, source).ok());
  ASSERT_EQ(source.hints().size(), 3U);
  const auto find = [&](int64_t range_ms, std::string_view function) -> const SelectHints& {
    for (const SelectHints& hints : source.hints()) {
      if (hints.range_ms == range_ms && hints.function == function) {
        return hints;
      }
    }
    ADD_FAILURE() << "no hints for " << function;
    return source.hints()[0];
  };
  const SelectHints& rate = find(120'000, "rate");
  EXPECT_EQ(rate.start_ms, 1'000'000 - 60'000 - 120'000 + 1);
  EXPECT_EQ(rate.end_ms, 2'000'000 - 60'000);
  EXPECT_EQ(rate.step_ms, 10'000);
  EXPECT_TRUE(rate.grouping_labels.empty());
  const SelectHints& max = find(0, "max");
  EXPECT_EQ(max.start_ms, 1'000'000 - 300'000 + 1);
  EXPECT_TRUE(max.grouping_by);
  const SelectHints& fixed = find(0, "");
  EXPECT_EQ(fixed.start_ms, 500'000 - 300'000 + 1);
  EXPECT_EQ(fixed.end_ms, 500'000);
}

TEST(EngineTest, SubqueryHintsReachBack) {
  TestSource source;
  const Engine engine{EngineOptions()};
  const QueryOptions at{.start_ms = 1'000'000, .end_ms = 1'000'000, .instant = true};
  ASSERT_TRUE(engine.Query({}, "max_over_time(rate(m[1m])[10m:20s] offset 5m)", at, source).ok());
  ASSERT_EQ(source.hints().size(), 1U);
  EXPECT_EQ(source.hints()[0].start_ms, 1'000'000 - 300'000 - 600'000 - 60'000 + 1);
  EXPECT_EQ(source.hints()[0].end_ms, 1'000'000 - 300'000);
  EXPECT_EQ(source.hints()[0].step_ms, 20'000);
  EXPECT_EQ(source.hints()[0].function, "rate");
}

TEST(EngineTest, LimitsSamples) {
  TestSource source;
  FillCounters(source, 100);
  EngineOptions options;
  options.max_samples = 1'000;
  const auto result = Engine(options).Query({}, "c_total", kHour, source);
  EXPECT_EQ(result.status().code(), base::StatusCode::kResourceExhausted);
  EXPECT_EQ(base::Message(result.status()),
            "query processing would load too many samples into memory in query execution");
  // Aggregation holds the groups only.
  EXPECT_TRUE(Engine(options).Query({}, "sum(c_total)", kHour, source).ok());
  EXPECT_EQ(Engine(options).Query({}, "sum(vector(1)[10y:1ms])", kHour, source).status().code(),
            base::StatusCode::kInvalidArgument);
  EXPECT_EQ(Engine(options).Query({}, "sum_over_time(vector(1)[10y:1ms])", kHour, source).status().code(),
            base::StatusCode::kResourceExhausted);
}

TEST(EngineTest, StopsWhenCancelled) {
  TestSource source;
  FillCounters(source, 10);
  base::CancelSource cancel;
  cancel.Cancel();
  const auto result = Engine(EngineOptions()).Query(cancel.token(), "sum(c_total)", kHour, source);
  EXPECT_EQ(result.status().code(), base::StatusCode::kCancelled);
  const base::CancelSource expired(base::CancelToken(), base::SteadyNow());
  const auto late = Engine(EngineOptions()).Query(expired.token(), "sum(c_total)", kHour, source);
  EXPECT_EQ(late.status().code(), base::StatusCode::kDeadlineExceeded);
  EXPECT_THAT(std::string(base::Message(late.status())), HasSubstr("query timed out"));
}

TEST(EngineTest, ReportsErrorsOfShards) {
  TestSource source;
  FillCounters(source, 300);
  source.set_decode_status(base::DataLoss("chunk 7 is damaged"));
  concurrency::ThreadPool pool("cpu", 2);
  EngineOptions options;
  options.cpu_pool = &pool;
  const auto result = Engine(options).Query({}, "sum(c_total)", kHour, source);
  EXPECT_EQ(result.status().code(), base::StatusCode::kDataLoss);
}

// A counter with a few buckets, every minute.
void FillHistograms(TestSource& source, int num_series) {
  for (int id = 0; id < num_series; ++id) {
    chunkenc::SampleColumns columns;
    for (int i = 0; i < 60; ++i) {
      model::Histogram histogram;
      histogram.positive_spans = {{id % 3, 2}};
      histogram.positive_buckets = {100.0 * i, 200.0 * i + id};
      histogram.count = 300.0 * i + id;
      histogram.sum = i;
      columns.histograms.push_back({columns.size(), histogram});
      columns.timestamps.push_back(i * int64_t{60'000});
      columns.values.push_back(0);
    }
    source.Add(labels::Labels{{"__name__", "h"}, {"id", std::to_string(id)}}, columns);
  }
}

TEST(EngineTest, HistogramsAreFoldedAcrossShards) {
  TestSource source;
  FillHistograms(source, 700);
  concurrency::ThreadPool pool("cpu", 2);
  EngineOptions options;
  options.cpu_pool = &pool;
  options.num_shards = 3;
  for (const char* query : {"sum(h)", "avg(h)", "sum(rate(h[5m]))", "count(h)", "histogram_count(sum(h))"}) {
    const auto sharded = Engine(options).Query({}, query, kHour, source);
    const auto plain = Engine(EngineOptions()).Query({}, query, kHour, source);
    ASSERT_TRUE(sharded.ok() && plain.ok()) << sharded.status() << plain.status();
    const Matrix& got = std::get<Matrix>(sharded->value);
    const Matrix& want = std::get<Matrix>(plain->value);
    ASSERT_EQ(got.series.size(), 1U) << query;
    EXPECT_EQ(got.series[0].values, want.series[0].values) << query;
    ASSERT_EQ(got.series[0].histograms.size(), want.series[0].histograms.size()) << query;
    EXPECT_GT(got.series[0].histograms.size() + got.series[0].values.size(), 40U) << query;
    for (size_t i = 0; i < got.series[0].histograms.size(); ++i) {
      EXPECT_TRUE(SameTestHistogram(*want.series[0].histograms[i].histogram,
                                    *got.series[0].histograms[i].histogram, true))
          << query;
    }
  }
}

TEST(EngineTest, HistogramsCountAgainstTheSampleLimit) {
  TestSource source;
  FillHistograms(source, 100);
  EngineOptions options;
  // As floats, the result has some 6000 samples; each histogram counts for a dozen.
  options.max_samples = 20'000;
  EXPECT_EQ(Engine(options).Query({}, "rate(h[5m])", kHour, source).status().code(),
            base::StatusCode::kResourceExhausted);
  options.max_samples = 200'000;
  EXPECT_TRUE(Engine(options).Query({}, "rate(h[5m])", kHour, source).ok());
}

TEST(EngineTest, EvaluatesDeepExpressions) {
  TestSource source;
  source.Add(Series("m", "1"), {0, 60'000}, {1, 2});
  const QueryOptions at{.start_ms = 60'000, .end_ms = 60'000, .instant = true};
  std::string chain = "m";
  std::string nested = "(m + m)";
  for (int i = 0; i < 300; ++i) {
    chain += " + m";
    nested = "-abs(" + nested + ")";
  }
  for (const std::string& query : {chain, nested}) {
    const auto result = Engine(EngineOptions()).Query({}, query, at, source);
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_EQ(std::get<Vector>(result->value).samples.size(), 1U);
  }
}

TEST(EngineTest, CountsSamples) {
  TestSource source;
  FillCounters(source, 4);
  const auto result = Engine(EngineOptions()).Query({}, "sum(rate(c_total[1m]))", kHour, source);
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->stats.series_selected, 4);
  // Four samples in each of 51 windows of four series.
  EXPECT_EQ(result->stats.total_queryable_samples, 4 * 51 * 4);
  EXPECT_TRUE(result->stats.samples_per_step.empty());
  EXPECT_GT(result->stats.peak_samples, 0);
}

}  // namespace
}  // namespace thanos::promql
