// What a query may take: selections, memory, time after it was given up; and where its annotations go.

#include <cmath>
#include <ctime>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "promql/engine.h"
#include "promql/test_source.h"

namespace thanos::promql {
namespace {

using ::testing::ElementsAre;

constexpr QueryOptions kHour{.start_ms = 600'000, .end_ms = 3'600'000, .step_ms = 60'000};

void Fill(TestSource& source, std::string_view name, int num_series, int64_t end_ms, int64_t interval_ms) {
  std::vector<int64_t> timestamps;
  std::vector<double> values;
  for (int64_t t = 0; t <= end_ms; t += interval_ms) {
    timestamps.push_back(t);
    values.push_back(std::sin(static_cast<double>(t)));
  }
  for (int i = 0; i < num_series; ++i) {
    source.Add(labels::Labels{{"__name__", name}, {"id", std::to_string(i)}}, timestamps, values);
  }
}

TEST(SelectionTest, EqualSelectorsAreSelectedOnce) {
  struct Case {
    std::string_view query;
    size_t selections;
  };
  for (const Case& test :
       {Case{"sum(rate(m[1m])) / sum(rate(m[1m]))", 1}, Case{"m + m + m * m", 1}, Case{"sum(m) / avg(m)", 1},
        Case{"m - m offset 5m", 1}, Case{"m - m offset 2h", 2}, Case{"max(m) - min(m)", 2},
        Case{"rate(m[1m]) / rate(m[5m])", 2}, Case{"rate(m[1m]) / increase(m[1m])", 2}, Case{"m + n", 2},
        Case{"m{id=\"1\"} + m", 2}, Case{"info(m)", 1}}) {
    TestSource source;
    Fill(source, "m", 300, 3'600'000, 15'000);
    Fill(source, "n", 3, 3'600'000, 15'000);
    source.set_batch_size(64);
    EngineOptions options;
    options.enable_experimental = true;
    const auto result = Engine(options).Query({}, test.query, kHour, source);
    ASSERT_TRUE(result.ok()) << test.query << " " << result.status();
    EXPECT_EQ(source.hints().size(), test.selections) << test.query;
  }
}

TEST(SelectionTest, SharedSelectionsCoverAllWindows) {
  TestSource source;
  Fill(source, "m", 3, 3'600'000, 15'000);
  const Engine engine{EngineOptions()};
  const auto shared = engine.Query({}, "m - m offset 5m", kHour, source);
  ASSERT_TRUE(shared.ok());
  ASSERT_EQ(source.hints().size(), 1U);
  EXPECT_EQ(source.hints()[0].start_ms, 600'000 - 600'000 + 1);
  EXPECT_EQ(source.hints()[0].end_ms, 3'600'000);
  const auto apart = engine.Query({}, "m - (m offset 5m > -Inf)", kHour, source);
  ASSERT_TRUE(apart.ok());
  const auto& series = std::get<Matrix>(shared->value).series;
  ASSERT_EQ(series.size(), 3U);
  EXPECT_EQ(series[0].values, std::get<Matrix>(apart->value).series[0].values);
  EXPECT_EQ(series[0].values.size(), 51U);
}

// Tells how many selections were open when the first one was read.
class CountingSource final : public SeriesSource {
 public:
  base::StatusOr<std::unique_ptr<SelectedSeries>> Select(const base::CancelToken&,
                                                         const std::vector<labels::Matcher>& matchers,
                                                         const SelectHints&) override {
    ++opened_;
    if (matchers.back().value() == "bad") {
      return base::Unavailable("store is away");
    }
    return std::make_unique<Empty>(*this);
  }
  int opened_at_first_read = 0;

 private:
  struct Empty final : SelectedSeries {
    explicit Empty(CountingSource& owner) : source(owner) {}
    base::StatusOr<bool> Next(const base::CancelToken&, series::SeriesBatch*) override {
      source.opened_at_first_read =
          source.opened_at_first_read == 0 ? source.opened_ : source.opened_at_first_read;
      return false;
    }
    base::Status Decode(const series::Series&, int64_t, int64_t, chunkenc::SampleColumns*) const override {
      return base::OkStatus();
    }
    CountingSource& source;
  };
  int opened_ = 0;
};

TEST(SelectionTest, AFewAreOpenedAhead) {
  CountingSource source;
  ASSERT_TRUE(Engine(EngineOptions()).Query({}, "a + b + c + d + e + f", kHour, source).ok());
  EXPECT_EQ(source.opened_at_first_read, 4);
}

TEST(SelectionTest, FailuresOfLaterSelectionsAreReported) {
  CountingSource source;
  const auto result = Engine(EngineOptions()).Query({}, "a + bad", kHour, source);
  EXPECT_EQ(result.status().code(), base::StatusCode::kUnavailable);
  EXPECT_EQ(base::Message(result.status()), "expanding series: store is away");
}

TEST(SampleLimitTest, CountsIntermediateResults) {
  TestSource source;
  Fill(source, "m", 40, 3'600'000, 15'000);
  EngineOptions options;
  options.max_samples = 3'000;  // 40 series with 51 steps are 2040
  const Engine engine(options);
  EXPECT_TRUE(engine.Query({}, "count(m)", kHour, source).ok());
  EXPECT_TRUE(engine.Query({}, "sum(rate(m[1m]))", kHour, source).ok());
  for (const char* query :
       {"m + m", "m or m offset 1s", "label_replace(m, \"a\", \"\", \"\", \"\") * m",
        "quantile_over_time(0.5, m[1h:1s])", "sum_over_time(vector(time() + time())[1h:1s])",
        "absent_over_time(vector(1)[2h:1s])", "max_over_time(vector(1)[10y:1ms])"}) {
    EXPECT_EQ(engine.Query({}, query, kHour, source).status().code(), base::StatusCode::kResourceExhausted)
        << query;
  }
  const QueryOptions at{.start_ms = 3'600'000, .end_ms = 3'600'000, .instant = true};
  EXPECT_EQ(engine.Query({}, "m[1h]", at, source).status().code(), base::StatusCode::kResourceExhausted);
}

TEST(SampleLimitTest, CountsWhatOneSeriesDecodesTo) {
  TestSource source;
  Fill(source, "m", 1, 3'600'000, 100);
  EngineOptions options;
  options.max_samples = 10'000;
  EXPECT_EQ(Engine(options).Query({}, "sum(rate(m[5m]))", kHour, source).status().code(),
            base::StatusCode::kResourceExhausted);
}

// Cancels the query when the last series was decoded: from then on evaluation alone goes on.
class CancellingSource final : public SeriesSource {
 public:
  CancellingSource(TestSource& inner, base::CancelSource& cancel, int after)
      : inner_(inner), cancel_(cancel), left_(after) {}
  base::StatusOr<std::unique_ptr<SelectedSeries>> Select(const base::CancelToken& cancel,
                                                         const std::vector<labels::Matcher>& matchers,
                                                         const SelectHints& hints) override {
    auto selected = inner_.Select(cancel, matchers, hints);
    return !selected.ok() ? std::move(selected)
                          : base::StatusOr<std::unique_ptr<SelectedSeries>>(
                                std::make_unique<Selected>(*std::move(selected), *this));
  }
  std::clock_t cancelled_at = 0;

 private:
  struct Selected final : SelectedSeries {
    Selected(std::unique_ptr<SelectedSeries> selected, CancellingSource& owner)
        : inner(std::move(selected)), source(owner) {}
    base::StatusOr<bool> Next(const base::CancelToken& cancel, series::SeriesBatch* batch) override {
      return inner->Next(cancel, batch);
    }
    base::Status Decode(const series::Series& series, int64_t min_ms, int64_t max_ms,
                        chunkenc::SampleColumns* out) const override {
      if (--source.left_ == 0) {
        source.cancel_.Cancel();
        source.cancelled_at = std::clock();
      }
      return inner->Decode(series, min_ms, max_ms, out);
    }
    std::unique_ptr<SelectedSeries> inner;
    CancellingSource& source;
  };
  TestSource& inner_;
  base::CancelSource& cancel_;
  int left_;
};

class CancellationTest : public ::testing::TestWithParam<std::string_view> {};

TEST_P(CancellationTest, EndsWithinATenthOfASecond) {
  // Each query would go on for seconds.
  TestSource source;
  Fill(source, "wide", 2'000, 3'600'000, 60'000);
  Fill(source, "long", 1, 36'000'000, 100);
  const bool is_long = GetParam().find("long") != std::string_view::npos;
  base::CancelSource cancel;
  CancellingSource cancelling(source, cancel, is_long ? 1 : 2'000);
  const QueryOptions steps{.start_ms = 0, .end_ms = 36'000'000, .step_ms = 4'000};
  EngineOptions options;
  options.max_samples = 1'000'000'000;
  options.enable_experimental = true;
  const auto result = Engine(options).Query(cancel.token(), GetParam(), steps, cancelling);
  const double seconds = static_cast<double>(std::clock() - cancelling.cancelled_at) / CLOCKS_PER_SEC;
  EXPECT_EQ(result.status().code(), base::StatusCode::kCancelled) << result.status();
  ASSERT_NE(cancelling.cancelled_at, 0);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  EXPECT_LT(seconds, 0.1);
#else
  (void)seconds;
#endif
}

INSTANTIATE_TEST_SUITE_P(Loops, CancellationTest,
                         ::testing::Values("quantile(0.5, wide)", "topk(5, wide)",
                                           "count_values(\"v\", wide)", "quantile_over_time(0.5, long[5h])",
                                           "mad_over_time(long[5h])", "stddev_over_time(long[5h])",
                                           "sum_over_time(long[5h])", "deriv(long[5h])",
                                           "predict_linear(long[5h], 1)",
                                           "double_exponential_smoothing(long[5h], 0.5, 0.5)",
                                           "ts_of_max_over_time(long[5h])"));

TEST(SampleCountTest, TellsWhatEachStepReads) {
  TestSource source;
  Fill(source, "m", 2, 3'600'000, 15'000);
  EngineOptions options;
  ASSERT_TRUE(EnableFeature("promql-per-step-stats", &options));
  const QueryOptions steps{.start_ms = 600'000, .end_ms = 720'000, .step_ms = 60'000};
  const auto samples_of = [&](std::string_view query) {
    const auto result = Engine(options).Query({}, query, steps, source);
    EXPECT_TRUE(result.ok()) << result.status();
    int64_t total = 0;
    for (const int64_t samples : result->stats.samples_per_step) {
      total += samples;
    }
    EXPECT_EQ(result->stats.total_queryable_samples, total);
    return result->stats.samples_per_step;
  };
  EXPECT_THAT(samples_of("m"), ElementsAre(2, 2, 2));
  EXPECT_THAT(samples_of("sum(rate(m[1m])) + count(m offset 1h)"), ElementsAre(8, 8, 8));
  // Read once, it counts for every step; subqueries count for the last one.
  EXPECT_THAT(samples_of("m @ 600"), ElementsAre(2, 2, 2));
  EXPECT_THAT(samples_of("sum_over_time(m{id=\"1\"}[1m:30s])"), ElementsAre(0, 0, 6));
}

TEST(AnnotationPlacementTest, ThanosHasAllInWarningsWithoutPosition) {
  TestSource source;
  Fill(source, "m", 1, 3'600'000, 15'000);
  const auto result = Engine(EngineOptions()).Query({}, "quantile(2, m) + sum(rate(m[1m]))", kHour, source);
  ASSERT_TRUE(result.ok());
  EXPECT_THAT(result->warnings,
              ElementsAre("PromQL warning: quantile value should be between 0 and 1, got 2",
                          "PromQL info: metric might not be a counter, name does not end in "
                          "_total/_sum/_count/_bucket: \"m\""));
  EXPECT_TRUE(result->infos.empty());
}

TEST(AnnotationPlacementTest, PrometheusSeparatesInfosAndTellsPositions) {
  TestSource source;
  Fill(source, "m", 1, 3'600'000, 15'000);
  EngineOptions options;
  options.separate_infos = true;
  const auto result = Engine(options).Query({}, "quantile(2, m) +\n  sum(rate(m[1m]))", kHour, source);
  ASSERT_TRUE(result.ok());
  EXPECT_THAT(result->warnings,
              ElementsAre("PromQL warning: quantile value should be between 0 and 1, got 2 (1:10)"));
  EXPECT_THAT(result->infos, ElementsAre("PromQL info: metric might not be a counter, name does not end in "
                                         "_total/_sum/_count/_bucket: \"m\" (2:12)"));
}

TEST(AnnotationPlacementTest, TenOfAKindAreListed) {
  TestSource source;
  for (int i = 0; i < 15; ++i) {
    Fill(source, "m" + std::to_string(i), 1, 3'600'000, 15'000);
  }
  EngineOptions options;
  options.delayed_name_removal = true;
  const auto all = Engine(options).Query({}, "count(rate({__name__=~\"m.*\"}[1m]))", kHour, source);
  ASSERT_TRUE(all.ok()) << all.status();
  ASSERT_EQ(all->warnings.size(), 11U);
  EXPECT_EQ(all->warnings[10], "5 more info annotations omitted");
  options.separate_infos = true;
  const auto apart = Engine(options).Query({}, "count(rate({__name__=~\"m.*\"}[1m]))", kHour, source);
  EXPECT_TRUE(apart->warnings.empty());
  EXPECT_EQ(apart->infos.size(), 11U);
}

TEST(FeatureTest, NamesAreThoseOfPrometheus) {
  EngineOptions options;
  EXPECT_FALSE(EnableFeature("no-such-feature", &options));
  const std::pair<std::string_view, std::string_view> features[] = {
      {"promql-experimental-functions", "limitk(1, m)"},
      {"promql-duration-expr", "m offset (1m + 1m)"},
      {"promql-extended-range-selectors", "rate(m[5m] smoothed)"},
      {"promql-binop-fill-modifiers", "m + fill(1) m"}};
  TestSource source;
  for (const auto& [feature, query] : features) {
    EXPECT_EQ(Engine(options).Query({}, query, kHour, source).status().code(),
              base::StatusCode::kInvalidArgument);
    EXPECT_TRUE(EnableFeature(feature, &options));
    EXPECT_TRUE(Engine(options).Query({}, query, kHour, source).ok()) << query;
  }
  EXPECT_TRUE(EnableFeature("promql-delayed-name-removal", &options));
  EXPECT_TRUE(options.delayed_name_removal);
  EXPECT_TRUE(EnableFeature("type-and-unit-labels", &options));
  EXPECT_TRUE(options.type_and_unit_labels);
}

}  // namespace
}  // namespace thanos::promql
