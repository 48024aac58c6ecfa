// Matchers and label sets. items_per_second counts values matched, or label sets.
#include <benchmark/benchmark.h>
#include <random>
#include <string>
#include <vector>

#include "labels/builder.h"
#include "labels/labels.h"
#include "labels/matcher.h"

namespace {

using namespace thanos::labels;  // NOLINT(google-build-using-namespace): a benchmark of one library

std::vector<std::string> MakeValues() {
  std::mt19937 random(1);
  std::vector<std::string> values;
  for (int i = 0; i < 1000; ++i) {
    values.push_back("service-" + std::to_string(random() % 50) + "-pod-" +
                     std::to_string(random() % 10'000));
  }
  return values;
}

constexpr const char* kPatterns[] = {
    "service-7-pod-1",                             // literal
    "service-7-pod-1|service-9-pod-2|none|other",  // set
    "service-7.*",                                 // prefix
    ".*-pod-77",                                   // suffix
    ".*pod-1.*",                                   // contains
    "service-[0-9]+-pod-1[0-9]*",                  // engine
};

void BM_Matcher(benchmark::State& state) {
  const char* pattern = kPatterns[state.range(0)];
  const Matcher matcher = *Matcher::Create(MatchType::kRegexp, "pod", pattern);
  const auto values = MakeValues();
  state.SetLabel(pattern);
  for (auto _ : state) {
    int matched = 0;
    for (const std::string& value : values) {
      matched += matcher.Matches(value);
    }
    benchmark::DoNotOptimize(matched);
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(values.size()));
}
BENCHMARK(BM_Matcher)->DenseRange(0, std::size(kPatterns) - 1);

void BM_CreateMatcher(benchmark::State& state) {
  const char* pattern = kPatterns[state.range(0)];
  state.SetLabel(pattern);
  for (auto _ : state) {
    benchmark::DoNotOptimize(Matcher::Create(MatchType::kRegexp, "pod", pattern));
  }
}
BENCHMARK(BM_CreateMatcher)->Arg(1)->Arg(5);

std::vector<Labels> MakeSets() {
  std::vector<Labels> sets;
  const auto values = MakeValues();
  for (const std::string& value : values) {
    sets.push_back(Labels{{"__name__", "http_requests_total"},
                          {"cluster", "eu-1"},
                          {"code", "200"},
                          {"handler", "/api/v1/query"},
                          {"instance", "10.0.0.1:9090"},
                          {"job", "api"},
                          {"namespace", "production"},
                          {"pod", value}});
  }
  return sets;
}

void BM_Compare(benchmark::State& state) {
  const auto sets = MakeSets();
  for (auto _ : state) {
    for (size_t i = 1; i < sets.size(); ++i) {
      benchmark::DoNotOptimize(Compare(sets[i - 1], sets[i]));
    }
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(sets.size() - 1));
}
BENCHMARK(BM_Compare);

void BM_Hash(benchmark::State& state) {
  const auto sets = MakeSets();
  for (auto _ : state) {
    for (const Labels& labels : sets) {
      benchmark::DoNotOptimize(Hash(labels));
    }
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(sets.size()));
}
BENCHMARK(BM_Hash);

void BM_MergeExternal(benchmark::State& state) {
  const auto sets = MakeSets();
  const Labels external{{"cluster", "eu-2"}, {"replica", "a"}};
  for (auto _ : state) {
    thanos::base::Arena arena;
    for (const Labels& labels : sets) {
      benchmark::DoNotOptimize(MergeExternal(arena, labels, external));
    }
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(sets.size()));
}
BENCHMARK(BM_MergeExternal);

}  // namespace
