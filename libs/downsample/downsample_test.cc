#include "downsample/downsample.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <limits>
#include <map>
#include <random>

#include "block/reader.h"
#include "block/test_block.h"
#include "chunkenc/aggr_chunk.h"
#include "chunkenc/column_decoder.h"
#include "downsample/counter_resets.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace thanos::downsample {
namespace {

using block::BlockReader;
using chunkenc::Encoding;
using chunkenc::SampleColumns;
using ::testing::HasSubstr;

constexpr int64_t kHour = 3'600'000;
constexpr int64_t kStart = 1'700'006'400'000;
constexpr double kInfinity = std::numeric_limits<double>::infinity();
const model::Ulid kSource = *model::Ulid::Parse("01JXQ5B2M8ZC4N9W0V8R5T7YQK");
const model::Ulid k5m = *model::Ulid::Parse("01JXQ5B2M8ZC4N9W0V8R5T7YQ5");
const model::Ulid k1h = *model::Ulid::Parse("01JXQ5B2M8ZC4N9W0V8R5T7YQ6");

using Samples = std::vector<std::pair<int64_t, double>>;

// A decoded aggregate chunk.
struct Aggregates {
  int64_t min_time_ms = 0;
  int64_t max_time_ms = 0;
  std::array<SampleColumns, 5> parts;  // count, sum, min, max, counter
  std::array<bool, 5> present{};
};

SampleColumns Decode(Encoding encoding, std::string_view data) {
  SampleColumns columns;
  const base::Status status =
      chunkenc::DecodeChunk(encoding, data, model::kMinTimeMs, model::kMaxTimeMs, &columns);
  EXPECT_TRUE(status.ok()) << status;
  return columns;
}

std::map<std::string, std::vector<Aggregates>> ReadAggregates(const BlockReader& block) {
  std::map<std::string, std::vector<Aggregates>> result;
  index::IndexSeries series;
  const index::Postings refs = *block.index().AllPostings();
  for (const index::SeriesRef ref : refs) {
    EXPECT_TRUE(block.index().Series(ref, &series).ok());
    auto& chunks = result[labels::ToString(series.labels)];
    for (const index::ChunkMeta& meta : series.chunks) {
      const auto chunk = block.chunks().Read(meta.ref);
      EXPECT_TRUE(chunk.ok()) << chunk.status();
      EXPECT_EQ(chunk->encoding, Encoding::kAggregate);
      const auto parts = chunkenc::SplitAggregateChunk(chunk->data);
      EXPECT_TRUE(parts.ok()) << parts.status();
      Aggregates& aggregates = chunks.emplace_back();
      aggregates.min_time_ms = meta.min_time_ms;
      aggregates.max_time_ms = meta.max_time_ms;
      for (size_t i = 0; i < 5; ++i) {
        aggregates.present[i] = (*parts)[i].encoding != Encoding::kNone;
        if (aggregates.present[i]) {
          aggregates.parts[i] = Decode((*parts)[i].encoding, (*parts)[i].data);
        }
      }
    }
  }
  return result;
}

// ---- The algorithm once more, sample by sample, for floats.

struct NaiveChunk {
  Samples parts[5];
};

int64_t EndOfWindow(int64_t t, int64_t resolution) {
  return (t / resolution + 1) * resolution - 1;
}

int NaiveChunkCount(int64_t min, int64_t max, int64_t in, int64_t out, size_t count) {
  const double fill =
      std::min(1.0, static_cast<double>(count) / (static_cast<double>(max - min) / static_cast<double>(in)));
  const int expected = static_cast<int>(static_cast<double>((max - min) / out) * fill) + 1;
  int chunks = 1;
  while (expected / chunks > 140) {
    ++chunks;
  }
  return chunks;
}

NaiveChunk NaiveBatch(const Samples& batch, int64_t resolution) {
  NaiveChunk chunk;
  std::map<int64_t, std::vector<double>> windows;
  for (const auto& [t, v] : batch) {
    windows[std::min(EndOfWindow(t, resolution), batch.back().first)].push_back(v);
  }
  chunk.parts[4].push_back(batch.front());
  double counter = batch.front().second;
  double previous = counter;
  for (const auto& [end, values] : windows) {
    double sum = 0;
    for (const double v : values) {
      sum += v;
      counter += v < previous ? v : v - previous;
      previous = v;
    }
    chunk.parts[0].emplace_back(end, static_cast<double>(values.size()));
    chunk.parts[1].emplace_back(end, sum);
    chunk.parts[2].emplace_back(end, *std::min_element(values.begin(), values.end()));
    chunk.parts[3].emplace_back(end, *std::max_element(values.begin(), values.end()));
    chunk.parts[4].emplace_back(end, counter);
  }
  chunk.parts[4].emplace_back(windows.rbegin()->first, batch.back().second);
  return chunk;
}

std::vector<NaiveChunk> NaiveRaw(const Samples& all, int64_t resolution) {
  Samples samples;
  for (const auto& sample : all) {
    if (!chunkenc::IsStaleNan(sample.second)) {
      samples.push_back(sample);
    }
  }
  std::vector<NaiveChunk> chunks;
  if (samples.empty()) {
    return chunks;
  }
  const int count =
      NaiveChunkCount(samples.front().first, samples.back().first, 60'000, resolution, samples.size());
  const size_t batch_size = samples.size() / static_cast<size_t>(count) + 1;
  for (size_t begin = 0; begin < samples.size();) {
    size_t end = std::min(begin + batch_size, samples.size());
    const int64_t window = EndOfWindow(samples[end - 1].first, resolution);
    Samples batch;
    while (end < samples.size() && samples[end].first <= window) {
      ++end;
    }
    for (; begin < end; ++begin) {
      if (!std::isnan(samples[begin].second)) {
        batch.push_back(samples[begin]);
      }
    }
    if (!batch.empty()) {
      chunks.push_back(NaiveBatch(batch, resolution));
    }
  }
  return chunks;
}

// From 5m chunks, as they were read back.
std::vector<NaiveChunk> NaiveAggregated(const std::vector<Aggregates>& input, int64_t resolution) {
  size_t count = 0;
  for (const Aggregates& chunk : input) {
    count += chunk.parts[0].size();
  }
  const int num_chunks =
      NaiveChunkCount(input.front().min_time_ms, input.back().max_time_ms, kResolution5m, resolution, count);
  const size_t batch_size = std::max<size_t>(1, input.size() / static_cast<size_t>(num_chunks));
  std::vector<NaiveChunk> result;
  for (size_t begin = 0; begin < input.size(); begin += batch_size) {
    NaiveChunk chunk;
    const size_t end = std::min(begin + batch_size, input.size());
    for (size_t part = 0; part < 4; ++part) {
      Samples all;
      for (size_t i = begin; i < end; ++i) {
        for (size_t k = 0; k < input[i].parts[part].size(); ++k) {
          all.emplace_back(input[i].parts[part].timestamps[k], input[i].parts[part].values[k]);
        }
      }
      std::map<int64_t, double> windows;
      for (const auto& [t, v] : all) {
        const int64_t window = std::min(EndOfWindow(t, resolution), all.back().first);
        const auto [entry, is_new] = windows.emplace(window, v);
        if (!is_new) {
          entry->second = part == 2   ? std::min(entry->second, v)
                          : part == 3 ? std::max(entry->second, v)
                                      : entry->second + v;
        }
      }
      chunk.parts[part].assign(windows.begin(), windows.end());
    }
    // The reset-removing iterator.
    Samples all;
    double last_raw = 0;
    double total = 0;
    for (size_t i = begin; i < end; ++i) {
      const SampleColumns& counter = input[i].parts[4];
      for (size_t k = 0; k < counter.size(); ++k) {
        const double v = counter.values[k];
        if (!all.empty() && counter.timestamps[k] <= all.back().first) {
          last_raw = counter.timestamps[k] == all.back().first ? v : last_raw;
          continue;
        }
        total = all.empty() ? v : total + (v >= last_raw ? v - last_raw : v);
        last_raw = v;
        all.emplace_back(counter.timestamps[k], total);
      }
    }
    chunk.parts[4].push_back(all.front());
    std::map<int64_t, double> windows;
    double counter = all.front().second;
    double previous = counter;
    for (const auto& [t, v] : all) {
      counter += v < previous ? v : v - previous;
      previous = v;
      windows[std::min(EndOfWindow(t, resolution), all.back().first)] = counter;
    }
    chunk.parts[4].insert(chunk.parts[4].end(), windows.begin(), windows.end());
    chunk.parts[4].emplace_back(windows.rbegin()->first, last_raw);
    result.push_back(chunk);
  }
  return result;
}

void ExpectChunks(const std::vector<Aggregates>& got, const std::vector<NaiveChunk>& want) {
  ASSERT_EQ(got.size(), want.size());
  for (size_t i = 0; i < got.size(); ++i) {
    for (size_t part = 0; part < 5; ++part) {
      const SampleColumns& columns = got[i].parts[part];
      const Samples& samples = want[i].parts[part];
      ASSERT_EQ(columns.size(), samples.size()) << "chunk " << i << " part " << part;
      for (size_t k = 0; k < samples.size(); ++k) {
        ASSERT_EQ(columns.timestamps[k], samples[k].first) << "chunk " << i << " part " << part << " " << k;
        ASSERT_EQ(std::bit_cast<uint64_t>(columns.values[k]), std::bit_cast<uint64_t>(samples[k].second))
            << "chunk " << i << " part " << part << " " << k << ": " << columns.values[k] << " "
            << samples[k].second;
      }
    }
    EXPECT_EQ(got[i].min_time_ms, want[i].parts[0].front().first);
    EXPECT_EQ(got[i].max_time_ms, want[i].parts[0].back().first);
  }
}

Samples RandomSeries(std::mt19937_64& random) {
  Samples samples;
  const int64_t interval = std::array<int64_t, 4>{15'000, 30'000, 60'000, 600'000}[random() % 4];
  const bool counter = random() % 2 == 0;
  double value = static_cast<double>(random() % 1000);
  int64_t t = kStart + static_cast<int64_t>(random() % 300'000);
  const int64_t end = kStart + static_cast<int64_t>(random() % 60 + 1) * kHour;
  while (t < end) {
    switch (random() % 200) {
      case 0:
        samples.emplace_back(t, chunkenc::StaleNan());
        break;
      case 1:
        samples.emplace_back(t, std::numeric_limits<double>::quiet_NaN());
        break;
      case 2:
        value = static_cast<double>(random() % 5);  // a reset
        samples.emplace_back(t, value);
        break;
      case 3:
        t += static_cast<int64_t>(random() % 5) * kHour;  // a gap
        samples.emplace_back(t, value);
        break;
      default:
        value +=
            counter ? static_cast<double>(random() % 50) / 4 : static_cast<double>(random() % 100) / 8 - 6;
        samples.emplace_back(t, value);
    }
    t += interval + static_cast<int64_t>(random() % 20);
  }
  return samples;
}

class DownsampleTest : public ::testing::Test {
 protected:
  void SetUp() override {
    directory_ = ::testing::TempDir() + "/downsample-XXXXXX";
    ASSERT_NE(mkdtemp(directory_.data()), nullptr);
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }
  std::string Path(const model::Ulid& ulid) const { return directory_ + "/" + ulid.ToString(); }

  std::unique_ptr<BlockReader> Open(const model::Ulid& ulid) const {
    auto block = BlockReader::Open(Path(ulid));
    EXPECT_TRUE(block.ok()) << block.status();
    return *std::move(block);
  }
  std::string directory_;
};

TEST_F(DownsampleTest, AggregatesEqualANaiveReference) {
  const uint64_t seed = std::random_device{}();
  SCOPED_TRACE(::testing::Message() << "seed " << seed);
  std::mt19937_64 random(seed);
  block::TestBlock source{
      .ulid = kSource, .external_labels = labels::Labels({{"cluster", "a"}}), .series = {}};
  std::map<std::string, Samples> samples;
  for (int i = 0; i < 60; ++i) {
    const labels::Labels set({{"__name__", "m"}, {"n", std::to_string(100 + i)}});
    const Samples series = RandomSeries(random);
    if (!series.empty()) {
      samples[labels::ToString(set)] = series;
      source.series.push_back({set, series, 120});
    }
  }
  const auto meta = WriteTestBlock(directory_, source);
  ASSERT_TRUE(meta.ok()) << meta.status();
  concurrency::ThreadPool pool("test", 2);
  const auto five =
      DownsampleBlock({}, Path(kSource), kResolution5m, directory_, {.ulid = k5m, .pool = &pool});
  ASSERT_TRUE(five.ok()) << five.status();
  const auto chunks = ReadAggregates(*Open(k5m));
  size_t num_windows = 0;
  for (const auto& [labels, series] : samples) {
    SCOPED_TRACE(labels);
    const auto want = NaiveRaw(series, kResolution5m);
    const auto found = chunks.find(labels);
    ExpectChunks(found == chunks.end() ? std::vector<Aggregates>() : found->second, want);
    for (const NaiveChunk& chunk : want) {
      num_windows += chunk.parts[0].size();
    }
  }
  EXPECT_EQ(five->meta.stats.num_samples, num_windows);
  EXPECT_EQ(five->meta.stats.num_series, chunks.size());
  EXPECT_EQ(five->meta.stats.num_float_samples, meta->stats.num_float_samples);

  const auto hour = DownsampleBlock({}, Path(k5m), kResolution1h, directory_, {.ulid = k1h});
  ASSERT_TRUE(hour.ok()) << hour.status();
  const auto hours = ReadAggregates(*Open(k1h));
  EXPECT_EQ(hours.size(), chunks.size());
  for (const auto& [labels, series] : chunks) {
    SCOPED_TRACE(labels);
    ExpectChunks(hours.at(labels), NaiveAggregated(series, kResolution1h));
  }
}

TEST_F(DownsampleTest, MetaAndFilesAreThoseOfTheResult) {
  block::TestBlock source{
      .ulid = kSource,
      .external_labels = labels::Labels({{"cluster", "a"}}),
      .series = {{labels::Labels({{"a", "1"}}), block::Ramp(kStart, kStart + kHour, 30'000)}}};
  const auto meta = WriteTestBlock(directory_, source);
  ASSERT_TRUE(meta.ok()) << meta.status();
  const auto result = DownsampleBlock({}, Path(kSource), kResolution5m, directory_, {.ulid = k5m});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_FALSE(result->empty);
  const block::Meta& got = result->meta;
  EXPECT_EQ(got.ulid, k5m);
  EXPECT_EQ(got.min_time_ms, meta->min_time_ms);
  EXPECT_EQ(got.max_time_ms, meta->max_time_ms);
  EXPECT_EQ(got.compaction, meta->compaction);
  ASSERT_TRUE(got.thanos.has_value());
  EXPECT_EQ(got.thanos->resolution_ms, kResolution5m);
  EXPECT_EQ(got.thanos->source, "compactor");
  EXPECT_EQ(got.thanos->labels, meta->thanos->labels);
  EXPECT_GT(got.thanos->series_max_bytes, 0);
  EXPECT_GT(got.thanos->chunk_max_bytes, 0);
  EXPECT_EQ(got.stats.num_samples, 12U);
  ASSERT_EQ(result->files.size(), 3U);
  EXPECT_EQ(result->files[0].rel_path, "chunks/000001");
  EXPECT_EQ(result->files[1].rel_path, "index");
  EXPECT_EQ(result->files[1].size_bytes,
            static_cast<int64_t>(std::filesystem::file_size(Path(k5m) + "/index")));
  EXPECT_EQ(result->files[2].rel_path, "meta.json");
}

TEST_F(DownsampleTest, SameInputSameBytes) {
  std::mt19937_64 random(7);
  block::TestBlock source{
      .ulid = kSource, .external_labels = labels::Labels({{"cluster", "a"}}), .series = {}};
  for (int i = 0; i < 700; ++i) {
    source.series.push_back(
        {labels::Labels({{"n", std::to_string(1000 + i)}}),
         block::Ramp(kStart + i, kStart + kHour, 60'000 + static_cast<int64_t>(random() % 100))});
  }
  ASSERT_TRUE(WriteTestBlock(directory_, source).ok());
  concurrency::ThreadPool pool("test", 3);
  ASSERT_TRUE(DownsampleBlock({}, Path(kSource), kResolution5m, directory_, {.ulid = k5m}).ok());
  ASSERT_TRUE(
      DownsampleBlock({}, Path(kSource), kResolution5m, directory_, {.ulid = k1h, .pool = &pool}).ok());
  for (const char* const name : {"/index", "/chunks/000001"}) {
    const auto read = [&](const model::Ulid& ulid) {
      std::ifstream file(Path(ulid) + name, std::ios::binary);
      return std::string(std::istreambuf_iterator<char>(file), {});
    };
    EXPECT_TRUE(read(k5m) == read(k1h)) << name;
  }
}

TEST_F(DownsampleTest, SeriesWithoutSamplesAreLeftOut) {
  const Samples stale = {{kStart, chunkenc::StaleNan()}, {kStart + 1000, chunkenc::StaleNan()}};
  block::TestBlock source{
      .ulid = kSource, .external_labels = {}, .series = {{labels::Labels({{"a", "1"}}), stale}}};
  ASSERT_TRUE(WriteTestBlock(directory_, source).ok());
  const auto result = DownsampleBlock({}, Path(kSource), kResolution5m, directory_, {.ulid = k5m});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_TRUE(result->empty);
  EXPECT_FALSE(std::filesystem::exists(Path(k5m)));
  EXPECT_FALSE(std::filesystem::exists(Path(k5m) + ".tmp-for-creation"));
}

TEST_F(DownsampleTest, InfinitiesAreExtremes) {
  const Samples samples = {{kStart, kInfinity}, {kStart + 1000, kInfinity}, {kStart + 400'000, -kInfinity}};
  block::TestBlock source{
      .ulid = kSource, .external_labels = {}, .series = {{labels::Labels({{"a", "1"}}), samples}}};
  ASSERT_TRUE(WriteTestBlock(directory_, source).ok());
  ASSERT_TRUE(DownsampleBlock({}, Path(kSource), kResolution5m, directory_, {.ulid = k5m}).ok());
  const auto chunks = ReadAggregates(*Open(k5m)).at("{a=\"1\"}");
  EXPECT_THAT(chunks.at(0).parts[2].values, ::testing::ElementsAre(kInfinity, -kInfinity));
  EXPECT_THAT(chunks.at(0).parts[3].values, ::testing::ElementsAre(kInfinity, -kInfinity));
}

TEST_F(DownsampleTest, RefusesWrongResolutionsDamageAndCancellation) {
  block::TestBlock source{
      .ulid = kSource,
      .external_labels = {},
      .series = {{labels::Labels({{"a", "1"}}), block::Ramp(kStart, kStart + kHour, 30'000)}}};
  ASSERT_TRUE(WriteTestBlock(directory_, source).ok());
  EXPECT_EQ(DownsampleBlock({}, Path(kSource), kResolution1h, directory_, {.ulid = k5m}).status().code(),
            base::StatusCode::kFailedPrecondition);
  base::CancelSource cancel;
  cancel.Cancel();
  EXPECT_EQ(DownsampleBlock(cancel.token(), Path(kSource), kResolution5m, directory_, {.ulid = k5m})
                .status()
                .code(),
            base::StatusCode::kCancelled);
  const std::string segment = Path(kSource) + "/chunks/000001";
  std::fstream file(segment, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(40);
  file.put('\x7f');
  file.close();
  const auto result = DownsampleBlock({}, Path(kSource), kResolution5m, directory_, {.ulid = k5m});
  EXPECT_EQ(result.status().code(), base::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(base::Message(result.status())), HasSubstr(kSource.ToString()));
  EXPECT_FALSE(std::filesystem::exists(Path(k5m)));
  EXPECT_FALSE(std::filesystem::exists(Path(k5m) + ".tmp-for-creation"));
}

// Bytes that are damaged and have a right checksum, as a broken writer makes them.
TEST_F(DownsampleTest, DamagedChunksNeverCrash) {
  const uint64_t seed = std::random_device{}();
  SCOPED_TRACE(::testing::Message() << "seed " << seed);
  std::mt19937_64 random(seed);
  block::TestBlock source{.ulid = kSource,
                          .external_labels = {},
                          .series = {{labels::Labels({{"a", "1"}}), RandomSeries(random)}}};
  ASSERT_TRUE(WriteTestBlock(directory_, source).ok());
  ASSERT_TRUE(DownsampleBlock({}, Path(kSource), kResolution5m, directory_, {.ulid = k5m}).ok());
  std::vector<std::pair<block::ChunkToWrite, std::string>> chunks;
  for (const model::Ulid& ulid : {kSource, k5m}) {
    const auto block = Open(ulid);
    index::IndexSeries series;
    ASSERT_TRUE(block->index().Series(block->index().AllPostings()->front(), &series).ok());
    for (const index::ChunkMeta& meta : series.chunks) {
      const auto chunk = block->chunks().Read(meta.ref);
      chunks.push_back({{meta.min_time_ms, meta.max_time_ms, chunk->encoding, {}}, std::string(chunk->data)});
    }
  }
  int failed = 0;
  for (uint64_t round = 0; round < 40; ++round) {
    auto [chunk, data] = chunks[random() % chunks.size()];
    for (auto flips = random() % 4 + 1; flips > 0; --flips) {
      data[random() % std::min<size_t>(data.size(), 60)] = static_cast<char>(random());
    }
    chunk.data = data;
    const model::Ulid ulid = model::Ulid::FromParts(1, 0, round);
    auto writer = *block::BlockWriter::Create(directory_, ulid);
    for (const char* const symbol : {"", "a", "b"}) {
      ASSERT_TRUE(writer->AddSymbol(symbol).ok());
    }
    if (!writer->AddSeries(labels::Labels({{"a", "b"}}), std::array{chunk}).ok()) {
      continue;
    }
    block::Meta meta;
    meta.min_time_ms = chunk.min_time_ms;
    meta.max_time_ms = chunk.max_time_ms + 1;
    meta.thanos.emplace().resolution_ms = chunk.encoding == Encoding::kAggregate ? kResolution5m : 0;
    ASSERT_TRUE(writer->Finish(std::move(meta)).ok());
    const auto result = DownsampleBlock(
        {}, Path(ulid), chunk.encoding == Encoding::kAggregate ? kResolution1h : kResolution5m, directory_,
        {.ulid = model::Ulid::FromParts(2, 0, round)});
    failed += result.ok() ? 0 : 1;
  }
  EXPECT_GT(failed, 3);
}

}  // namespace
}  // namespace thanos::downsample
