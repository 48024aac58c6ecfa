#include "storeapi/series_codec.h"

#include <fstream>
#include <functional>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <map>
#include <random>
#include <sstream>

#include "base/hash.h"
#include "proto/thanos/store.pb.h"

namespace thanos::storeapi {
namespace {

using chunkenc::Encoding;
using series::Series;
using series::SeriesBatch;

uint64_t Seed() {
  const char* const text = std::getenv("TH_TEST_SEED");
  const uint64_t seed = text != nullptr ? std::strtoull(text, nullptr, 10) : std::random_device{}();
  std::printf("seed %llu (set TH_TEST_SEED to repeat)\n", static_cast<unsigned long long>(seed));
  return seed;
}

// Random series with what the wire can carry.
class Generator {
 public:
  explicit Generator(uint64_t seed) : random_(seed) {}

  void Append(SeriesBatch* batch) {
    base::Arena& arena = batch->arena();
    std::map<std::string, std::string> names;
    for (size_t i = Below(8); i > 0; --i) {
      names[Text(1 + Below(12))] = Text(Below(300));
    }
    auto* const labels = arena.AllocateArray<labels::LabelView>(names.size());
    size_t position = 0;
    for (const auto& [name, value] : names) {
      new (&labels[position++]) labels::LabelView{arena.Copy(name), arena.Copy(value)};
    }
    const size_t num_chunks = Below(5);
    auto* const chunks = arena.AllocateArray<series::Chunk>(num_chunks);
    for (size_t i = 0; i < num_chunks; ++i) {
      new (&chunks[i]) series::Chunk(MakeChunk(arena));
    }
    batch->series.push_back({.labels = {labels, names.size()}, .chunks = {chunks, num_chunks}});
  }

  size_t Below(size_t bound) { return random_() % bound; }
  std::string Text(size_t size) {
    std::string text(size, ' ');
    for (char& byte : text) {
      byte = static_cast<char>('a' + Below(26));
    }
    return text;
  }
  uint64_t Number() { return random_() >> Below(64); }

 private:
  series::Chunk MakeChunk(base::Arena& arena) {
    series::Chunk chunk;
    chunk.min_time_ms = static_cast<int64_t>(Number());
    chunk.max_time_ms = -static_cast<int64_t>(Number() >> 1);
    if (Below(3) > 0) {
      chunk.raw = MakeData(arena);
      return chunk;
    }
    auto* const aggregates =
        new (arena.Allocate(sizeof(std::array<series::ChunkData, 6>), 8)) std::array<series::ChunkData, 6>();
    (*aggregates)[1 + Below(5)] = MakeData(arena);
    (*aggregates)[1 + Below(5)] = MakeData(arena);
    chunk.aggregates = aggregates;
    return chunk;
  }
  series::ChunkData MakeData(base::Arena& arena) {
    return {.encoding = static_cast<Encoding>(1 + Below(3)),
            .data = arena.Copy(Text(Below(400))),
            .hash = Below(2) == 0 ? 0 : Number() | 1};
  }

  std::mt19937_64 random_;
};

void ExpectSameData(const series::ChunkData& want, bool has, const ::thanos::Chunk& got) {
  ASSERT_EQ(want.present(), has);
  if (has) {
    EXPECT_EQ(static_cast<int>(got.type()) + 1, static_cast<int>(want.encoding));
    EXPECT_EQ(got.data(), want.data);
    EXPECT_EQ(got.hash(), want.hash != 0 ? want.hash : base::XxHash64(want.data));
  }
}

void ExpectSame(const Series& want, const ::thanos::Series& got) {
  ASSERT_EQ(static_cast<size_t>(got.labels_size()), want.labels.size());
  for (int i = 0; i < got.labels_size(); ++i) {
    EXPECT_EQ(got.labels(i).name(), want.labels[static_cast<size_t>(i)].name);
    EXPECT_EQ(got.labels(i).value(), want.labels[static_cast<size_t>(i)].value);
  }
  ASSERT_EQ(static_cast<size_t>(got.chunks_size()), want.chunks.size());
  for (int i = 0; i < got.chunks_size(); ++i) {
    const series::Chunk& chunk = want.chunks[static_cast<size_t>(i)];
    const ::thanos::AggrChunk& message = got.chunks(i);
    EXPECT_EQ(message.min_time(), chunk.min_time_ms);
    EXPECT_EQ(message.max_time(), chunk.max_time_ms);
    ExpectSameData(chunk.raw, message.has_raw(), message.raw());
    const std::array<series::ChunkData, 6> none;
    const auto& aggregates = chunk.aggregates == nullptr ? none : *chunk.aggregates;
    ExpectSameData(aggregates[1], message.has_count(), message.count());
    ExpectSameData(aggregates[2], message.has_sum(), message.sum());
    ExpectSameData(aggregates[3], message.has_min(), message.min());
    ExpectSameData(aggregates[4], message.has_max(), message.max());
    ExpectSameData(aggregates[5], message.has_counter(), message.counter());
  }
}

std::vector<Frame> WriteAll(const SeriesBatch& batch, FrameOptions options) {
  SeriesFrameWriter writer(options);
  std::vector<Frame> frames;
  for (const Series& series : batch.series) {
    writer.Add(series, &frames);
  }
  writer.Flush(&frames);
  return frames;
}

std::vector<::thanos::SeriesResponse> ParseAll(const std::vector<Frame>& frames) {
  std::vector<::thanos::SeriesResponse> messages;
  for (const Frame& frame : frames) {
    EXPECT_TRUE(messages.emplace_back().ParseFromArray(frame.bytes().data(), static_cast<int>(frame.size())));
    // Same bytes as the generated classes write.
    EXPECT_EQ(messages.back().SerializeAsString(), frame.bytes());
  }
  return messages;
}

TEST(SeriesFrameWriterTest, GeneratedClassesReadTheSame) {
  Generator generator(Seed());
  for (int round = 0; round < 100; ++round) {
    SeriesBatch batch;
    for (size_t i = generator.Below(40); i > 0; --i) {
      generator.Append(&batch);
    }
    const int64_t batch_size = static_cast<int64_t>(generator.Below(10));
    const auto messages = ParseAll(WriteAll(batch, {.batch_size = batch_size}));
    size_t position = 0;
    for (const ::thanos::SeriesResponse& message : messages) {
      if (message.has_series()) {
        ExpectSame(batch.series[position++], message.series());
      }
      EXPECT_LE(message.batch().series_size(), batch_size);
      for (const ::thanos::Series& series : message.batch().series()) {
        ExpectSame(batch.series[position++], series);
      }
    }
    EXPECT_EQ(position, batch.series.size());
  }
}

TEST(SeriesFrameReaderTest, ReadsBackWhatWasWritten) {
  Generator generator(Seed());
  for (int round = 0; round < 100; ++round) {
    SeriesBatch batch;
    for (size_t i = generator.Below(40); i > 0; --i) {
      generator.Append(&batch);
    }
    const std::vector<Frame> frames =
        WriteAll(batch, {.batch_size = 1 + static_cast<int64_t>(generator.Below(9))});
    SeriesBatch read;
    SeriesFrameReader reader;
    for (const Frame& frame : frames) {
      ASSERT_TRUE(reader.Read(frame.bytes(), &read).ok());
    }
    ASSERT_EQ(read.series.size(), batch.series.size());
    // Equal when written again; only the hashes the first writer computed were added.
    const std::vector<Frame> again = WriteAll(read, {.batch_size = 1000});
    const std::vector<Frame> once = WriteAll(batch, {.batch_size = 1000});
    ASSERT_EQ(again.size(), once.size());
    for (size_t i = 0; i < once.size(); ++i) {
      EXPECT_EQ(again[i].bytes(), once[i].bytes());
    }
  }
}

TEST(SeriesFrameWriterTest, LeavesHashesOutWhenAsked) {
  SeriesBatch batch;
  auto* const chunk = new (batch.arena().AllocateArray<series::Chunk>(1)) series::Chunk{};
  chunk->raw = {.encoding = Encoding::kXor, .data = "data", .hash = 7};
  batch.series.push_back({.labels = {}, .chunks = {chunk, 1}});
  for (const bool chunk_hashes : {true, false}) {
    const std::vector<Frame> frames = WriteAll(batch, {.chunk_hashes = chunk_hashes});
    ASSERT_EQ(frames.size(), 1U);
    ::thanos::SeriesResponse message;
    ASSERT_TRUE(message.ParseFromArray(frames[0].bytes().data(), static_cast<int>(frames[0].size())));
    EXPECT_EQ(message.series().chunks(0).raw().hash(), chunk_hashes ? 7U : 0U);
    EXPECT_EQ(message.series().chunks(0).raw().data(), "data");
  }
}

TEST(SeriesFrameReaderTest, ReadsGeneratedMessagesWithUnknownFields) {
  ::thanos::SeriesResponse message;
  ::thanos::Series* const series = message.mutable_series();
  series->add_labels()->set_name("a");
  series->mutable_labels(0)->set_value("1");
  series->add_chunks()->mutable_raw()->set_data("xyz");
  series->add_chunks();  // nothing in it
  series->GetReflection()->MutableUnknownFields(series)->AddVarint(77, 5);
  series->GetReflection()->MutableUnknownFields(series)->AddLengthDelimited(78, "later");
  const std::string bytes = message.SerializeAsString();
  SeriesBatch batch;
  ASSERT_TRUE(SeriesFrameReader().Read(bytes, &batch).ok());
  ASSERT_EQ(batch.series.size(), 1U);
  EXPECT_EQ(labels::ToString(batch.series[0].labels), R"({a="1"})");
  ASSERT_EQ(batch.series[0].chunks.size(), 1U);
  EXPECT_EQ(batch.series[0].chunks[0].raw.data, "xyz");
}

TEST(SeriesFrameWriterTest, ClosesTheBatchBeforeAWarning) {
  SeriesBatch batch;
  Generator(1).Append(&batch);
  SeriesFrameWriter writer({.batch_size = 64});
  std::vector<Frame> frames;
  writer.Add(batch.series[0], &frames);
  writer.AddWarning("slow disk", &frames);
  writer.AddHints("", &frames);
  writer.Flush(&frames);
  const auto messages = ParseAll(frames);
  ASSERT_EQ(messages.size(), 3U);
  EXPECT_TRUE(messages[0].has_batch());
  EXPECT_EQ(messages[1].warning(), "slow disk");
  EXPECT_TRUE(messages[2].has_hints());
  SeriesBatch read;
  SeriesFrameReader reader;
  for (const Frame& frame : frames) {
    ASSERT_TRUE(reader.Read(frame.bytes(), &read).ok());
  }
  EXPECT_EQ(read.series.size(), 1U);
  EXPECT_THAT(read.warnings, testing::ElementsAre("slow disk"));
}

TEST(SeriesFrameWriterTest, SplitsSeriesAndBatchesAtTheSizeLimit) {
  SeriesBatch batch;
  const std::string data(10'000, 'x');
  const labels::Labels labels({{"a", "1"}});
  std::vector<series::Chunk> chunks(
      10, {.min_time_ms = 1, .max_time_ms = 2, .raw = {Encoding::kXor, data, 7}, .aggregates = nullptr});
  batch.series.push_back({.labels = labels, .chunks = chunks});
  batch.series.push_back({.labels = labels, .chunks = {chunks.data(), 1}});
  for (const int64_t batch_size : {1, 64}) {
    const std::vector<Frame> frames = WriteAll(batch, {.batch_size = batch_size, .max_frame_bytes = 35'000});
    SeriesBatch read;
    SeriesFrameReader reader;
    for (const Frame& frame : frames) {
      EXPECT_LE(frame.size(), 35'100U);
      ASSERT_TRUE(reader.Read(frame.bytes(), &read).ok());
    }
    size_t num_chunks = 0;
    for (const Series& series : read.series) {
      EXPECT_TRUE(labels::Equal(series.labels, labels));
      num_chunks += series.chunks.size();
    }
    EXPECT_EQ(num_chunks, 11U);
    EXPECT_GE(frames.size(), 4U);
  }
}

TEST(SeriesFrameReaderTest, RefusesMalformedSeries) {
  struct Case {
    std::string_view name;
    std::function<void(::thanos::Series*)> fill;
  };
  const std::vector<Case> cases = {
      {"unsorted",
       [](::thanos::Series* series) {
         series->add_labels()->set_name("b");
         series->add_labels()->set_name("a");
       }},
      {"repeated",
       [](::thanos::Series* series) {
         series->add_labels()->set_name("a");
         series->add_labels()->set_name("a");
       }},
      {"no name", [](::thanos::Series* series) { series->add_labels()->set_value("v"); }},
      {"encoding",
       [](::thanos::Series* series) {
         series->add_chunks()->mutable_raw()->set_type(static_cast<::thanos::Chunk::Encoding>(9));
       }},
  };
  for (const Case& test_case : cases) {
    ::thanos::SeriesResponse message;
    test_case.fill(message.mutable_series());
    const std::string bytes = message.SerializeAsString();
    SeriesBatch batch;
    EXPECT_EQ(SeriesFrameReader().Read(bytes, &batch).code(), base::StatusCode::kDataLoss) << test_case.name;
  }
}

TEST(SeriesFrameReaderTest, DamagedFramesNeverCrash) {
  Generator generator(Seed());
  SeriesBatch batch;
  for (int i = 0; i < 5; ++i) {
    generator.Append(&batch);
  }
  const std::vector<Frame> frames = WriteAll(batch, {.batch_size = 5});
  ASSERT_EQ(frames.size(), 1U);
  const std::string original(frames[0].bytes());
  SeriesFrameReader reader;
  for (size_t i = 0; i < original.size(); ++i) {
    SeriesBatch truncated;
    const std::string prefix = original.substr(0, i);
    EXPECT_EQ(reader.Read(prefix, &truncated).ok(), i == 0) << i;
    std::string flipped = original;
    flipped[i] = static_cast<char>(flipped[i] ^ static_cast<char>(1U << generator.Below(8)));
    SeriesBatch read;
    reader.Read(flipped, &read).IgnoreError();
    for (const Series& series : read.series) {
      EXPECT_TRUE(labels::IsSorted(series.labels));
    }
  }
}

// The bytes are described in tests/golden/storeapi/README.md.
TEST(SeriesCodecGoldenTest, ReadsAndRewritesGoldenFrames) {
  for (const std::string name : {"series_single", "series_batch", "series_aggregates"}) {
    std::ifstream file(std::string(TH_SOURCE_DIR) + "/tests/golden/storeapi/" + name + ".bin",
                       std::ios::binary);
    ASSERT_TRUE(file) << name;
    std::stringstream content;
    content << file.rdbuf();
    const std::string bytes = content.str();
    SeriesBatch batch;
    ASSERT_TRUE(SeriesFrameReader().Read(bytes, &batch).ok()) << name;
    ASSERT_FALSE(batch.series.empty());
    const std::vector<Frame> frames = WriteAll(batch, {.batch_size = name == "series_batch" ? 64 : 1});
    ASSERT_EQ(frames.size(), 1U);
    EXPECT_EQ(frames[0].bytes(), bytes) << name;
  }
}

}  // namespace
}  // namespace thanos::storeapi
