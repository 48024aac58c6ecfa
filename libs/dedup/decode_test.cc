#include "dedup/decode.h"

#include <deque>
#include <gtest/gtest.h>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "chunkenc/appender.h"
#include "dedup/penalty.h"

namespace thanos::dedup {
namespace {

using chunkenc::Encoding;
using chunkenc::SampleColumns;
using series::Aggregate;
using series::Chunk;
using series::ChunkData;

constexpr int64_t kMin = std::numeric_limits<int64_t>::min();
constexpr int64_t kMax = std::numeric_limits<int64_t>::max();

struct Point {
  int64_t timestamp;
  double value;
};

// Owns the bytes behind chunks.
class ChunkMaker {
 public:
  ChunkData Data(const std::vector<Point>& points) {
    chunkenc::XorAppender appender;
    for (const Point& point : points) {
      appender.Append(point.timestamp, point.value);
    }
    bytes_.push_back(appender.Bytes());
    return {Encoding::kXor, bytes_.back(), 0};
  }
  Chunk Raw(const std::vector<Point>& points) {
    Chunk chunk;
    chunk.min_time_ms = points.front().timestamp;
    chunk.max_time_ms = points.back().timestamp;
    chunk.raw = Data(points);
    return chunk;
  }
  Chunk Downsampled(int64_t min_ms, int64_t max_ms, const std::array<ChunkData, 6>& aggregates) {
    aggregates_.push_back(aggregates);
    Chunk chunk;
    chunk.min_time_ms = min_ms;
    chunk.max_time_ms = max_ms;
    chunk.aggregates = &aggregates_.back();
    return chunk;
  }

 private:
  std::deque<std::string> bytes_;
  std::deque<std::array<ChunkData, 6>> aggregates_;
};

SampleColumns Decode(const std::vector<Chunk>& chunks, DecodeOptions options, int64_t min_ms = kMin,
                     int64_t max_ms = kMax) {
  SampleColumns out;
  const auto status = DecodeSeries(chunks, options, min_ms, max_ms, &out);
  EXPECT_TRUE(status.ok()) << status;
  return out;
}

std::vector<Point> Every15s(int64_t start, size_t count, double value) {
  std::vector<Point> points;
  for (size_t i = 0; i < count; ++i) {
    points.push_back({start + static_cast<int64_t>(i) * 15'000, value + static_cast<double>(i)});
  }
  return points;
}

TEST(DecodeSeriesTest, JoinsChunksAndCutsTheRange) {
  ChunkMaker maker;
  const std::vector<Chunk> chunks = {maker.Raw(Every15s(0, 120, 0)),
                                     maker.Raw(Every15s(1'800'000, 120, 120))};
  const auto all = Decode(chunks, {});
  ASSERT_EQ(all.size(), 240U);
  EXPECT_EQ(all.values.back(), 239);
  const auto some = Decode(chunks, {.deduplicate = true}, 1'785'000, 1'800'000);
  EXPECT_EQ(some.timestamps, (std::vector<int64_t>{1'785'000, 1'800'000}));
}

TEST(DecodeSeriesTest, AppendsBehindOtherSeries) {
  ChunkMaker maker;
  SampleColumns out;
  out.timestamps = {kMax};
  out.values = {1};
  ASSERT_TRUE(DecodeSeries(std::vector<Chunk>{maker.Raw(Every15s(0, 3, 0))}, {}, kMin, kMax, &out).ok());
  EXPECT_EQ(out.timestamps, (std::vector<int64_t>{kMax, 0, 15'000, 30'000}));
}

TEST(DecodeSeriesTest, OrderAndCopiesDoNotMatter) {
  ChunkMaker maker;
  const Chunk first = maker.Raw(Every15s(0, 120, 0));
  const Chunk second = maker.Raw(Every15s(1'800'000, 120, 120));
  const Chunk copy = maker.Raw(Every15s(0, 120, 0));
  for (const bool deduplicate : {false, true}) {
    EXPECT_EQ(Decode({second, first, copy, second}, {.deduplicate = deduplicate}).values,
              Decode({first, second}, {}).values);
  }
}

TEST(DecodeSeriesTest, OverlapsWithoutDeduplicationAreUnited) {
  ChunkMaker maker;
  const auto out = Decode({maker.Raw(Every15s(0, 10, 0)), maker.Raw(Every15s(5'000, 10, 100))}, {});
  EXPECT_EQ(out.size(), 20U);
}

TEST(DecodeSeriesTest, ReplicasAreDeduplicated) {
  ChunkMaker maker;
  const std::vector<Chunk> chunks = {maker.Raw(Every15s(0, 120, 0)), maker.Raw(Every15s(1'000, 120, 0)),
                                     maker.Raw(Every15s(2'000, 120, 0))};
  const auto out = Decode(chunks, {.deduplicate = true});
  EXPECT_EQ(out.size(), 120U);
  EXPECT_EQ(out.timestamps[7], 7 * 15'000);
}

// The state of the algorithm depends on what was before; asking for a part must give that part of the whole.
TEST(DecodeSeriesTest, PartOfARangeIsThatPartOfTheWhole) {
  const uint64_t seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937_64 random(seed);
  for (int round = 0; round < 100; ++round) {
    ChunkMaker maker;
    std::vector<Chunk> chunks;
    for (int replica = 0; replica < 3; ++replica) {
      auto t = static_cast<int64_t>(random() % 15'000);
      for (int i = 0; i < 4; ++i) {
        std::vector<Point> points;
        for (size_t j = 0; j < 1 + random() % 120; ++j) {
          t += 14'500 + static_cast<int64_t>(random() % 1'000) + (random() % 30 == 0 ? 100'000 : 0);
          points.push_back({t, static_cast<double>(t)});
        }
        chunks.push_back(maker.Raw(points));
      }
    }
    const auto whole = Decode(chunks, {.deduplicate = true});
    const int64_t min_ms = whole.timestamps[random() % whole.size()];
    const int64_t max_ms = min_ms + static_cast<int64_t>(random() % 1'000'000);
    std::vector<int64_t> want;
    for (size_t i = 0; i < whole.size(); ++i) {
      ASSERT_TRUE(i == 0 || whole.timestamps[i - 1] < whole.timestamps[i]);
      if (whole.timestamps[i] >= min_ms && whole.timestamps[i] <= max_ms) {
        want.push_back(whole.timestamps[i]);
      }
    }
    std::shuffle(chunks.begin(), chunks.end(), random);
    EXPECT_EQ(Decode(chunks, {.deduplicate = true}, min_ms, max_ms).timestamps, want);
  }
}

TEST(DecodeSeriesTest, RawCountersKeepTheirResets) {
  ChunkMaker maker;
  const std::vector<Chunk> chunks = {maker.Raw({{0, 10}, {15'000, 20}, {30'000, 3}})};
  for (const bool deduplicate : {false, true}) {
    EXPECT_EQ(Decode(chunks, {.deduplicate = deduplicate, .function = "rate"}).values,
              (std::vector<double>{10, 20, 3}));
  }
}

TEST(DecodeSeriesTest, FunctionChoosesTheAggregate) {
  ChunkMaker maker;
  std::array<ChunkData, 6> aggregates;
  aggregates[static_cast<size_t>(Aggregate::kCount)] = maker.Data({{300'000, 4}, {600'000, 5}});
  aggregates[static_cast<size_t>(Aggregate::kSum)] = maker.Data({{300'000, 8}, {600'000, 20}});
  aggregates[static_cast<size_t>(Aggregate::kMin)] = maker.Data({{300'000, 1}, {600'000, 2}});
  aggregates[static_cast<size_t>(Aggregate::kMax)] = maker.Data({{300'000, 3}, {600'000, 9}});
  const std::vector<Chunk> chunks = {maker.Downsampled(300'000, 600'000, aggregates)};
  const auto values = [&](std::string_view function) {
    return Decode(chunks, {.function = function}).values;
  };
  EXPECT_EQ(values("min_over_time"), (std::vector<double>{1, 2}));
  EXPECT_EQ(values("max"), (std::vector<double>{3, 9}));
  EXPECT_EQ(values("count_over_time"), (std::vector<double>{4, 5}));
  EXPECT_EQ(values("sum_over_time"), (std::vector<double>{8, 20}));
  EXPECT_EQ(values("sum"), (std::vector<double>{2, 4}));
  EXPECT_EQ(values(""), (std::vector<double>{2, 4}));
  EXPECT_TRUE(values("rate").empty());
  EXPECT_EQ(AggregatesForFunction("rate").front(), Aggregate::kCounter);
  EXPECT_EQ(AggregatesForFunction("sum").size(), 2U);
}

TEST(DecodeSeriesTest, CounterAggregatesContinueAcrossChunksAndIntoRawData) {
  ChunkMaker maker;
  std::array<ChunkData, 6> first;
  // First raw sample, two windows with a reset removed between them, the last raw value.
  first[5] = maker.Data({{15'000, 10}, {300'000, 30}, {600'000, 45}, {600'000, 15}});
  std::array<ChunkData, 6> second;
  second[5] = maker.Data({{615'000, 16}, {900'000, 20}, {900'000, 20}});
  const std::vector<Chunk> chunks = {maker.Downsampled(300'000, 600'000, first),
                                     maker.Downsampled(615'001, 900'000, second),
                                     maker.Raw({{915'000, 22}, {930'000, 1}})};
  const auto out = Decode(chunks, {.function = "increase"});
  EXPECT_EQ(out.timestamps,
            (std::vector<int64_t>{15'000, 300'000, 600'000, 615'000, 900'000, 915'000, 930'000}));
  EXPECT_EQ(out.values, (std::vector<double>{10, 30, 45, 46, 50, 52, 53}));
  EXPECT_EQ(Decode(chunks, {.function = "increase"}, 600'000, 900'000).values,
            (std::vector<double>{45, 46, 50}));
}

TEST(DecodeSeriesTest, DamageLeavesTheAnswerAlone) {
  ChunkMaker maker;
  const Chunk good = maker.Raw(Every15s(0, 10, 0));
  Chunk damaged = maker.Raw(Every15s(300'000, 10, 0));
  damaged.raw.data.remove_suffix(3);
  for (const int64_t shift : {int64_t{0}, int64_t{-295'000}}) {
    damaged.min_time_ms += shift;
    SampleColumns out;
    out.timestamps = {1};
    out.values = {1};
    EXPECT_EQ(DecodeSeries(std::vector<Chunk>{good, damaged}, {.deduplicate = true}, kMin, kMax, &out).code(),
              base::StatusCode::kDataLoss);
    EXPECT_EQ(out.size(), 1U);
  }
}

// A histogram chunk with `num_samples` samples from `start` on, every `interval` ms.
Chunk HistogramChunk(std::deque<std::string>& bytes, int64_t start, int64_t interval, int num_samples,
                     model::CounterResetHint hint) {
  chunkenc::HistogramAppender appender;
  for (int i = 0; i < num_samples; ++i) {
    model::Histogram histogram;
    histogram.counter_reset_hint = hint;
    histogram.count = 10 + i;
    histogram.positive_spans = {{0, 1}};
    histogram.positive_buckets = {10.0 + i};
    EXPECT_EQ(appender.Append(start + i * interval, histogram), chunkenc::AppendResult::kAppended);
  }
  bytes.push_back(appender.Bytes());
  Chunk chunk;
  chunk.min_time_ms = start;
  chunk.max_time_ms = start + (num_samples - 1) * interval;
  chunk.raw = {Encoding::kHistogram, bytes.back(), 0};
  return chunk;
}

std::vector<model::CounterResetHint> HintsOf(const SampleColumns& columns) {
  std::vector<model::CounterResetHint> hints;
  for (const auto& histogram : columns.histograms) {
    hints.push_back(histogram.value.counter_reset_hint);
  }
  return hints;
}

// A hint compares with the sample before in the same chunk; it must not survive where another replica's
// sample comes in between.
TEST(DecodeSeriesTest, HintsAreUnknownWhereReplicasChange) {
  using enum model::CounterResetHint;
  std::deque<std::string> bytes;
  const Chunk a = HistogramChunk(bytes, 0, 15'000, 4, kUnknown);
  Chunk b = HistogramChunk(bytes, 5'000, 15'000, 12, kUnknown);
  const auto deduplicated = Decode({a, b}, {.deduplicate = true});
  // Four samples of a, then b takes over.
  ASSERT_GT(deduplicated.size(), 6U);
  EXPECT_EQ(deduplicated.timestamps[3], 45'000);
  auto hints = HintsOf(deduplicated);
  EXPECT_EQ(hints[0], kUnknown);
  EXPECT_EQ(hints[3], kNotReset);
  EXPECT_EQ(hints[4], kUnknown);
  EXPECT_EQ(hints[5], kNotReset);

  // Taken in turn while both last.
  const auto united = Decode({a, b}, {});
  hints = HintsOf(united);
  ASSERT_EQ(hints.size(), 16U);
  for (size_t i = 0; i < 8; ++i) {
    EXPECT_EQ(hints[i], kUnknown) << i;
  }
  EXPECT_EQ(hints[8], kNotReset);

  const Chunk gauge = HistogramChunk(bytes, 0, 15'000, 4, kGauge);
  b = HistogramChunk(bytes, 5'000, 15'000, 12, kGauge);
  for (const bool deduplicate : {false, true}) {
    for (const model::CounterResetHint hint : HintsOf(Decode({gauge, b}, {.deduplicate = deduplicate}))) {
      EXPECT_EQ(hint, kGauge);
    }
  }
}

model::Histogram FloatHistogram(double count, model::CounterResetHint hint) {
  model::Histogram histogram;
  histogram.is_float = true;
  histogram.counter_reset_hint = hint;
  histogram.count = count;
  histogram.sum = 2 * count;
  histogram.positive_spans = {{0, 1}};
  histogram.positive_buckets = {count};
  return histogram;
}

// As Thanos downsamples native histograms: counts as floats, sums as gauge histograms, counters as
// histograms.
TEST(DecodeSeriesTest, AggregatesOfHistogramsAreRead) {
  using enum model::CounterResetHint;
  ChunkMaker maker;
  std::deque<std::string> bytes;
  const auto histograms = [&](std::vector<double> counts, model::CounterResetHint hint) {
    chunkenc::FloatHistogramAppender appender;
    for (size_t i = 0; i < counts.size(); ++i) {
      EXPECT_EQ(appender.Append(300'000 * static_cast<int64_t>(i + 1), FloatHistogram(counts[i], hint)),
                chunkenc::AppendResult::kAppended);
    }
    bytes.push_back(appender.Bytes());
    return ChunkData{Encoding::kFloatHistogram, bytes.back(), 0};
  };
  std::array<ChunkData, 6> aggregates;
  aggregates[static_cast<size_t>(Aggregate::kCount)] = maker.Data({{300'000, 4}, {600'000, 5}});
  aggregates[static_cast<size_t>(Aggregate::kSum)] = histograms({40, 100}, kGauge);
  aggregates[static_cast<size_t>(Aggregate::kCounter)] = histograms({15, 25}, kUnknown);
  const std::vector<Chunk> chunks = {maker.Downsampled(300'000, 600'000, aggregates)};
  for (const bool deduplicate : {false, true}) {
    const auto average = Decode(chunks, {.deduplicate = deduplicate, .function = "histogram_quantile"});
    ASSERT_EQ(average.histograms.size(), 2U);
    EXPECT_EQ(average.histograms[0].value.count, 10);
    EXPECT_EQ(average.histograms[0].value.sum, 20);
    EXPECT_EQ(average.histograms[1].value.positive_buckets, (std::vector<double>{20}));
    EXPECT_EQ(average.histograms[1].value.counter_reset_hint, kGauge);
    const auto counter = Decode(chunks, {.deduplicate = deduplicate, .function = "rate"});
    ASSERT_EQ(counter.histograms.size(), 2U);
    EXPECT_EQ(counter.histograms[1].value.count, 25);
    EXPECT_EQ(counter.histograms[1].value.counter_reset_hint, kNotReset);
    const auto sum = Decode(chunks, {.deduplicate = deduplicate, .function = "sum_over_time"});
    EXPECT_EQ(sum.histograms[0].value.count, 40);
    EXPECT_EQ(Decode(chunks, {.deduplicate = deduplicate, .function = "count_over_time"}).values,
              (std::vector<double>{4, 5}));
    EXPECT_TRUE(Decode(chunks, {.deduplicate = deduplicate, .function = "max_over_time"}).empty());
  }
}

}  // namespace
}  // namespace thanos::dedup
