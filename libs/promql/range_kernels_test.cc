// Range kernels against window-by-window computations written as plainly as possible.

#include <cmath>
#include <functional>
#include <gtest/gtest.h>
#include <limits>
#include <random>

#include "base/strings.h"
#include "promql/block.h"
#include "promql/functions/range.h"
#include "promql/functions/table.h"

namespace thanos::promql {
namespace {

struct Point {
  int64_t t;
  double v;
};
using Window = std::vector<Point>;

struct WindowPlace {
  int64_t end_ms;
  int64_t range_ms;
};
using Reference = std::function<double(const Window&, const WindowPlace&)>;

double ReferenceRate(const Window& window, const WindowPlace& place, bool counter, bool per_second) {
  if (window.size() < 2) {
    return kAbsent;
  }
  double increase = window.back().v - window.front().v;
  for (size_t i = 1; counter && i < window.size(); ++i) {
    if (window[i].v < window[i - 1].v) {
      increase += window[i - 1].v;
    }
  }
  const double sampled = static_cast<double>(window.back().t - window.front().t) / 1000;
  const double spacing = sampled / static_cast<double>(window.size() - 1);
  double before = static_cast<double>(window.front().t - (place.end_ms - place.range_ms)) / 1000;
  double after = static_cast<double>(place.end_ms - window.back().t) / 1000;
  before = before >= spacing * 1.1 ? spacing / 2 : before;
  after = after >= spacing * 1.1 ? spacing / 2 : after;
  if (counter && increase > 0 && window.front().v >= 0) {
    before = std::min(before, sampled * (window.front().v / increase));
  }
  const double total = increase * (sampled + before + after) / sampled;
  return per_second ? total / (static_cast<double>(place.range_ms) / 1000) : total;
}

double ReferenceExtremum(const Window& window, bool largest) {
  double best = window.front().v;
  for (const Point& point : window) {
    if (std::isnan(best) || (largest ? point.v > best : point.v < best)) {
      best = point.v;
    }
  }
  return best;
}

double ReferenceMean(const Window& window) {
  long double sum = 0;
  for (const Point& point : window) {
    sum += point.v;
  }
  return static_cast<double>(sum / static_cast<long double>(window.size()));
}

double ReferenceVariance(const Window& window) {
  const long double mean = ReferenceMean(window);
  long double sum = 0;
  for (const Point& point : window) {
    sum += (point.v - mean) * (point.v - mean);
  }
  return static_cast<double>(sum / static_cast<long double>(window.size()));
}

double CountPairs(const Window& window, const std::function<bool(double, double)>& counts) {
  double count = 0;
  for (size_t i = 1; i < window.size(); ++i) {
    count += counts(window[i - 1].v, window[i].v) ? 1 : 0;
  }
  return count;
}

double ReferenceMedian(const Window& window) {
  std::vector<double> sorted;
  for (const Point& point : window) {
    sorted.push_back(point.v);
  }
  std::sort(sorted.begin(), sorted.end());
  const size_t middle = sorted.size() / 2;
  return sorted.size() % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

struct KernelCase {
  std::string name;
  Reference reference;
  bool with_nan = false;
  std::string variant = {};  // distinguishes cases of one function
};

class RangeKernelTest : public ::testing::TestWithParam<KernelCase> {};

bool Close(double want, double got) {
  if (!IsPresent(want) || !IsPresent(got)) {
    return IsPresent(want) == IsPresent(got);
  }
  if (std::isnan(want) || std::isnan(got)) {
    return std::isnan(want) && std::isnan(got);
  }
  return want == got || std::fabs(want - got) <= 1e-9 * (std::fabs(want) + std::fabs(got) + 1e-6);
}

TEST_P(RangeKernelTest, AgreesWithWindowByWindowComputation) {
  const FunctionEntry* entry = FindFunctionEntry(GetParam().name);
  ASSERT_NE(entry, nullptr);
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE(base::Concat("seed ", seed));
    std::mt19937_64 random(seed);
    std::vector<int64_t> timestamps;
    std::vector<double> values;
    int64_t now = -50'000 + static_cast<int64_t>(random() % 100'000);
    for (size_t i = random() % 200; i > 0; --i) {
      now += 1 + static_cast<int64_t>(random() % 30'000);
      timestamps.push_back(now);
      values.push_back(GetParam().with_nan && random() % 4 == 0 ? std::numeric_limits<double>::quiet_NaN()
                                                                : static_cast<double>(random() % 20) - 3);
    }
    const int64_t step_ms = random() % 5 == 0 ? 0 : 1 + static_cast<int64_t>(random() % 60'000);
    const ReferenceTimes times{static_cast<int64_t>(random() % 500'000), step_ms, 1 + random() % 80};
    const int64_t range_ms = 1 + static_cast<int64_t>(random() % 300'000);
    Windows windows;
    windows.Compute(timestamps, times, range_ms);
    const std::vector<std::vector<double>> scalars = {std::vector<double>(times.num_steps, 0.5)};
    RangeScratch scratch;
    Annotations annotations;
    std::vector<double> out(times.num_steps);
    entry->range({.timestamps = timestamps,
                  .values = values,
                  .windows = windows,
                  .times = times,
                  .range_ms = range_ms,
                  .grid = {times.start_ms, std::max<int64_t>(step_ms, 1), times.num_steps},
                  .scalars = scalars,
                  .annotations = &annotations,
                  .scratch = &scratch},
                 out);
    for (size_t step = 0; step < times.num_steps; ++step) {
      Window window;
      for (size_t i = 0; i < timestamps.size(); ++i) {
        if (timestamps[i] > times.At(step) - range_ms && timestamps[i] <= times.At(step)) {
          window.push_back({timestamps[i], values[i]});
        }
      }
      const double want = window.empty() ? kAbsent : GetParam().reference(window, {times.At(step), range_ms});
      ASSERT_TRUE(Close(want, out[step])) << "step " << step << ": want " << want << ", got " << out[step];
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Functions, RangeKernelTest,
    ::testing::Values(
        KernelCase{"rate",
                   [](const Window& w, const WindowPlace& p) { return ReferenceRate(w, p, true, true); }},
        KernelCase{"increase",
                   [](const Window& w, const WindowPlace& p) { return ReferenceRate(w, p, true, false); }},
        KernelCase{"delta",
                   [](const Window& w, const WindowPlace& p) { return ReferenceRate(w, p, false, false); }},
        KernelCase{"min_over_time",
                   [](const Window& w, const WindowPlace&) { return ReferenceExtremum(w, false); }, true},
        KernelCase{"max_over_time",
                   [](const Window& w, const WindowPlace&) { return ReferenceExtremum(w, true); }, true},
        KernelCase{"avg_over_time", [](const Window& w, const WindowPlace&) { return ReferenceMean(w); },
                   true},
        KernelCase{"sum_over_time",
                   [](const Window& w, const WindowPlace&) {
                     return ReferenceMean(w) * static_cast<double>(w.size());
                   },
                   true},
        KernelCase{"avg_over_time", [](const Window& w, const WindowPlace&) { return ReferenceMean(w); },
                   false, "_whole"},
        KernelCase{"sum_over_time",
                   [](const Window& w, const WindowPlace&) {
                     return ReferenceMean(w) * static_cast<double>(w.size());
                   },
                   false, "_whole"},
        KernelCase{"count_over_time",
                   [](const Window& w, const WindowPlace&) { return static_cast<double>(w.size()); }},
        KernelCase{"last_over_time", [](const Window& w, const WindowPlace&) { return w.back().v; }, true},
        KernelCase{"stdvar_over_time",
                   [](const Window& w, const WindowPlace&) { return ReferenceVariance(w); }},
        KernelCase{"stddev_over_time",
                   [](const Window& w, const WindowPlace&) { return std::sqrt(ReferenceVariance(w)); }},
        KernelCase{"quantile_over_time",
                   [](const Window& w, const WindowPlace&) { return ReferenceMedian(w); }},
        KernelCase{"changes",
                   [](const Window& w, const WindowPlace&) {
                     return CountPairs(
                         w, [](double a, double b) { return a != b && !(std::isnan(a) && std::isnan(b)); });
                   },
                   true},
        KernelCase{"resets",
                   [](const Window& w, const WindowPlace&) {
                     return CountPairs(w, [](double a, double b) { return b < a; });
                   },
                   true},
        KernelCase{
            "ts_of_last_over_time",
            [](const Window& w, const WindowPlace&) { return static_cast<double>(w.back().t) / 1000; }}),
    [](const auto& param_info) { return param_info.param.name + param_info.param.variant; });

TEST(WindowsTest, InstantSelectionStopsAtStaleMarkersAndLookback) {
  const std::vector<int64_t> timestamps = {0, 60'000, 120'000};
  const std::vector<double> values = {1, chunkenc::StaleNan(), 3};
  std::vector<double> out(6);
  const size_t found = FillInstant(timestamps, values, {0, 30'000, 6}, 60'000, out);
  EXPECT_EQ(found, 4U);
  EXPECT_EQ(out[0], 1);
  EXPECT_EQ(out[1], 1);
  EXPECT_FALSE(IsPresent(out[2]));
  EXPECT_FALSE(IsPresent(out[3]));
  EXPECT_EQ(out[4], 3);
  EXPECT_EQ(out[5], 3);
}

TEST(WindowsTest, RemovesStaleMarkersOnly) {
  std::vector<int64_t> timestamps = {1, 2, 3, 4};
  std::vector<double> values = {1, chunkenc::StaleNan(), std::nan(""), 4};
  RemoveStaleMarkers(timestamps, values);
  EXPECT_EQ(timestamps, (std::vector<int64_t>{1, 3, 4}));
  EXPECT_TRUE(std::isnan(values[1]));
}

}  // namespace
}  // namespace thanos::promql
