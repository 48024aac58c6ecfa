// Chunks written by Prometheus must decode and be written back byte for byte.
#include <fstream>
#include <gtest/gtest.h>
#include <iterator>
#include <limits>
#include <string>

#include "chunkenc/appender.h"
#include "chunkenc/column_decoder.h"
#include "encoding/crc32c.h"
#include "encoding/varint.h"

namespace thanos::chunkenc {
namespace {

std::string ReadFile(const std::string& name) {
  std::ifstream file(std::string(TH_SOURCE_DIR) + "/tests/golden/chunks/" + name, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

template <typename Appender>
std::string EncodeHistograms(const SampleColumns& samples, model::CounterResetHint chunk_hint) {
  Appender appender;
  for (size_t i = 0; i < samples.size(); ++i) {
    model::Histogram histogram = samples.histograms[i].value;
    if (i == 0) {
      histogram.counter_reset_hint = chunk_hint;
    }
    EXPECT_EQ(appender.Append(samples.timestamps[i], histogram), AppendResult::kAppended) << i;
  }
  return appender.Bytes();
}

std::string Encode(Encoding encoding, std::string_view original, const SampleColumns& samples) {
  if (encoding == Encoding::kXor) {
    XorAppender appender;
    for (size_t i = 0; i < samples.size(); ++i) {
      appender.Append(samples.timestamps[i], samples.values[i]);
    }
    return appender.Bytes();
  }
  constexpr model::CounterResetHint kHints[] = {
      model::CounterResetHint::kUnknown, model::CounterResetHint::kNotReset, model::CounterResetHint::kReset,
      model::CounterResetHint::kGauge};
  const auto hint = kHints[static_cast<unsigned char>(original[2]) >> 6];
  return encoding == Encoding::kHistogram ? EncodeHistograms<HistogramAppender>(samples, hint)
                                          : EncodeHistograms<FloatHistogramAppender>(samples, hint);
}

// Reads all chunks of a segment file: length, encoding, data, CRC of the last two.
void CheckSegment(const std::string& name, int want_chunks, size_t want_samples) {
  const std::string segment = ReadFile(name);
  ASSERT_GT(segment.size(), 8U) << name;
  encoding::ByteCursor cursor(segment);
  ASSERT_TRUE(cursor.Skip(8));
  int num_chunks = 0;
  size_t num_samples = 0;
  while (!cursor.empty()) {
    uint64_t length;
    std::string_view body;
    uint32_t crc;
    ASSERT_TRUE(cursor.ReadUvarint(&length));
    ASSERT_TRUE(cursor.ReadBytes(length + 1, &body));
    ASSERT_TRUE(cursor.ReadBe32(&crc));
    ASSERT_EQ(encoding::Crc32c(body), crc);
    const auto encoding = static_cast<Encoding>(body[0]);
    const std::string_view data = body.substr(1);
    SampleColumns samples;
    const auto status = DecodeChunk(encoding, data, std::numeric_limits<int64_t>::min(),
                                    std::numeric_limits<int64_t>::max(), &samples);
    ASSERT_TRUE(status.ok()) << status << " chunk " << num_chunks;
    EXPECT_EQ(static_cast<int>(samples.size()), NumSamples(encoding, data).value());
    EXPECT_EQ(Encode(encoding, data, samples), data) << "chunk " << num_chunks;
    ++num_chunks;
    num_samples += samples.size();
  }
  EXPECT_EQ(num_chunks, want_chunks);
  EXPECT_EQ(num_samples, want_samples);
}

TEST(GoldenChunksTest, FloatsAreWrittenBackIdentically) {
  CheckSegment("xor.seg", 13, 1251);
}

TEST(GoldenChunksTest, HistogramsAreWrittenBackIdentically) {
  CheckSegment("histogram.seg", 8, 475);
}

TEST(GoldenChunksTest, FloatHistogramsAreWrittenBackIdentically) {
  CheckSegment("float_histogram.seg", 7, 415);
}

}  // namespace
}  // namespace thanos::chunkenc
