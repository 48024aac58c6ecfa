#include "promapi/remote_read.h"

#include <cstdlib>
#include <fstream>
#include <gtest/gtest.h>
#include <iterator>
#include <random>
#include <utility>
#include <vector>

#include "chunkenc/column_decoder.h"
#include "encoding/compress.h"
#include "encoding/crc32c.h"
#include "encoding/varint.h"
#include "encoding/wire.h"

namespace thanos::promapi {
namespace {

constexpr int64_t kStartMs = 1700006400000;

std::string ReadGolden(const std::string& name) {
  std::ifstream file(std::string(TH_SOURCE_DIR) + "/tests/golden/remote_read/" + name, std::ios::binary);
  EXPECT_TRUE(file.good()) << name;
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::string MakeFrame(std::string_view message) {
  std::string frame;
  encoding::AppendUvarint(frame, message.size());
  base::AppendBigEndian32(frame, encoding::Crc32c(message));
  frame += message;
  return frame;
}

base::Status DecodeAll(const std::string& bytes, size_t piece, series::SeriesBatch* batch) {
  ChunkedReadDecoder decoder;
  for (size_t i = 0; i < bytes.size(); i += piece) {
    decoder.buffer()->append(bytes, i, piece);
    TH_RETURN_IF_ERROR(decoder.Decode(batch).status());
  }
  return decoder.Finish();
}

chunkenc::SampleColumns Decode(const series::Series& series) {
  chunkenc::SampleColumns samples;
  for (const series::Chunk& chunk : series.chunks) {
    EXPECT_TRUE(
        chunkenc::DecodeChunk(chunk.raw.encoding, chunk.raw.data, INT64_MIN, INT64_MAX, &samples).ok());
  }
  return samples;
}

// A body read in pieces of `piece` bytes.
class FakeBody final : public net::BodyStream {
 public:
  FakeBody(std::string type, std::string body, size_t piece)
      : headers_{{"Content-Type", std::move(type)}}, body_(std::move(body)), piece_(piece) {}
  int status() const override { return 200; }
  const std::vector<net::HttpHeader>& headers() const override { return headers_; }
  base::StatusOr<bool> Read(const base::CancelToken&, std::string* out) override {
    if (position_ >= body_.size()) {
      return false;
    }
    out->append(body_, position_, piece_);
    position_ += piece_;
    return true;
  }

 private:
  std::vector<net::HttpHeader> headers_;
  std::string body_;
  size_t piece_;
  size_t position_ = 0;
};

TEST(RemoteReadTest, RequestIsThatOfTheGoldenCapture) {
  const std::vector<labels::Matcher> matchers = {
      *labels::Matcher::Create(labels::MatchType::kRegexp, "__name__", "up|work_seconds_total"),
      labels::Matcher::Equal("job", "node")};
  EXPECT_EQ(EncodeReadRequest(
                {.min_time_ms = kStartMs, .max_time_ms = kStartMs + 10'800'000, .matchers = matchers}),
            ReadGolden("request.bin"));
}

TEST(RemoteReadTest, DecodesStreamedGoldenInPiecesOfAnySize) {
  const std::string golden = ReadGolden("chunked.bin");
  for (const size_t piece : {size_t{1}, size_t{7}, size_t{1000}, golden.size()}) {
    series::SeriesBatch batch;
    ASSERT_TRUE(DecodeAll(golden, piece, &batch).ok());
    ASSERT_EQ(batch.series.size(), 4U);
    EXPECT_EQ(labels::ToString(batch.series[0].labels),
              R"({__name__="up", cluster="east", instance="a", job="node", replica="r1"})");
    EXPECT_EQ(
        labels::ToString(batch.series[3].labels),
        R"({__name__="work_seconds_total", cluster="east", instance="b", job="node", mode="idle", replica="r1"})");
    for (const series::Series& series : batch.series) {
      const chunkenc::SampleColumns samples = Decode(series);
      ASSERT_EQ(samples.size(), 720U);
      EXPECT_EQ(samples.timestamps.front(), kStartMs);
      EXPECT_EQ(series.chunks.front().min_time_ms, kStartMs);
      EXPECT_EQ(series.chunks.back().max_time_ms, samples.timestamps.back());
    }
    EXPECT_EQ(Decode(batch.series[3]).values.back(), 719 * 1.5 + 7);
  }
}

TEST(RemoteReadTest, EveryFlippedByteOfAFrameIsAnError) {
  const std::string golden = ReadGolden("chunked.bin");
  for (size_t i = 0; i < golden.size(); i += 3) {
    std::string damaged = golden;
    damaged[i] = static_cast<char>(damaged[i] ^ 0x10);
    series::SeriesBatch batch;
    EXPECT_FALSE(DecodeAll(damaged, damaged.size(), &batch).ok()) << i;
  }
}

TEST(RemoteReadTest, EveryTruncationInsideAFrameIsAnError) {
  const std::string golden = ReadGolden("chunked.bin");
  int complete = 0;
  for (size_t length = 1; length < golden.size(); ++length) {
    series::SeriesBatch batch;
    complete += DecodeAll(golden.substr(0, length), length, &batch).ok() ? 1 : 0;
  }
  // The borders between the frames of four series.
  EXPECT_EQ(complete, 3);
}

TEST(RemoteReadTest, RandomMessagesWithGoodChecksumsNeverCrash) {
  const unsigned seed = std::random_device()();
  std::mt19937 random(seed);
  const std::string golden = ReadGolden("chunked.bin").substr(6, 483);
  for (int round = 0; round < 2000; ++round) {
    std::string message = golden;
    for (int flips = 0; flips < 3; ++flips) {
      message[random() % message.size()] = static_cast<char>(random());
    }
    message.resize(random() % (message.size() + 1));
    series::SeriesBatch batch;
    const base::Status status = DecodeAll(MakeFrame(message), 100, &batch);
    EXPECT_TRUE(status.ok() || !base::Message(status).empty()) << "seed " << seed;
  }
}

TEST(RemoteReadTest, RefusesFramesAboveTheLimit) {
  ChunkedReadDecoder decoder(100);
  encoding::AppendUvarint(*decoder.buffer(), 101);
  series::SeriesBatch batch;
  EXPECT_EQ(decoder.Decode(&batch).status().code(), base::StatusCode::kResourceExhausted);
}

TEST(RemoteReadTest, KeepsHistogramEncodingsAndRefusesUnknownOnes) {
  const auto frame_of = [](uint64_t type) {
    std::string message;
    encoding::AppendMessageField(message, 1, [&](std::string& series) {
      encoding::AppendMessageField(series, 2, [&](std::string& chunk) {
        encoding::AppendVarintField(chunk, 3, type);
        encoding::AppendBytesField(chunk, 4, "xyz");
      });
    });
    return MakeFrame(message);
  };
  series::SeriesBatch batch;
  ASSERT_TRUE(DecodeAll(frame_of(2) + frame_of(3), 1000, &batch).ok());
  ASSERT_EQ(batch.series.size(), 2U);
  EXPECT_EQ(batch.series[0].chunks[0].raw.encoding, chunkenc::Encoding::kHistogram);
  EXPECT_EQ(batch.series[1].chunks[0].raw.encoding, chunkenc::Encoding::kFloatHistogram);
  EXPECT_EQ(batch.series[1].chunks[0].raw.data, "xyz");
  EXPECT_EQ(DecodeAll(frame_of(4), 1000, &batch).code(), base::StatusCode::kUnimplemented);
}

TEST(RemoteReadTest, SortsLabelsAndRefusesDuplicates) {
  const auto frame_of = [](std::vector<std::string> names) {
    std::string message;
    encoding::AppendMessageField(message, 1, [&](std::string& series) {
      for (const std::string& name : names) {
        encoding::AppendMessageField(series, 1, [&](std::string& label) {
          encoding::AppendBytesField(label, 1, name);
          encoding::AppendBytesField(label, 2, "v");
        });
      }
    });
    return MakeFrame(message);
  };
  series::SeriesBatch batch;
  ASSERT_TRUE(DecodeAll(frame_of({"b", "a"}), 1000, &batch).ok());
  EXPECT_EQ(labels::ToString(batch.series[0].labels), R"({a="v", b="v"})");
  EXPECT_EQ(DecodeAll(frame_of({"b", "a", "b"}), 1000, &batch).code(), base::StatusCode::kDataLoss);
}

TEST(RemoteReadTest, CutsGoldenSamplesIntoChunksOf120) {
  auto stream = DecodeRemoteRead(
      std::make_unique<FakeBody>("application/x-protobuf", ReadGolden("samples.snappy"), 1000));
  ASSERT_TRUE(stream.ok());
  EXPECT_FALSE((*stream)->sorted());
  series::SeriesBatch batch;
  const auto more = (*stream)->Next({}, &batch);
  ASSERT_TRUE(more.ok()) << more.status();
  ASSERT_TRUE(*more);
  ASSERT_EQ(batch.series.size(), 2U);
  for (const series::Series& series : batch.series) {
    ASSERT_EQ(series.chunks.size(), 2U);
    const chunkenc::SampleColumns samples = Decode(series);
    ASSERT_EQ(samples.size(), 201U);
    EXPECT_EQ(series.chunks[0].max_time_ms, kStartMs + 119 * 15'000);
    EXPECT_EQ(series.chunks[1].min_time_ms, kStartMs + 120 * 15'000);
    EXPECT_EQ(samples.values[200] - samples.values[0], 300.0);
  }
  EXPECT_FALSE(*(*stream)->Next({}, &batch));
}

TEST(RemoteReadTest, StreamGivesBatchesAndReportsAnEarlyEnd) {
  const std::string golden = ReadGolden("chunked.bin");
  const std::string type = "application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse";
  auto stream = DecodeRemoteRead(std::make_unique<FakeBody>(type, golden.substr(0, golden.size() - 1), 600));
  ASSERT_TRUE(stream.ok());
  EXPECT_TRUE((*stream)->sorted());
  size_t num_series = 0;
  series::SeriesBatch batch;
  while (true) {
    const auto more = (*stream)->Next({}, &batch);
    if (!more.ok()) {
      EXPECT_EQ(more.status().code(), base::StatusCode::kDataLoss);
      break;
    }
    ASSERT_TRUE(*more);
    num_series += batch.series.size();
  }
  EXPECT_EQ(num_series, 3U);
}

TEST(RemoteReadTest, RefusesOtherContentTypes) {
  EXPECT_EQ(DecodeRemoteRead(std::make_unique<FakeBody>("text/html", "", 1)).status().code(),
            base::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace thanos::promapi
