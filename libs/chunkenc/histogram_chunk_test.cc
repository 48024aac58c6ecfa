#include <gtest/gtest.h>
#include <limits>
#include <random>
#include <vector>

#include "chunkenc/appender.h"
#include "chunkenc/column_decoder.h"

namespace thanos::chunkenc {
namespace {

using model::CounterResetHint;
using model::Histogram;

constexpr int64_t kMin = std::numeric_limits<int64_t>::min();
constexpr int64_t kMax = std::numeric_limits<int64_t>::max();

struct Sample {
  int64_t timestamp;
  Histogram histogram;
};

std::vector<model::Span> RandomSpans(std::mt19937_64& random) {
  std::vector<model::Span> spans(random() % 4);
  for (size_t i = 0; i < spans.size(); ++i) {
    spans[i].offset = static_cast<int32_t>(random() % 20) - (i == 0 ? 10 : 0);
    spans[i].length = static_cast<uint32_t>(random() % 6);
  }
  return spans;
}

Histogram RandomLayout(std::mt19937_64& random, bool is_float) {
  Histogram histogram;
  histogram.is_float = is_float;
  histogram.positive_spans = RandomSpans(random);
  histogram.positive_buckets.resize(model::NumBuckets(histogram.positive_spans));
  if (random() % 3 == 0) {
    histogram.schema = model::kCustomBucketsSchema;
    for (size_t i = 0; i < histogram.positive_buckets.size() + 10; ++i) {
      histogram.custom_bounds.push_back(random() % 2 == 0 ? static_cast<double>(i) / 8
                                                          : static_cast<double>(i) * 1e9 / 3);
    }
    return histogram;
  }
  constexpr double kThresholds[] = {0, 0.001, 2.938735877055719e-39, 1e-128, 0.5, 1024};
  histogram.schema = static_cast<int32_t>(random() % 13) - 4;
  histogram.zero_threshold = kThresholds[random() % 6];
  histogram.negative_spans = RandomSpans(random);
  histogram.negative_buckets.resize(model::NumBuckets(histogram.negative_spans));
  return histogram;
}

void Grow(std::mt19937_64& random, bool is_float, double* value) {
  const double step = static_cast<double>(random() % (uint64_t{1} << (random() % 30)));
  *value += is_float ? step / 7 : step;
}

// A counter that grows; its last sample may be stale.
std::vector<Sample> RandomSamples(std::mt19937_64& random, bool is_float, bool is_gauge) {
  std::vector<Sample> samples;
  Histogram histogram = RandomLayout(random, is_float);
  int64_t timestamp = static_cast<int64_t>(random() % 2'000'000'000'000);
  const size_t count = 1 + random() % 50;
  for (size_t i = 0; i < count; ++i) {
    timestamp += static_cast<int64_t>(15'000 + random() % 20);
    Grow(random, is_float, &histogram.zero_count);
    Grow(random, is_float, &histogram.count);
    histogram.sum += static_cast<double>(random() % 1000) / 3;
    for (double& bucket : histogram.positive_buckets) {
      Grow(random, is_float, &bucket);
    }
    for (double& bucket : histogram.negative_buckets) {
      Grow(random, is_float, &bucket);
    }
    histogram.counter_reset_hint = is_gauge ? CounterResetHint::kGauge
                                   : i == 0 ? CounterResetHint::kUnknown
                                            : CounterResetHint::kNotReset;
    samples.push_back({timestamp, histogram});
  }
  if (!is_gauge && random() % 2 == 0) {
    Histogram stale;
    stale.is_float = is_float;
    stale.sum = StaleNan();
    samples.push_back({timestamp + 15'000, stale});
    samples.push_back({timestamp + 30'000, stale});
  }
  return samples;
}

template <typename Appender>
std::string Encode(const std::vector<Sample>& samples) {
  Appender appender;
  for (const Sample& sample : samples) {
    EXPECT_EQ(appender.Append(sample.timestamp, sample.histogram), AppendResult::kAppended);
  }
  EXPECT_EQ(appender.Bytes().size(), appender.size_bytes());
  return appender.Bytes();
}

std::string Encode(bool is_float, const std::vector<Sample>& samples) {
  return is_float ? Encode<FloatHistogramAppender>(samples) : Encode<HistogramAppender>(samples);
}

Encoding EncodingOf(bool is_float) {
  return is_float ? Encoding::kFloatHistogram : Encoding::kHistogram;
}

class HistogramChunkTest : public ::testing::TestWithParam<bool> {};

TEST_P(HistogramChunkTest, RandomSamplesRoundTrip) {
  const bool is_float = GetParam();
  const uint64_t seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937_64 random(seed);
  for (int round = 0; round < 200; ++round) {
    const auto samples = RandomSamples(random, is_float, round % 3 == 0);
    const std::string chunk = Encode(is_float, samples);
    SampleColumns out;
    ASSERT_TRUE(DecodeChunk(EncodingOf(is_float), chunk, kMin, kMax, &out).ok());
    ASSERT_EQ(out.size(), samples.size());
    ASSERT_EQ(out.histograms.size(), samples.size());
    for (size_t i = 0; i < samples.size(); ++i) {
      ASSERT_EQ(out.timestamps[i], samples[i].timestamp);
      ASSERT_EQ(out.histograms[i].index, i);
      ASSERT_TRUE(model::SameBits(out.histograms[i].value, samples[i].histogram)) << i;
    }
  }
}

TEST_P(HistogramChunkTest, KeepsTheAskedRangeOnly) {
  const bool is_float = GetParam();
  std::mt19937_64 random(1);
  auto samples = RandomSamples(random, is_float, false);
  while (samples.size() < 10) {
    samples = RandomSamples(random, is_float, false);
  }
  SampleColumns out;
  out.timestamps = {1};
  out.values = {2};
  ASSERT_TRUE(DecodeChunk(EncodingOf(is_float), Encode(is_float, samples), samples[3].timestamp,
                          samples[5].timestamp, &out)
                  .ok());
  ASSERT_EQ(out.size(), 4U);
  ASSERT_EQ(out.histograms.size(), 3U);
  EXPECT_EQ(out.histograms[0].index, 1U);
  EXPECT_TRUE(model::SameBits(out.histograms[2].value, samples[5].histogram));
}

TEST_P(HistogramChunkTest, DamageNeverCrashes) {
  const bool is_float = GetParam();
  const uint64_t seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937_64 random(seed);
  for (int round = 0; round < 6; ++round) {
    const std::string chunk = Encode(is_float, RandomSamples(random, is_float, false));
    for (size_t i = 0; i < chunk.size(); ++i) {
      const std::vector<char> cut(chunk.begin(), chunk.begin() + static_cast<ptrdiff_t>(i));
      SampleColumns out;
      const auto cut_status = DecodeChunk(EncodingOf(is_float), {cut.data(), cut.size()}, kMin, kMax, &out);
      // The last byte may be padding.
      if (i + 1 < chunk.size() || chunk.back() != '\0') {
        EXPECT_EQ(cut_status.code(), base::StatusCode::kDataLoss) << i;
      }
      EXPECT_TRUE(cut_status.ok() || (out.empty() && out.histograms.empty()));
      out.Clear();
      std::vector<char> flipped(chunk.begin(), chunk.end());
      flipped[i] = static_cast<char>(random());
      const auto status =
          DecodeChunk(EncodingOf(is_float), {flipped.data(), flipped.size()}, kMin, kMax, &out);
      EXPECT_EQ(out.timestamps.size(), out.histograms.size());
      EXPECT_TRUE(status.ok() || out.empty());
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, HistogramChunkTest, ::testing::Bool(),
                         [](const auto& param_info) { return param_info.param ? "Float" : "Integer"; });

Histogram Counter() {
  Histogram histogram;
  histogram.count = 10;
  histogram.zero_count = 1;
  histogram.sum = 5;
  histogram.positive_spans = {{0, 2}};
  histogram.positive_buckets = {4, 5};
  return histogram;
}

TEST(HistogramAppenderTest, ReportsResetsAndLayoutChanges) {
  HistogramAppender appender;
  const Histogram first = Counter();
  ASSERT_EQ(appender.Append(1, first), AppendResult::kAppended);
  Histogram next = first;
  next.positive_buckets = {3, 6};
  EXPECT_EQ(appender.Append(2, next), AppendResult::kNewChunkAfterReset);
  next = first;
  next.count = 9;
  EXPECT_EQ(appender.Append(2, next), AppendResult::kNewChunkAfterReset);
  next = first;
  next.counter_reset_hint = CounterResetHint::kReset;
  EXPECT_EQ(appender.Append(2, next), AppendResult::kNewChunkAfterReset);
  next = first;
  next.counter_reset_hint = CounterResetHint::kGauge;
  EXPECT_EQ(appender.Append(2, next), AppendResult::kNewChunk);
  next = first;
  next.positive_spans = {{0, 3}};
  next.positive_buckets = {4, 5, 1};
  next.schema = 1;
  next.count = 11;
  EXPECT_EQ(appender.Append(2, next), AppendResult::kNewChunk);
  EXPECT_EQ(appender.Append(2, first), AppendResult::kAppended);
  Histogram stale;
  stale.sum = StaleNan();
  EXPECT_EQ(appender.Append(3, stale), AppendResult::kAppended);
  EXPECT_EQ(appender.Append(4, first), AppendResult::kNewChunk);
  EXPECT_EQ(appender.num_samples(), 3);
}

Histogram WithBuckets(std::vector<model::Span> spans, std::vector<double> counts, double count) {
  Histogram histogram = Counter();
  histogram.positive_spans = std::move(spans);
  histogram.positive_buckets = std::move(counts);
  histogram.count = count;
  return histogram;
}

template <typename Appender>
void ExpectOneLayout(bool is_float, const std::vector<Histogram>& histograms,
                     const std::vector<Histogram>& want) {
  Appender appender;
  Appender reference;
  for (size_t i = 0; i < histograms.size(); ++i) {
    ASSERT_EQ(appender.Append(static_cast<int64_t>(i), histograms[i]), AppendResult::kAppended) << i;
    ASSERT_EQ(reference.Append(static_cast<int64_t>(i), want[i]), AppendResult::kAppended) << i;
  }
  // As if the first sample had had all buckets.
  EXPECT_EQ(appender.Bytes(), reference.Bytes());
  SampleColumns out;
  ASSERT_TRUE(DecodeChunk(EncodingOf(is_float), appender.Bytes(), kMin, kMax, &out).ok());
  ASSERT_EQ(out.histograms.size(), want.size());
  for (size_t i = 0; i < want.size(); ++i) {
    EXPECT_EQ(out.histograms[i].value.positive_spans, want[i].positive_spans);
    EXPECT_EQ(out.histograms[i].value.positive_buckets, want[i].positive_buckets);
  }
}

TEST(HistogramAppenderTest, NewBucketsAreCodedIntoTheChunk) {
  const std::vector<Histogram> given = {
      WithBuckets({{0, 2}}, {4, 5}, 10), WithBuckets({{0, 2}}, {4, 6}, 11),
      WithBuckets({{-1, 1}, {1, 1}, {2, 1}}, {1, 6, 1}, 14),  // without the bucket 0: see below
      WithBuckets({{0, 3}}, {4, 6, 1}, 12)};
  // The third lost a populated bucket: the counter restarted.
  HistogramAppender appender;
  ASSERT_EQ(appender.Append(0, given[0]), AppendResult::kAppended);
  EXPECT_EQ(appender.Append(1, given[2]), AppendResult::kNewChunkAfterReset);
  const std::vector<Histogram> growing = {given[0], given[1], given[3],
                                          WithBuckets({{-2, 1}, {1, 4}}, {7, 4, 6, 1, 2}, 30)};
  const std::vector<Histogram> want = {WithBuckets({{-2, 1}, {1, 4}}, {0, 4, 5, 0, 0}, 10),
                                       WithBuckets({{-2, 1}, {1, 4}}, {0, 4, 6, 0, 0}, 11),
                                       WithBuckets({{-2, 1}, {1, 4}}, {0, 4, 6, 1, 0}, 12), growing[3]};
  ExpectOneLayout<HistogramAppender>(false, growing, want);
  ExpectOneLayout<FloatHistogramAppender>(true, growing, want);
}

TEST(HistogramAppenderTest, EmptyBucketsMayVanish) {
  const std::vector<Histogram> given = {WithBuckets({{0, 3}}, {4, 0, 5}, 10),
                                        WithBuckets({{0, 1}, {1, 1}}, {4, 6}, 11),
                                        WithBuckets({{0, 1}, {1, 1}, {1, 1}}, {4, 6, 1}, 12)};
  const std::vector<Histogram> want = {WithBuckets({{0, 3}, {1, 1}}, {4, 0, 5, 0}, 10),
                                       WithBuckets({{0, 3}, {1, 1}}, {4, 0, 6, 0}, 11),
                                       WithBuckets({{0, 3}, {1, 1}}, {4, 0, 6, 1}, 12)};
  ExpectOneLayout<HistogramAppender>(false, given, want);
  ExpectOneLayout<FloatHistogramAppender>(true, given, want);
}

TEST(HistogramAppenderTest, GaugesMeetAtTheUnion) {
  std::vector<Histogram> given = {WithBuckets({{0, 2}}, {4, 5}, 10), WithBuckets({{1, 2}}, {1, 2}, 4)};
  std::vector<Histogram> want = {WithBuckets({{0, 3}}, {4, 5, 0}, 10), WithBuckets({{0, 3}}, {0, 1, 2}, 4)};
  for (auto* const histograms : {&given, &want}) {
    for (Histogram& histogram : *histograms) {
      histogram.counter_reset_hint = CounterResetHint::kGauge;
    }
  }
  ExpectOneLayout<HistogramAppender>(false, given, want);
  ExpectOneLayout<FloatHistogramAppender>(true, given, want);
}

TEST(HistogramAppenderTest, RecodedChunksKeepTheirHeader) {
  HistogramAppender appender;
  Histogram first = WithBuckets({{0, 2}}, {4, 5}, 10);
  first.counter_reset_hint = CounterResetHint::kReset;
  ASSERT_EQ(appender.Append(0, first), AppendResult::kAppended);
  const char flags = appender.Bytes()[2];
  ASSERT_EQ(appender.Append(1, WithBuckets({{0, 3}}, {4, 5, 6}, 16)), AppendResult::kAppended);
  EXPECT_EQ(appender.Bytes()[2], flags);
}

TEST(HistogramDecoderTest, ReservedSchemasAreReadAtTheFinestInUse) {
  Histogram fine = WithBuckets({{1, 4}}, {1, 2, 3, 4}, 10);
  fine.schema = model::kMaxExponentialSchema + 1;
  HistogramAppender appender;
  ASSERT_EQ(appender.Append(1, fine), AppendResult::kAppended);
  SampleColumns out;
  ASSERT_TRUE(DecodeChunk(Encoding::kHistogram, appender.Bytes(), kMin, kMax, &out).ok());
  EXPECT_EQ(out.histograms[0].value.schema, model::kMaxExponentialSchema);
  EXPECT_EQ(out.histograms[0].value.positive_buckets, (std::vector<double>{3, 7}));
}

TEST(HistogramDecoderTest, HugeBucketClaimsCostNothing) {
  // Zero threshold 0, schema 0, one span whose length is 2^56-1, then nothing.
  std::string chunk("\x00\x01\x00\x00", 4);
  encoding::BitWriter writer(&chunk);
  writer.WriteBits(0, 1);
  writer.WriteBits(0b10'001, 5);
  writer.WriteBits(0xfe, 8);
  writer.WriteBits((uint64_t{1} << 56) - 1, 56);
  writer.WriteBits(0, 58);
  writer.Flush();
  SampleColumns out;
  EXPECT_EQ(DecodeChunk(Encoding::kHistogram, chunk, kMin, kMax, &out).code(), base::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace thanos::chunkenc
