// Merging series streams. items_per_second counts input series.
#include <benchmark/benchmark.h>
#include <memory>
#include <string>
#include <vector>

#include "series/merge.h"

namespace {

using namespace thanos::series;  // NOLINT(google-build-using-namespace): a benchmark of one library
namespace labels = thanos::labels;

constexpr int kSeries = 10'000;

// Points into prepared memory, as a mapped block would.
struct Prepared {
  std::vector<labels::Labels> labels;
  std::vector<Chunk> chunks;
  std::string data = std::string(150, 'x');
};

// Hands out batches of 100 series.
class PreparedSet final : public SeriesSet {
 public:
  explicit PreparedSet(const Prepared& prepared) : prepared_(prepared) {}
  thanos::base::StatusOr<bool> Next(const thanos::base::CancelToken&, SeriesBatch* batch) override {
    batch->Clear();
    for (int i = 0; i < 100 && next_ < prepared_.labels.size(); ++i) {
      batch->series.push_back({prepared_.labels[next_++], prepared_.chunks});
    }
    return !batch->empty();
  }

 private:
  const Prepared& prepared_;
  size_t next_ = 0;
};

// Arguments: inputs; 1 when all have the same series.
void BM_MergeSets(benchmark::State& state) {
  std::vector<Prepared> inputs(static_cast<size_t>(state.range(0)));
  for (size_t i = 0; i < inputs.size(); ++i) {
    for (int n = 0; n < kSeries; ++n) {
      inputs[i].labels.push_back(labels::Labels{{"__name__", "http_requests_total"},
                                                {"code", "200"},
                                                {"instance", "10.0.0.1:9090"},
                                                {"job", "api"},
                                                {"pod", std::to_string(100'000 + n)},
                                                {"replica", state.range(1) == 1 ? "0" : std::to_string(i)}});
    }
    for (int chunk = 0; chunk < 4; ++chunk) {
      inputs[i].chunks.push_back(
          {chunk * 1000, chunk * 1000 + 999, {thanos::chunkenc::Encoding::kXor, inputs[i].data, 0}, nullptr});
    }
  }
  for (auto _ : state) {
    std::vector<std::unique_ptr<SeriesSet>> sets;
    for (const Prepared& input : inputs) {
      sets.push_back(std::make_unique<PreparedSet>(input));
    }
    const auto merged = MergeSets(std::move(sets));
    SeriesBatch batch;
    while (*merged->Next({}, &batch)) {
      benchmark::DoNotOptimize(batch.series.data());
    }
  }
  state.SetItemsProcessed(state.iterations() * state.range(0) * kSeries);
}
BENCHMARK(BM_MergeSets)->Args({1, 0})->Args({2, 0})->Args({2, 1})->Args({8, 0})->Args({8, 1})->Args({64, 0});

}  // namespace
