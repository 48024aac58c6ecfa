// Queries over synthetic series in XOR chunks: 10 000 counters of 240 samples, 15 s apart with scrape jitter,
// resets and gaps. Rates are per sample decoded.

#include <benchmark/benchmark.h>
#include <random>

#include "base/strings.h"
#include "promql/engine.h"
#include "promql/test_source.h"
#include "promql_parser/parser.h"

namespace thanos::promql {
namespace {

constexpr int kSeries = 10'000;
constexpr int kSamples = 240;
constexpr int64_t kSpacingMs = 15'000;

TestSource& Source() {
  static TestSource* const source = [] {
    auto* made = new TestSource;
    made->set_batch_size(500);
    std::mt19937_64 random(1);
    for (int i = 0; i < kSeries; ++i) {
      std::vector<int64_t> timestamps;
      std::vector<double> values;
      double value = static_cast<double>(random() % 100'000);
      const bool jitters = i % 4 == 0;
      for (int sample = 0; sample < kSamples; ++sample) {
        if (random() % 500 == 0) {
          continue;
        }
        value = random() % 1000 == 0 ? 0 : value + static_cast<double>(random() % 50);
        timestamps.push_back(sample * kSpacingMs + (jitters ? static_cast<int64_t>(random() % 7) : 0));
        values.push_back(value);
      }
      const std::string instance = base::Concat("10.0.", i / 256, ".", i % 256, ":9100");
      const std::string job = base::Concat("job-", i % 50);
      made->Add(
          labels::Labels{{"__name__", "requests_total"}, {"instance", instance}, {"job", job}, {"zone", "a"}},
          timestamps, values);
    }
    return made;
  }();
  return *source;
}

void RunQuery(benchmark::State& state, const char* text, int64_t step_ms) {
  TestSource& source = Source();
  const auto expr = promql_parser::Parse(text);
  EngineOptions options;
  options.num_shards = 1;
  const Engine engine(options);
  int64_t samples = 0;
  for (auto _ : state) {
    const auto result =
        engine.Query(base::CancelToken(), **expr,
                     {.start_ms = 600'000, .end_ms = kSamples * kSpacingMs, .step_ms = step_ms}, source);
    if (!result.ok()) {
      state.SkipWithError("query failed");
      return;
    }
    samples += result->stats.samples_decoded;
    benchmark::DoNotOptimize(result);
  }
  state.counters["per_sample"] = benchmark::Counter(
      static_cast<double>(samples), benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

void BM_SumRate(benchmark::State& state) {
  RunQuery(state, "sum(rate(requests_total[5m]))", state.range(0));
}
void BM_SumByRate(benchmark::State& state) {
  RunQuery(state, "sum by (job) (rate(requests_total[5m]))", state.range(0));
}
void BM_Rate(benchmark::State& state) {
  RunQuery(state, "rate(requests_total[5m])", state.range(0));
}
void BM_Sum(benchmark::State& state) {
  RunQuery(state, "sum by (job) (requests_total)", state.range(0));
}
void BM_SumOverTime(benchmark::State& state) {
  RunQuery(state, "sum(sum_over_time(requests_total[5m]))", state.range(0));
}
void BM_AvgOverTime(benchmark::State& state) {
  RunQuery(state, "max(avg_over_time(requests_total[5m]))", state.range(0));
}
void BM_MaxOverTime(benchmark::State& state) {
  RunQuery(state, "max(max_over_time(requests_total[5m]))", state.range(0));
}
void BM_Topk(benchmark::State& state) {
  RunQuery(state, "topk(5, requests_total)", state.range(0));
}
void BM_Join(benchmark::State& state) {
  RunQuery(state, "requests_total / on (instance) requests_total", state.range(0));
}

BENCHMARK(BM_SumRate)->Arg(15'000)->Arg(60'000)->Unit(benchmark::kMillisecond);
BENCHMARK(BM_SumByRate)->Arg(60'000)->Unit(benchmark::kMillisecond);
BENCHMARK(BM_Rate)->Arg(60'000)->Unit(benchmark::kMillisecond);
BENCHMARK(BM_Sum)->Arg(60'000)->Unit(benchmark::kMillisecond);
BENCHMARK(BM_SumOverTime)->Arg(60'000)->Unit(benchmark::kMillisecond);
BENCHMARK(BM_AvgOverTime)->Arg(60'000)->Unit(benchmark::kMillisecond);
BENCHMARK(BM_MaxOverTime)->Arg(60'000)->Unit(benchmark::kMillisecond);
BENCHMARK(BM_Topk)->Arg(60'000)->Unit(benchmark::kMillisecond);
BENCHMARK(BM_Join)->Arg(60'000)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace thanos::promql
