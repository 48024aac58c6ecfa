// Frames of the Series stream: items_per_second counts series of ten labels and two chunks of 150 bytes.
#include <benchmark/benchmark.h>
#include <string>
#include <vector>

#include "base/hash.h"
#include "storeapi/series_codec.h"

namespace {

namespace labels = thanos::labels;
namespace series = thanos::series;
using thanos::storeapi::Frame;
using thanos::storeapi::SeriesFrameReader;
using thanos::storeapi::SeriesFrameWriter;

constexpr int kNumSeries = 4096;

struct Prepared {
  explicit Prepared(bool hashed) {
    for (int chunk = 0; chunk < 2; ++chunk) {
      chunks.push_back({.min_time_ms = 1'700'000'000'000 + chunk * 1'800'000,
                        .max_time_ms = 1'700'000'000'000 + chunk * 1'800'000 + 1'785'000,
                        .raw = {thanos::chunkenc::Encoding::kXor, data,
                                hashed ? thanos::base::XxHash64(data) : uint64_t{0}},
                        .aggregates = nullptr});
    }
    for (int i = 0; i < kNumSeries; ++i) {
      label_sets.push_back(labels::Labels{{"__name__", "http_request_duration_seconds_bucket"},
                                          {"cluster", "eu1-production"},
                                          {"code", "200"},
                                          {"container", "api-server"},
                                          {"handler", "/api/v1/query_range"},
                                          {"instance", "10.0.123.45:9090"},
                                          {"job", "monitoring/api"},
                                          {"le", "0.5"},
                                          {"namespace", "monitoring"},
                                          {"pod", "api-server-" + std::to_string(100'000 + i)}});
    }
    for (const labels::Labels& label_set : label_sets) {
      all.push_back({.labels = label_set, .chunks = chunks});
    }
  }
  std::string data = std::string(150, 'x');
  std::vector<series::Chunk> chunks;
  std::vector<labels::Labels> label_sets;
  std::vector<series::Series> all;
};

std::vector<Frame> WriteAll(const Prepared& prepared, int64_t batch_size) {
  SeriesFrameWriter writer({.batch_size = batch_size, .max_frame_bytes = size_t{1} << 20});
  std::vector<Frame> frames;
  for (const series::Series& one : prepared.all) {
    writer.Add(one, &frames);
  }
  writer.Flush(&frames);
  return frames;
}

// Arguments: series per frame; 1 when the chunks already have their hash.
void BM_WriteFrames(benchmark::State& state) {
  const Prepared prepared(state.range(1) == 1);
  int64_t bytes = 0;
  for (auto _ : state) {
    for (const Frame& frame : WriteAll(prepared, state.range(0))) {
      bytes += static_cast<int64_t>(frame.size());
    }
  }
  state.SetItemsProcessed(state.iterations() * kNumSeries);
  state.SetBytesProcessed(bytes);
}
BENCHMARK(BM_WriteFrames)->Args({64, 1})->Args({64, 0})->Args({1, 1});

void BM_ReadFrames(benchmark::State& state) {
  const Prepared prepared(true);
  const std::vector<Frame> frames = WriteAll(prepared, state.range(0));
  SeriesFrameReader reader;
  series::SeriesBatch batch;
  for (auto _ : state) {
    size_t in_batch = 0;
    for (const Frame& frame : frames) {
      if (!reader.Read(frame.bytes(), &batch).ok()) {
        state.SkipWithError("a frame does not read back");
        return;
      }
      if ((in_batch = batch.series.size()) >= 256) {
        batch.Clear();
      }
    }
    benchmark::DoNotOptimize(in_batch);
    batch.Clear();
  }
  state.SetItemsProcessed(state.iterations() * kNumSeries);
}
BENCHMARK(BM_ReadFrames)->Arg(64)->Arg(1);

}  // namespace
