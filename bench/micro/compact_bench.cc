// What compaction costs at least, on one thread: items_per_second counts input samples, as
// bench/macro/compact.py does for whole blocks.
//   BM_CopyChunks    reading chunks with their checksum and writing them into segment files
//   BM_ReplicaPair   of two replicas one is decoded and encoded again
//   BM_Aggregate     decoding, aggregating to 5m and encoding five aggregates
#include <benchmark/benchmark.h>
#include <cstdlib>
#include <filesystem>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "block/chunk_reader.h"
#include "block/chunk_records.h"
#include "block/chunk_writer.h"
#include "chunkenc/appender.h"
#include "chunkenc/column_decoder.h"
#include "compact/internal/merge_encode.h"
#include "downsample/downsample.h"
#include "downsample/internal/raw.h"

namespace {

namespace block = thanos::block;
namespace chunkenc = thanos::chunkenc;

constexpr int kSamples = 120;
constexpr int kChunks = 20'000;
constexpr int64_t kMin = std::numeric_limits<int64_t>::min();
constexpr int64_t kMax = std::numeric_limits<int64_t>::max();

// Counters and gauges every 30 s with some jitter, like those of tests/data/merge_blocks.cc. Series have 8
// chunks.
std::vector<std::string> Chunks() {
  std::mt19937_64 random(1);
  std::vector<std::string> chunks;
  chunkenc::XorAppender appender;
  int64_t t = 0;
  double value = 0;
  for (int i = 0; i < kChunks; ++i) {
    if (i % 8 == 0) {
      t = 1'700'006'400'000 + static_cast<int64_t>(random() % 30'000);
      value = 500;
    }
    for (int k = 0; k < kSamples; ++k) {
      const uint64_t dice = random();
      t += 30'000;
      value += (i / 8) % 2 == 0 ? static_cast<double>((dice >> 16) % 20)
                                : static_cast<double>((dice >> 16) % 7) - 3;
      appender.Append(t + (dice % 4 == 0 ? static_cast<int64_t>((dice >> 8) % 5) : 0), value);
    }
    appender.FinishTo(&chunks.emplace_back());
  }
  return chunks;
}

class Directory {
 public:
  Directory() { path_ = mkdtemp(path_.data()); }
  ~Directory() { std::filesystem::remove_all(path_); }
  const std::string& path() const { return path_; }

 private:
  std::string path_ = (std::filesystem::temp_directory_path() / "compact-bench-XXXXXX").string();
};

void BM_CopyChunks(benchmark::State& state) {
  const Directory directory;
  std::vector<uint64_t> refs;
  {
    const auto writer = *block::ChunkWriter::Create(directory.path() + "/in");
    for (const std::string& chunk : Chunks()) {
      refs.push_back(*writer->Write(chunkenc::Encoding::kXor, chunk));
    }
    if (!writer->Finish().ok()) {
      state.SkipWithError("writing");
    }
  }
  const auto reader = *block::ChunkReader::Open(directory.path() + "/in", "bench");
  for (auto _ : state) {
    const auto writer = *block::ChunkWriter::Create(directory.path() + "/out");
    for (const uint64_t ref : refs) {
      std::string_view record;
      benchmark::DoNotOptimize(reader.Read(ref, &record)->data.data());
      benchmark::DoNotOptimize(*writer->WriteRecord(record));
    }
    state.PauseTiming();
    std::filesystem::remove_all(directory.path() + "/out");
    state.ResumeTiming();
  }
  state.SetItemsProcessed(state.iterations() * kChunks * kSamples);
}
BENCHMARK(BM_CopyChunks)->Unit(benchmark::kMillisecond);

void BM_ReplicaPair(benchmark::State& state) {
  const std::vector<std::string> chunks = Chunks();
  chunkenc::SampleColumns columns;
  block::ChunkRecordBuffer out;
  for (auto _ : state) {
    for (size_t i = 0; i < chunks.size(); i += 8) {
      columns.Clear();
      for (size_t k = i; k < i + 8; ++k) {
        benchmark::DoNotOptimize(
            chunkenc::DecodeChunk(chunkenc::Encoding::kXor, chunks[k], kMin, kMax, &columns).ok());
      }
      out.Clear();
      thanos::compact::internal::EncodeSamples(columns, &out);
      benchmark::DoNotOptimize(out.Chunks().data());
    }
  }
  state.SetItemsProcessed(state.iterations() * kChunks * kSamples * 2);
}
BENCHMARK(BM_ReplicaPair)->Unit(benchmark::kMillisecond);

void BM_Aggregate(benchmark::State& state) {
  const std::vector<std::string> chunks = Chunks();
  chunkenc::SampleColumns columns;
  block::ChunkRecordBuffer out;
  thanos::downsample::internal::AggregateChunkWriter writer;
  for (auto _ : state) {
    for (size_t i = 0; i < chunks.size(); i += 8) {
      columns.Clear();
      for (size_t k = i; k < i + 8; ++k) {
        benchmark::DoNotOptimize(
            thanos::downsample::internal::ExpandChunk(chunkenc::Encoding::kXor, chunks[k], &columns).ok());
      }
      out.Clear();
      benchmark::DoNotOptimize(thanos::downsample::internal::DownsampleRaw(
                                   &columns, thanos::downsample::kResolution5m, &writer, &out)
                                   .ok());
    }
  }
  state.SetItemsProcessed(state.iterations() * kChunks * kSamples);
}
BENCHMARK(BM_Aggregate)->Unit(benchmark::kMillisecond);

}  // namespace
