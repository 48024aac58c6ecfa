#include <bit>
#include <gtest/gtest.h>
#include <limits>
#include <random>
#include <vector>

#include "chunkenc/appender.h"
#include "chunkenc/column_decoder.h"

namespace thanos::chunkenc {
namespace {

constexpr int64_t kMin = std::numeric_limits<int64_t>::min();
constexpr int64_t kMax = std::numeric_limits<int64_t>::max();

struct Sample {
  int64_t timestamp;
  uint64_t bits;
};

std::string Encode(const std::vector<Sample>& samples) {
  XorAppender appender;
  for (const Sample& sample : samples) {
    appender.Append(sample.timestamp, std::bit_cast<double>(sample.bits));
  }
  EXPECT_EQ(appender.Bytes().size(), appender.size_bytes());
  return appender.Bytes();
}

// Bit for bit, because NaN payloads carry meaning.
void ExpectColumns(const SampleColumns& got, const std::vector<Sample>& want) {
  ASSERT_EQ(got.timestamps.size(), want.size());
  ASSERT_EQ(got.values.size(), want.size());
  for (size_t i = 0; i < want.size(); ++i) {
    ASSERT_EQ(got.timestamps[i], want[i].timestamp) << i;
    ASSERT_EQ(std::bit_cast<uint64_t>(got.values[i]), want[i].bits) << i;
  }
}

uint64_t Bits(double value) {
  return std::bit_cast<uint64_t>(value);
}

// Timestamps over every width class of the delta-of-delta, values of every kind.
std::vector<Sample> RandomSamples(std::mt19937_64& random, size_t count) {
  std::vector<Sample> samples;
  int64_t timestamp = static_cast<int64_t>(random() % 2'000'000'000'000);
  auto delta = static_cast<int64_t>(random() % 60'000);
  double counter = static_cast<double>(random() % 1000);
  const uint64_t style = random() % 4;
  for (size_t i = 0; i < count; ++i) {
    constexpr unsigned kWidths[] = {1, 14, 17, 20, 40};
    const int64_t range = int64_t{1} << (kWidths[random() % (style + 2)] - 1);
    if (style > 0) {
      delta = std::max<int64_t>(
          0, delta + static_cast<int64_t>(random() % static_cast<uint64_t>(2 * range)) - range + 1);
    }
    timestamp += delta;
    counter += static_cast<double>(random() % 50);
    uint64_t bits = Bits(counter);
    switch (random() % (style == 3 ? 12 : 40)) {
      case 0:
        bits = kStaleNanBits;
        break;
      case 1:
        bits = random();
        break;
      case 2:
        bits = Bits(std::numeric_limits<double>::infinity());
        break;
      case 3:
        bits = Bits(-std::numeric_limits<double>::infinity());
        break;
      case 4:
        bits = 0x7ff8000000000000ULL | (random() & 0xffffff);
        break;
      case 5:
        bits = Bits(-0.0);
        break;
      case 6:
      case 7:
        bits = samples.empty() ? 0 : samples.back().bits;
        break;
      default:
        break;
    }
    samples.push_back({timestamp, bits});
  }
  return samples;
}

TEST(XorChunkTest, EmptyChunk) {
  SampleColumns out;
  EXPECT_TRUE(DecodeChunk(Encoding::kXor, XorAppender().Bytes(), kMin, kMax, &out).ok());
  EXPECT_TRUE(out.empty());
}

// Computed by hand: count 3; t 1000, 1010, 1020; v 1, 1, 2.
TEST(XorChunkTest, KnownBytes) {
  const std::string want("\x00\x03\xd0\x0f\x3f\xf0\x00\x00\x00\x00\x00\x00\x0a\x30\x97\xff\xc0", 17);
  const std::string got = Encode({{1000, Bits(1)}, {1010, Bits(1)}, {1020, Bits(2)}});
  EXPECT_EQ(got, want);
  SampleColumns out;
  ASSERT_TRUE(DecodeChunk(Encoding::kXor, got, kMin, kMax, &out).ok());
  ExpectColumns(out, {{1000, Bits(1)}, {1010, Bits(1)}, {1020, Bits(2)}});
}

TEST(XorChunkTest, RandomSamplesRoundTrip) {
  const uint64_t seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937_64 random(seed);
  for (int round = 0; round < 400; ++round) {
    const auto samples = RandomSamples(random, 1 + random() % 250);
    const std::string chunk = Encode(samples);
    SampleColumns out;
    ASSERT_TRUE(DecodeChunk(Encoding::kXor, chunk, kMin, kMax, &out).ok());
    ExpectColumns(out, samples);
    EXPECT_EQ(NumSamples(Encoding::kXor, chunk).value(), static_cast<int>(samples.size()));
  }
}

TEST(XorChunkTest, EdgesOfEveryDeltaOfDeltaWidth) {
  for (const unsigned width : {14U, 17U, 20U, 63U}) {
    const int64_t half = int64_t{1} << (width - 1);
    for (const int64_t dod : {-half - 1, -half, -(half - 1), half - 1, half, half + 1}) {
      const int64_t first_delta = width == 63 ? 0 : 5'000'000;
      std::vector<Sample> samples = {{0, 1}, {first_delta, 1}};
      const auto delta =
          static_cast<int64_t>(static_cast<uint64_t>(first_delta) + static_cast<uint64_t>(dod));
      samples.push_back(
          {static_cast<int64_t>(static_cast<uint64_t>(first_delta) + static_cast<uint64_t>(delta)), 1});
      SampleColumns out;
      ASSERT_TRUE(DecodeChunk(Encoding::kXor, Encode(samples), kMin, kMax, &out).ok());
      ExpectColumns(out, samples);
    }
  }
}

TEST(XorChunkTest, ExtremeTimestamps) {
  const std::vector<Sample> samples = {{kMin, 1}, {0, 2}, {kMax, 3}};
  SampleColumns out;
  ASSERT_TRUE(DecodeChunk(Encoding::kXor, Encode(samples), kMin, kMax, &out).ok());
  ExpectColumns(out, samples);
}

TEST(XorChunkTest, KeepsTheAskedRangeOnly) {
  const uint64_t seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937_64 random(seed);
  for (int round = 0; round < 200; ++round) {
    const auto samples = RandomSamples(random, 1 + random() % 200);
    int64_t min_ms = samples[random() % samples.size()].timestamp + static_cast<int64_t>(random() % 3) - 1;
    int64_t max_ms = samples[random() % samples.size()].timestamp + static_cast<int64_t>(random() % 3) - 1;
    std::vector<Sample> want = {{-1, 7}};
    for (const Sample& sample : samples) {
      if (min_ms <= sample.timestamp && sample.timestamp <= max_ms) {
        want.push_back(sample);
      }
    }
    SampleColumns out;
    out.timestamps = {-1};
    out.values = {std::bit_cast<double>(uint64_t{7})};
    ASSERT_TRUE(DecodeChunk(Encoding::kXor, Encode(samples), min_ms, max_ms, &out).ok());
    ExpectColumns(out, want);
  }
}

TEST(XorChunkTest, FullChunk) {
  XorAppender appender;
  for (int i = 0; i < kMaxSamplesPerChunk; ++i) {
    appender.Append(i * 1000, i % 7);
  }
  SampleColumns out;
  ASSERT_TRUE(DecodeChunk(Encoding::kXor, appender.Bytes(), kMin, kMax, &out).ok());
  EXPECT_EQ(out.size(), 65535U);
  EXPECT_EQ(out.timestamps.back(), 65534000);
}

TEST(XorChunkTest, FinishStartsAnew) {
  XorAppender appender;
  std::string first;
  std::string second;
  appender.Append(1, 2.5);
  appender.Append(3, 3.5);
  appender.FinishTo(&first);
  EXPECT_EQ(appender.num_samples(), 0);
  appender.Append(1, 2.5);
  appender.Append(3, 3.5);
  appender.FinishTo(&second);
  EXPECT_EQ(first, second);
}

TEST(XorChunkTest, EveryTruncationIsDataLoss) {
  const uint64_t seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937_64 random(seed);
  for (const size_t count : {1U, 2U, 3U, 20U, 120U}) {
    const std::string chunk = Encode(RandomSamples(random, count));
    for (size_t length = 0; length < chunk.size(); ++length) {
      // A copy of its own, so that a sanitizer sees every read behind the end.
      const std::vector<char> copy(chunk.begin(), chunk.begin() + static_cast<ptrdiff_t>(length));
      SampleColumns out;
      const auto status = DecodeChunk(Encoding::kXor, {copy.data(), copy.size()}, kMin, kMax, &out);
      // The last byte may be padding.
      if (length + 1 < chunk.size() || chunk.back() != '\0') {
        EXPECT_EQ(status.code(), base::StatusCode::kDataLoss) << length;
      }
      EXPECT_TRUE(status.ok() || out.empty());
    }
  }
}

TEST(XorChunkTest, FlippedBytesNeverCrash) {
  const uint64_t seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937_64 random(seed);
  const std::string chunk = Encode(RandomSamples(random, 60));
  for (size_t i = 0; i < chunk.size(); ++i) {
    for (int round = 0; round < 8; ++round) {
      std::vector<char> copy(chunk.begin(), chunk.end());
      copy[i] = static_cast<char>(random());
      SampleColumns out;
      const auto status = DecodeChunk(Encoding::kXor, {copy.data(), copy.size()}, kMin, kMax, &out);
      EXPECT_EQ(out.timestamps.size(), out.values.size());
      EXPECT_TRUE(status.ok() || out.empty());
    }
  }
}

TEST(ColumnDecoderTest, RefusesUnknownEncodings) {
  SampleColumns out;
  for (const int code : {0, 4, 100, 0xff}) {
    EXPECT_EQ(DecodeChunk(static_cast<Encoding>(code), "abc", kMin, kMax, &out).code(),
              base::StatusCode::kInvalidArgument);
  }
  EXPECT_FALSE(NumSamples(Encoding::kNone, "abc").ok());
  EXPECT_EQ(NumSamples(Encoding::kXor, "a").status().code(), base::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace thanos::chunkenc
