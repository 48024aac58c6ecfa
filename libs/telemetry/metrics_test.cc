#include "telemetry/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "concurrency/thread_pool.h"

namespace thanos::telemetry {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(MetricsTest, SameNameAndLabelsIsTheSameInstrument) {
  const auto registry = Registry::Create();
  Counter& first = registry->AddCounter("thanos_things_total", "Things.", {{"a", "1"}, {"b", "2"}});
  Counter& second = registry->AddCounter("thanos_things_total", "Things.", {{"b", "2"}, {"a", "1"}});
  Counter& other = registry->AddCounter("thanos_things_total", "Things.", {{"a", "2"}});
  EXPECT_EQ(&first, &second);
  EXPECT_NE(&first, &other);
  first.Increment();
  second.Increment(2);
  EXPECT_EQ(first.Value(), 3);
}

TEST(MetricsTest, ExposesTextFormatSorted) {
  const auto registry = Registry::Create();
  registry->AddGauge("thanos_z", "Last.", {}).Set(-1.5);
  registry->AddCounter("thanos_a_total", "First.", {{"x", "2"}}).Increment();
  registry->AddCounter("thanos_a_total", "First.", {{"x", "1\"\n"}}).Increment(5);
  Histogram& histogram = registry->AddHistogram("thanos_h_seconds", "Middle.", {0.1, 1}, {{"op", "get"}});
  histogram.Observe(0.05);
  histogram.Observe(0.5);
  histogram.Observe(5);
  Summary& summary = registry->AddSummary("thanos_s_seconds", "Summary.", {{"op", "get"}});
  summary.Observe(2);
  summary.Observe(3);
  registry->AddGaugeCallback("thanos_m", "Callback.", {{"k", "v"}}, [] { return 7.0; });
  const std::string text = registry->Expose();
  EXPECT_THAT(text, HasSubstr("# HELP thanos_a_total First.\n# TYPE thanos_a_total counter\n"
                              "thanos_a_total{x=\"1\\\"\\n\"} 5\nthanos_a_total{x=\"2\"} 1\n"
                              "# HELP thanos_h_seconds Middle.\n# TYPE thanos_h_seconds histogram\n"));
  EXPECT_THAT(text, HasSubstr("thanos_h_seconds_bucket{op=\"get\",le=\"0.1\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("thanos_h_seconds_bucket{op=\"get\",le=\"1\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("thanos_h_seconds_bucket{op=\"get\",le=\"+Inf\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("thanos_h_seconds_count{op=\"get\"} 3\n"));
  EXPECT_THAT(
      text,
      HasSubstr("# TYPE thanos_s_seconds summary\nthanos_s_seconds_count{op=\"get\"} 2\n"
                "thanos_s_seconds_sum{op=\"get\"} 5\nthanos_s_seconds{op=\"get\",quantile=\"0.5\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("thanos_m{k=\"v\"} 7\n"));
  EXPECT_THAT(text, HasSubstr("thanos_z -1.5\n"));
  EXPECT_LT(text.find("thanos_m"), text.find("thanos_z"));
}

TEST(MetricsTest, ExposesProcessMetrics) {
  const std::string text = Registry::Create()->Expose();
  for (const char* name :
       {"process_cpu_seconds_total", "process_resident_memory_bytes", "process_virtual_memory_bytes",
        "process_open_fds", "process_max_fds", "process_start_time_seconds"}) {
    EXPECT_THAT(text, HasSubstr(std::string("\n") + name + " ")) << name;
  }
}

TEST(MetricsTest, RemoveTakesOneInstrument) {
  const auto registry = Registry::Create();
  registry->AddGauge("thanos_g", "G.", {{"a", "1"}}).Set(1);
  registry->AddGauge("thanos_g", "G.", {{"a", "2"}}).Set(2);
  registry->AddGaugeCallback("thanos_c", "C.", {}, [] { return 1.0; });
  registry->Remove("thanos_g", {{"a", "1"}});
  registry->Remove("thanos_g", {{"a", "unknown"}});
  registry->Remove("thanos_unknown", {});
  registry->Remove("thanos_c", {});
  const std::string text = registry->Expose();
  EXPECT_THAT(text, Not(HasSubstr("a=\"1\"")));
  EXPECT_THAT(text, HasSubstr("thanos_g{a=\"2\"} 2"));
  EXPECT_THAT(text, Not(HasSubstr("thanos_c")));
}

TEST(MetricsTest, CountsFromManyThreads) {
  const auto registry = Registry::Create();
  {
    concurrency::ThreadPool pool("count", 4);
    for (int i = 0; i < 400; ++i) {
      pool.Submit([&] {
        registry->AddCounter("thanos_c_total", "C.", {{"worker", "x"}}).Increment();
        registry->AddHistogram("thanos_h", "H.", {1}, {}).Observe(1);
      });
    }
  }
  EXPECT_EQ(registry->AddCounter("thanos_c_total", "C.", {{"worker", "x"}}).Value(), 400);
  EXPECT_THAT(registry->Expose(), HasSubstr("thanos_h_count 400"));
}

TEST(MetricsTest, NullRegistryExposesNothing) {
  NullRegistry().AddCounter("x_total", "X.").Increment();
  EXPECT_EQ(NullRegistry().Expose(), "");
}

TEST(MetricsTest, ExponentialBoundsMultiply) {
  EXPECT_THAT(ExponentialBounds(1, 10, 3), ::testing::ElementsAre(1, 10, 100));
}

}  // namespace
}  // namespace thanos::telemetry
