// Chunk codecs and the penalty merge. items_per_second counts samples (input samples for the merge).
#include <benchmark/benchmark.h>
#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "chunkenc/appender.h"
#include "chunkenc/column_decoder.h"
#include "dedup/decode.h"
#include "dedup/penalty.h"
#include "encoding/crc32c.h"

namespace {

using thanos::chunkenc::Encoding;
using thanos::chunkenc::SampleColumns;

constexpr int kChunkSamples = 120;
constexpr size_t kNumChunks = 500;
constexpr int64_t kMin = std::numeric_limits<int64_t>::min();
constexpr int64_t kMax = std::numeric_limits<int64_t>::max();

// Kinds of series seen in practice. Prometheus aligns most scrapes, so jitter is the exception.
enum Shape : int64_t { kCounter, kJitteredCounter, kGauge, kConstant };

SampleColumns MakeSamples(Shape shape, size_t count, uint64_t seed) {
  std::mt19937_64 random(seed);
  SampleColumns samples;
  int64_t timestamp = 1'700'000'000'000 + static_cast<int64_t>(random() % 15'000);
  double value = static_cast<double>(random() % 100'000);
  for (size_t i = 0; i < count; ++i) {
    timestamp += 15'000;
    const int64_t jitter = shape == kJitteredCounter ? static_cast<int64_t>(random() % 20) : 0;
    switch (shape) {
      case kCounter:
      case kJitteredCounter:
        value += random() % 4 == 0 ? 0 : static_cast<double>(random() % 100);
        break;
      case kGauge:
        value = std::normal_distribution<double>(50, 10)(random);
        break;
      case kConstant:
        break;
    }
    samples.timestamps.push_back(timestamp + jitter);
    samples.values.push_back(value);
  }
  return samples;
}

std::string Encode(const SampleColumns& samples) {
  thanos::chunkenc::XorAppender appender;
  for (size_t i = 0; i < samples.size(); ++i) {
    appender.Append(samples.timestamps[i], samples.values[i]);
  }
  return appender.Bytes();
}

void SetSampleCounters(benchmark::State& state, size_t per_iteration) {
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(per_iteration));
}

void BM_XorDecode(benchmark::State& state) {
  std::vector<std::string> chunks;
  for (size_t i = 0; i < kNumChunks; ++i) {
    chunks.push_back(Encode(MakeSamples(static_cast<Shape>(state.range(0)), kChunkSamples, i)));
  }
  SampleColumns out;
  for (auto _ : state) {
    out.Clear();
    for (const std::string& chunk : chunks) {
      if (!thanos::chunkenc::DecodeChunk(Encoding::kXor, chunk, kMin, kMax, &out).ok()) {
        state.SkipWithError("decode");
      }
    }
    benchmark::DoNotOptimize(out.values.data());
  }
  SetSampleCounters(state, kNumChunks * kChunkSamples);
}
BENCHMARK(BM_XorDecode)->ArgName("shape")->DenseRange(kCounter, kConstant);

void BM_XorEncode(benchmark::State& state) {
  const SampleColumns samples =
      MakeSamples(static_cast<Shape>(state.range(0)), kNumChunks * kChunkSamples, 1);
  thanos::chunkenc::XorAppender appender;
  std::string out;
  for (auto _ : state) {
    out.clear();
    for (size_t i = 0; i < samples.size(); ++i) {
      appender.Append(samples.timestamps[i], samples.values[i]);
      if (appender.num_samples() == kChunkSamples) {
        appender.FinishTo(&out);
      }
    }
    benchmark::DoNotOptimize(out.data());
  }
  SetSampleCounters(state, samples.size());
}
BENCHMARK(BM_XorEncode)->ArgName("shape")->DenseRange(kCounter, kConstant);

void BM_HistogramDecode(benchmark::State& state) {
  std::mt19937_64 random(1);
  thanos::model::Histogram histogram;
  histogram.schema = 3;
  histogram.zero_threshold = 0.001;
  histogram.positive_spans = {{-4, 12}, {2, 8}};
  histogram.positive_buckets.resize(20);
  thanos::chunkenc::HistogramAppender appender;
  for (int i = 0; i < kChunkSamples; ++i) {
    for (double& bucket : histogram.positive_buckets) {
      const auto step = static_cast<double>(random() % 10);
      bucket += step;
      histogram.count += step;
    }
    histogram.sum += static_cast<double>(random() % 1000) / 7;
    appender.Append(i * 15'000, histogram);
  }
  const std::string chunk = appender.Bytes();
  SampleColumns out;
  for (auto _ : state) {
    out.Clear();
    if (!thanos::chunkenc::DecodeChunk(Encoding::kHistogram, chunk, kMin, kMax, &out).ok()) {
      state.SkipWithError("decode");
    }
    benchmark::DoNotOptimize(out.histograms.data());
  }
  SetSampleCounters(state, kChunkSamples);
}
BENCHMARK(BM_HistogramDecode);

void BM_PenaltyMerge(benchmark::State& state) {
  SampleColumns a = MakeSamples(kJitteredCounter, 10'000, 1);
  SampleColumns b = MakeSamples(kJitteredCounter, 10'000, 2);
  SampleColumns out;
  for (auto _ : state) {
    out.Clear();
    thanos::dedup::AppendPenaltyMerge(a, b, state.range(0) != 0, &out);
    benchmark::DoNotOptimize(out.values.data());
  }
  SetSampleCounters(state, a.size() + b.size());
}
BENCHMARK(BM_PenaltyMerge)->ArgName("adjust")->Arg(0)->Arg(1);

// Two replicas of one hour, chunks to samples.
void BM_DecodeSeriesTwoReplicas(benchmark::State& state) {
  std::vector<std::string> bytes;
  for (uint64_t replica = 0; replica < 2; ++replica) {
    const SampleColumns samples = MakeSamples(kCounter, 240, replica);
    for (size_t first = 0; first < samples.size(); first += kChunkSamples) {
      thanos::chunkenc::XorAppender appender;
      for (size_t i = first; i < first + kChunkSamples; ++i) {
        appender.Append(samples.timestamps[i], samples.values[i]);
      }
      bytes.push_back(appender.Bytes());
    }
  }
  std::vector<thanos::series::Chunk> chunks;
  for (const std::string& chunk : bytes) {
    SampleColumns decoded;
    if (!thanos::chunkenc::DecodeChunk(Encoding::kXor, chunk, kMin, kMax, &decoded).ok()) {
      state.SkipWithError("decode");
      return;
    }
    chunks.push_back(
        {decoded.timestamps.front(), decoded.timestamps.back(), {Encoding::kXor, chunk, 0}, nullptr});
  }
  SampleColumns out;
  for (auto _ : state) {
    out.Clear();
    if (!thanos::dedup::DecodeSeries(chunks, {.deduplicate = true, .function = {}}, kMin, kMax, &out).ok()) {
      state.SkipWithError("decode");
    }
    benchmark::DoNotOptimize(out.values.data());
  }
  SetSampleCounters(state, 480);
}
BENCHMARK(BM_DecodeSeriesTwoReplicas);

void BM_Crc32c(benchmark::State& state) {
  const std::string data(static_cast<size_t>(state.range(0)), 'x');
  for (auto _ : state) {
    benchmark::DoNotOptimize(thanos::encoding::Crc32c(data));
  }
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_Crc32c)->Arg(256)->Arg(64 * 1024);

}  // namespace
