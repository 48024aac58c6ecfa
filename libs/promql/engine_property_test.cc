// Random expressions: a range query gives at each step what an instant query at that time gives.

#include <cmath>
#include <gtest/gtest.h>
#include <map>
#include <random>

#include "base/strings.h"
#include "promql/engine.h"
#include "promql/test_source.h"

namespace thanos::promql {
namespace {

constexpr int64_t kStepMs = 37'000;
constexpr int64_t kStartMs = 300'000;
constexpr int64_t kEndMs = kStartMs + 8 * kStepMs;

// Builds random expressions over the metrics of FillSource.
class Generator {
 public:
  explicit Generator(uint64_t seed) : random_(seed) {}

  std::string Vector(int depth) {
    if (depth <= 0) {
      return Selector();
    }
    switch (Pick(9)) {
      case 0:
        return base::Concat(RangeFunction(), "(", Selector(), "[", Duration(), "]", Modifier(), ")");
      case 1:
        return base::Concat(Aggregation(), " (", Vector(depth - 1), ")");
      case 2:
        return base::Concat("(", Vector(depth - 1), " ", Operator(), " ", Scalar(depth - 1), ")");
      case 3:
        return base::Concat("(", Scalar(depth - 1), " ", Operator(), " ", Vector(depth - 1), ")");
      case 4:
        return base::Concat("(", Vector(depth - 1), " ", Operator(),
                            Choose({"", " on(id)", " ignoring(kind)"}), " ", Vector(depth - 1), ")");
      case 5:
        return base::Concat("(", Vector(depth - 1), Choose({" and ", " or ", " unless ", " and on(id) "}),
                            Vector(depth - 1), ")");
      case 6:
        return base::Concat(Choose({"abs", "ceil", "-", "sgn", "timestamp", "absent", "day_of_week"}), "(",
                            Vector(depth - 1), ")");
      case 7:
        return base::Concat(RangeFunction(), "((", Vector(depth - 1), ")[", Duration(), ":",
                            Choose({"10s", "33s", "1m"}), "]", Modifier(), ")");
      default:
        return base::Concat(Choose({"topk", "bottomk", "quantile"}), Choose({"", " by (id)"}), " (0.5 + ",
                            Scalar(depth - 1), " * 0, ", Vector(depth - 1), ")");
    }
  }

 private:
  size_t Pick(size_t count) { return random_() % count; }
  std::string Choose(const std::vector<std::string>& options) { return options[Pick(options.size())]; }
  std::string Selector() {
    return Choose({"a", "b", "c_total", "a{id=\"1\"}", "{__name__=~\"a|b\", id=\"2\"}", "nothing"}) +
           Choose({"", "", "", " offset 45s", " @ 400"});
  }
  std::string Duration() { return Choose({"20s", "1m", "3m", "10m"}); }
  std::string Modifier() { return Choose({"", "", "", ""}); }
  std::string RangeFunction() {
    return Choose({"rate", "increase", "delta", "irate", "sum_over_time", "avg_over_time", "max_over_time",
                   "min_over_time", "count_over_time", "last_over_time", "changes", "deriv",
                   "stddev_over_time"});
  }
  std::string Aggregation() {
    return Choose({"sum", "avg", "min", "max", "count", "group", "stdvar"}) +
           Choose({"", " by (id)", " without (id)", " by (kind, id)"});
  }
  std::string Operator() { return Choose({"+", "-", "*", "/", "%", ">", "<= bool", "!=", "atan2"}); }
  std::string Scalar(int depth) {
    return depth > 0 && Pick(4) == 0 ? base::Concat("scalar(", Vector(depth - 1), ")")
                                     : Choose({"1", "2.5", "time()", "-3"});
  }

  std::mt19937_64 random_;
};

std::string FixModifiers(std::string text) {
  // `x offset 45s[1m]` is written `x[1m] offset 45s`.
  for (const std::string modifier : {" offset 45s", " @ 400"}) {
    for (size_t at = text.find(modifier + "["); at != std::string::npos; at = text.find(modifier + "[")) {
      const size_t close = text.find(']', at);
      text.insert(close + 1, modifier);
      text.erase(at, modifier.size());
    }
  }
  return text;
}

void FillSource(TestSource& source, uint64_t seed) {
  std::mt19937_64 random(seed);
  for (const char* name : {"a", "b", "c_total"}) {
    for (const char* id : {"1", "2", "3"}) {
      for (const char* kind : {"x", "y"}) {
        std::vector<int64_t> timestamps;
        std::vector<double> values;
        for (int64_t t = static_cast<int64_t>(random() % 10'000); t < 700'000; t += 15'000) {
          if (random() % 5 == 0) {
            continue;
          }
          timestamps.push_back(t);
          values.push_back(random() % 12 == 0 ? chunkenc::StaleNan() : static_cast<double>(random() % 9));
        }
        source.Add(labels::Labels{{"__name__", name}, {"id", id}, {"kind", kind}}, timestamps, values);
      }
    }
  }
}

using Step = std::map<labels::Labels, double>;

bool Same(const Step& a, const Step& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const auto& x, const auto& y) {
    return x.first == y.first && (x.second == y.second || (std::isnan(x.second) && std::isnan(y.second)) ||
                                  std::fabs(x.second - y.second) <= 1e-12 * std::fabs(x.second));
  });
}

TEST(EnginePropertyTest, RangeQueriesAgreeWithInstantQueries) {
  concurrency::ThreadPool pool("cpu", 2);
  EngineOptions options;
  options.cpu_pool = &pool;
  options.num_shards = 2;
  const Engine engine(options);
  int evaluated = 0;
  for (uint64_t seed = 1; seed <= 400; ++seed) {
    TestSource source;
    FillSource(source, seed % 7);
    const std::string query = FixModifiers(Generator(seed).Vector(3));
    SCOPED_TRACE(base::Concat("seed ", seed, ": ", query));
    const auto range =
        engine.Query({}, query, {.start_ms = kStartMs, .end_ms = kEndMs, .step_ms = kStepMs}, source);
    ASSERT_NE(range.status().code(), base::StatusCode::kInvalidArgument) << range.status();
    std::map<int64_t, Step> steps;
    if (range.ok()) {
      for (const MatrixSeries& series : std::get<Matrix>(range->value).series) {
        for (size_t i = 0; i < series.values.size(); ++i) {
          ASSERT_TRUE(steps[series.timestamps[i]].emplace(series.labels, series.values[i]).second);
        }
      }
    }
    bool any_failed = false;
    for (int64_t t = kStartMs; t <= kEndMs; t += kStepMs) {
      const auto instant = engine.Query({}, query, {.start_ms = t, .end_ms = t, .instant = true}, source);
      if (!instant.ok()) {
        any_failed = true;
        continue;
      }
      Step want;
      for (const VectorSample& sample : std::get<Vector>(instant->value).samples) {
        ASSERT_TRUE(want.emplace(sample.labels, sample.value).second);
      }
      if (range.ok()) {
        ASSERT_TRUE(Same(want, steps[t])) << "at " << t;
      }
    }
    // Whatever fails at one step fails the range query. (The converse does not hold: equal labels at
    // different steps.)
    EXPECT_FALSE(any_failed && range.ok());
    evaluated += range.ok() ? 1 : 0;
  }
  EXPECT_GT(evaluated, 150);
}

}  // namespace
}  // namespace thanos::promql
