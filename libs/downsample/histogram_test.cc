#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <limits>
#include <map>
#include <random>

#include "block/reader.h"
#include "block/writer.h"
#include "chunkenc/aggr_chunk.h"
#include "chunkenc/appender.h"
#include "chunkenc/column_decoder.h"
#include "downsample/downsample.h"
#include "downsample/histogram_math.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "model/time_range.h"

namespace thanos::downsample {
namespace {

using block::BlockReader;
using chunkenc::Encoding;
using chunkenc::SampleColumns;
using model::CounterResetHint;
using model::Histogram;

constexpr int64_t kStart = 1'700'006'400'000;
constexpr int64_t kHour = 3'600'000;
const model::Ulid kSource = *model::Ulid::Parse("01JXQ5B2M8ZC4N9W0V8R5T7YQK");
const model::Ulid k5m = *model::Ulid::Parse("01JXQ5B2M8ZC4N9W0V8R5T7YQ5");
const model::Ulid k1h = *model::Ulid::Parse("01JXQ5B2M8ZC4N9W0V8R5T7YQ6");

// Counts by what they count: "count", "zero", "sum", "+3", "-1"; zeros left out.
std::map<std::string, double> Counts(const Histogram& h) {
  std::map<std::string, double> counts = {{"count", h.count}, {"zero", h.zero_count}, {"sum", h.sum}};
  for (const bool positive : {true, false}) {
    int64_t index = 0;
    size_t next = 0;
    for (const model::Span& span : positive ? h.positive_spans : h.negative_spans) {
      index += span.offset;
      for (uint32_t i = 0; i < span.length; ++i) {
        counts[(positive ? "+" : "-") + std::to_string(index++)] =
            (positive ? h.positive_buckets : h.negative_buckets)[next++];
      }
    }
  }
  std::erase_if(counts, [](const auto& entry) { return entry.second == 0; });
  return counts;
}

void Add(const std::map<std::string, double>& other, double factor, std::map<std::string, double>* to) {
  for (const auto& [name, count] : other) {
    (*to)[name] += factor * count;
  }
  std::erase_if(*to, [](const auto& entry) { return entry.second == 0; });
}

Histogram Exponential(int32_t schema, std::vector<model::Span> spans, std::vector<double> buckets,
                      double zero_count = 0) {
  Histogram h;
  h.schema = schema;
  h.zero_threshold = 1e-6;
  h.zero_count = zero_count;
  h.positive_spans = std::move(spans);
  h.positive_buckets = std::move(buckets);
  h.count = zero_count;
  for (const double bucket : h.positive_buckets) {
    h.count += bucket;
    h.sum += bucket;
  }
  return h;
}

TEST(HistogramMathTest, AddsBucketByBucket) {
  Histogram sum = Exponential(0, {{0, 2}}, {1, 2}, 1);
  AddScaled(Exponential(0, {{1, 2}, {2, 1}}, {10, 20, 30}, 3), 1, &sum);
  EXPECT_EQ(Counts(sum),
            (std::map<std::string, double>{
                {"count", 67}, {"zero", 4}, {"sum", 63}, {"+0", 1}, {"+1", 12}, {"+2", 20}, {"+5", 30}}));
  AddScaled(Exponential(0, {{1, 2}, {2, 1}}, {10, 20, 30}, 3), -1, &sum);
  EXPECT_EQ(Counts(sum),
            (std::map<std::string, double>{{"count", 4}, {"zero", 1}, {"sum", 3}, {"+0", 1}, {"+1", 2}}));
}

TEST(HistogramMathTest, ReducesToTheLowerSchema) {
  // Buckets 1 and 2 of schema 1 are bucket 1 of schema 0; 0 and -1 are 0.
  Histogram h = Exponential(1, {{-1, 4}}, {1, 2, 4, 8});
  ReduceSchema(0, &h);
  EXPECT_EQ(h.schema, 0);
  EXPECT_EQ(Counts(h), (std::map<std::string, double>{{"count", 15}, {"sum", 15}, {"+0", 3}, {"+1", 12}}));
  Histogram sum = Exponential(1, {{1, 1}}, {5});
  AddScaled(h, 1, &sum);
  EXPECT_EQ(sum.schema, 0);
  EXPECT_EQ(Counts(sum), (std::map<std::string, double>{{"count", 20}, {"sum", 20}, {"+0", 3}, {"+1", 17}}));
}

TEST(HistogramMathTest, WidensZeroBuckets) {
  Histogram wide = Exponential(0, {{3, 1}}, {7}, 1);
  wide.zero_threshold = 1;
  // Buckets 0 (0.5, 1] and -1 (0.25, 0.5] go into it; bucket 1 (1, 2] does not.
  Histogram narrow = Exponential(0, {{-1, 3}}, {1, 2, 4}, 10);
  AddScaled(narrow, 1, &wide);
  EXPECT_EQ(wide.zero_threshold, 1);
  EXPECT_EQ(Counts(wide),
            (std::map<std::string, double>{{"count", 25}, {"sum", 14}, {"zero", 14}, {"+1", 4}, {"+3", 7}}));
  // A threshold inside a populated bucket is widened to its end.
  Histogram odd = Exponential(0, {{3, 1}}, {7}, 1);
  odd.zero_threshold = 0.7;
  AddScaled(narrow, 1, &odd);
  EXPECT_EQ(odd.zero_threshold, 1);
}

TEST(HistogramMathTest, OneChunkForGrowingLayouts) {
  std::vector<int64_t> times = {1, 2, 3};
  std::vector<Histogram> histograms = {Exponential(0, {{0, 1}}, {1}),
                                       Exponential(0, {{0, 1}, {3, 1}}, {1, 2}),
                                       Exponential(0, {{-2, 1}, {1, 1}, {3, 1}}, {5, 1, 2})};
  std::string data;
  ASSERT_TRUE(EncodeFloatHistograms(times, histograms, &data));
  SampleColumns columns;
  ASSERT_TRUE(chunkenc::DecodeChunk(Encoding::kFloatHistogram, data, 0, 10, &columns).ok());
  ASSERT_EQ(columns.histograms.size(), 3U);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(Counts(columns.histograms[i].value), Counts(histograms[i]));
  }
  std::swap(histograms[0], histograms[2]);
  EXPECT_FALSE(EncodeFloatHistograms(times, histograms, &data)) << "counts fall";
}

struct Sample {
  int64_t t = 0;
  Histogram histogram;
};

class HistogramDownsampleTest : public ::testing::Test {
 protected:
  struct Window {
    int64_t time_ms = 0;
    double count = 0;
    Histogram sum;
    Histogram counter;
  };
  using Chunk = std::vector<Window>;

  void SetUp() override {
    directory_ = ::testing::TempDir() + "/downsample-XXXXXX";
    ASSERT_NE(mkdtemp(directory_.data()), nullptr);
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  void Write(const std::vector<Sample>& samples) {
    auto writer = *block::BlockWriter::Create(directory_, kSource);
    for (const char* const symbol : {"", "a", "b"}) {
      ASSERT_TRUE(writer->AddSymbol(symbol).ok());
    }
    std::vector<std::string> data;
    std::vector<block::ChunkToWrite> chunks;
    for (size_t i = 0; i < samples.size();) {
      chunkenc::HistogramAppender appender;
      const size_t begin = i;
      while (i < samples.size() && i - begin < 100 &&
             appender.Append(samples[i].t, samples[i].histogram) == chunkenc::AppendResult::kAppended) {
        ++i;
      }
      data.push_back(appender.Bytes());
      chunks.push_back({samples[begin].t, samples[i - 1].t, Encoding::kHistogram, {}});
    }
    for (size_t i = 0; i < chunks.size(); ++i) {
      chunks[i].data = data[i];
    }
    ASSERT_TRUE(writer->AddSeries(labels::Labels({{"a", "b"}}), chunks).ok());
    block::Meta meta;
    meta.min_time_ms = kStart;
    meta.max_time_ms = samples.back().t + 1;
    meta.thanos.emplace();
    ASSERT_TRUE(writer->Finish(std::move(meta)).ok());
  }

  void Downsample(const model::Ulid& from, int64_t resolution_ms, const model::Ulid& to) {
    const auto result =
        DownsampleBlock({}, directory_ + "/" + from.ToString(), resolution_ms, directory_, {.ulid = to});
    ASSERT_TRUE(result.ok()) << result.status();
  }

  std::vector<Chunk> Read(const model::Ulid& ulid) const {
    const auto block = *BlockReader::Open(directory_ + "/" + ulid.ToString());
    std::vector<Chunk> result;
    index::IndexSeries series;
    const index::Postings refs = *block->index().AllPostings();
    for (const index::SeriesRef ref : refs) {
      EXPECT_TRUE(block->index().Series(ref, &series).ok());
      for (const index::ChunkMeta& meta : series.chunks) {
        const auto parts = *chunkenc::SplitAggregateChunk(block->chunks().Read(meta.ref)->data);
        EXPECT_EQ(parts[2].encoding, Encoding::kNone);
        EXPECT_EQ(parts[3].encoding, Encoding::kNone);
        std::array<SampleColumns, 5> columns;
        for (const size_t i : {size_t{0}, size_t{1}, size_t{4}}) {
          EXPECT_TRUE(chunkenc::DecodeChunk(parts[i].encoding, parts[i].data, model::kMinTimeMs,
                                            model::kMaxTimeMs, &columns[i])
                          .ok());
        }
        EXPECT_EQ(columns[0].timestamps, columns[1].timestamps);
        EXPECT_EQ(columns[0].timestamps, columns[4].timestamps);
        Chunk& chunk = result.emplace_back();
        for (size_t i = 0; i < columns[0].size(); ++i) {
          chunk.push_back({columns[0].timestamps[i], columns[0].values[i], columns[1].histograms.at(i).value,
                           columns[4].histograms.at(i).value});
          EXPECT_EQ(chunk.back().sum.counter_reset_hint, CounterResetHint::kGauge);
        }
        EXPECT_EQ(meta.min_time_ms, chunk.front().time_ms);
        EXPECT_EQ(meta.max_time_ms, chunk.back().time_ms);
      }
    }
    return result;
  }

  std::string directory_;
};

// Histograms whose buckets, and now and then whose schema, come and go.
std::vector<Sample> RandomHistograms(std::mt19937_64& random) {
  std::vector<Sample> samples;
  std::map<int, double> buckets;
  double zero = 0;
  for (int64_t t = kStart; t < kStart + 50 * kHour; t += 60'000 + static_cast<int64_t>(random() % 100)) {
    if (random() % 300 == 0) {
      buckets.clear();
      zero = 0;
    }
    if (random() % 400 == 0) {
      t += 2 * kHour;
    }
    buckets[static_cast<int>(random() % 12) - 4] += static_cast<double>(random() % 5);
    zero += static_cast<double>(random() % 2);
    Sample sample{t, Exponential(1, {}, {}, zero)};
    for (const auto& [index, count] : buckets) {
      auto& spans = sample.histogram.positive_spans;
      int64_t next = 0;
      for (const model::Span& span : spans) {
        next += span.offset + span.length;
      }
      spans.push_back({static_cast<int32_t>(index - next), 1});
      sample.histogram.positive_buckets.push_back(count);
      sample.histogram.count += count;
      sample.histogram.sum += count;
    }
    if (random() % 100 == 0) {
      sample.histogram = Histogram();
      sample.histogram.sum = chunkenc::StaleNan();
    }
    samples.push_back(sample);
  }
  return samples;
}

TEST_F(HistogramDownsampleTest, AggregatesEqualANaiveReference) {
  const uint64_t seed = std::random_device{}();
  SCOPED_TRACE(::testing::Message() << "seed " << seed);
  std::mt19937_64 random(seed);
  const std::vector<Sample> samples = RandomHistograms(random);
  Write(samples);
  Downsample(kSource, kResolution5m, k5m);
  const auto chunks = Read(k5m);
  ASSERT_GT(chunks.size(), 1U);
  size_t next = 0;
  const auto is_stale = [&](size_t i) { return std::isnan(samples[i].histogram.sum); };
  std::map<std::string, double> total_sum;
  double total_count = 0;
  for (const Chunk& chunk : chunks) {
    std::map<std::string, double> counter;
    std::map<std::string, double> previous;
    bool first = true;
    for (const Window& window : chunk) {
      std::map<std::string, double> sum;
      double count = 0;
      for (; next < samples.size() && samples[next].t <= window.time_ms; ++next) {
        if (is_stale(next)) {
          continue;
        }
        const auto counts = Counts(samples[next].histogram);
        const bool reset = std::ranges::any_of(previous, [&](const auto& entry) {
          const auto now = counts.find(entry.first);
          return now == counts.end() || now->second < entry.second;
        });
        Add(counts, 1, &counter);
        if (!first && !reset) {
          Add(previous, -1, &counter);
        }
        first = false;
        previous = counts;
        Add(counts, 1, &sum);
        ++count;
      }
      ASSERT_EQ(window.count, count);
      ASSERT_EQ(Counts(window.sum), sum);
      ASSERT_EQ(Counts(window.counter), counter);
      Add(sum, 1, &total_sum);
      total_count += count;
    }
  }
  Downsample(k5m, kResolution1h, k1h);
  std::map<std::string, double> hours_sum;
  double hours_count = 0;
  for (const Chunk& chunk : Read(k1h)) {
    std::map<std::string, double> before;
    for (const Window& window : chunk) {
      Add(Counts(window.sum), 1, &hours_sum);
      hours_count += window.count;
      const auto counts = Counts(window.counter);
      for (const auto& [name, count] : before) {
        EXPECT_GE(counts.at(name), count) << name << ": counters without resets do not fall";
      }
      before = counts;
    }
  }
  EXPECT_EQ(hours_count, total_count);
  EXPECT_EQ(hours_sum, total_sum);
}

TEST_F(HistogramDownsampleTest, SchemasAreReducedToTheSmallestOfABatch) {
  Write({{kStart, Exponential(1, {{1, 2}}, {1, 2})},
         {kStart + 60'000, Exponential(1, {{1, 2}}, {2, 4})},
         {kStart + 120'000, Exponential(0, {{1, 1}}, {10})}});
  Downsample(kSource, kResolution5m, k5m);
  const auto chunks = Read(k5m);
  ASSERT_EQ(chunks.size(), 1U);
  ASSERT_EQ(chunks[0].size(), 1U);
  EXPECT_EQ(chunks[0][0].counter.schema, 0);
  // 3, then 3 more, then 4 more: only a finer schema would be a restart.
  EXPECT_EQ(Counts(chunks[0][0].counter).at("+1"), 10);
  EXPECT_EQ(Counts(chunks[0][0].sum).at("+1"), 19);
}

TEST_F(HistogramDownsampleTest, GaugesStayGaugesAndCustomBucketsAreAggregated) {
  Histogram gauge = Exponential(0, {{1, 1}}, {10});
  gauge.counter_reset_hint = CounterResetHint::kGauge;
  Histogram lower = Exponential(0, {{1, 1}}, {4});
  lower.counter_reset_hint = CounterResetHint::kGauge;
  Histogram custom;
  custom.schema = model::kCustomBucketsSchema;
  custom.custom_bounds = {1, 2};
  custom.positive_spans = {{0, 3}};
  custom.positive_buckets = {1, 2, 3};
  custom.count = 6;
  custom.sum = 9;
  Histogram other = custom;
  other.custom_bounds = {1, 5};
  Write({{kStart, gauge},
         {kStart + 400'000, lower},
         {kStart + 2 * kHour, custom},
         {kStart + 2 * kHour + 1000, custom},
         {kStart + 3 * kHour, other}});
  Downsample(kSource, kResolution5m, k5m);
  const auto chunks = Read(k5m);
  ASSERT_EQ(chunks.size(), 3U);
  ASSERT_EQ(chunks[0].size(), 2U);
  EXPECT_EQ(chunks[0][1].counter.counter_reset_hint, CounterResetHint::kGauge);
  EXPECT_EQ(chunks[0][1].counter.count, 4);
  EXPECT_EQ(chunks[1][0].sum.custom_bounds, custom.custom_bounds);
  EXPECT_EQ(chunks[1][0].sum.count, 12);
  EXPECT_EQ(chunks[1][0].counter.count, 6);
  EXPECT_EQ(chunks[2][0].sum.custom_bounds, other.custom_bounds);
  Downsample(k5m, kResolution1h, k1h);
  EXPECT_EQ(Read(k1h).size(), 3U);
}

}  // namespace
}  // namespace thanos::downsample
