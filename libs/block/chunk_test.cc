#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "block/chunk_reader.h"
#include "block/chunk_records.h"
#include "block/chunk_writer.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace thanos::block {
namespace {

using ::testing::HasSubstr;

class ChunkFilesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    directory_ = ::testing::TempDir() + "/chunks-XXXXXX";
    ASSERT_NE(mkdtemp(directory_.data()), nullptr);
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }
  std::string directory_;
};

TEST_F(ChunkFilesTest, ReadsBackWhatWasWritten) {
  const auto writer = ChunkWriter::Create(directory_);
  ASSERT_TRUE(writer.ok());
  const std::string large(100'000, 'x');
  const auto first = (*writer)->Write(chunkenc::Encoding::kXor, "abc");
  const auto second = (*writer)->Write(chunkenc::Encoding::kAggregate, large);
  EXPECT_EQ(*first, MakeChunkRef(0, 8));
  EXPECT_EQ(*second, MakeChunkRef(0, 17));
  ASSERT_TRUE((*writer)->Finish().ok());
  const auto reader = ChunkReader::Open(directory_, "B");
  ASSERT_TRUE(reader.ok()) << reader.status();
  EXPECT_EQ(reader->Read(*first)->data, "abc");
  EXPECT_EQ(reader->Read(*first)->encoding, chunkenc::Encoding::kXor);
  EXPECT_EQ(reader->Read(*second)->data, large);
  EXPECT_EQ(reader->Read(*second)->encoding, chunkenc::Encoding::kAggregate);
  EXPECT_EQ(reader->Read(MakeChunkRef(1, 8)).status().code(), base::StatusCode::kDataLoss);
  EXPECT_EQ(reader->Read(MakeChunkRef(0, 4'000'000)).status().code(), base::StatusCode::kDataLoss);
}

TEST_F(ChunkFilesTest, CutsSegmentsAtTheirLimit) {
  const auto writer = ChunkWriter::Create(directory_, {.max_segment_bytes = 100});
  std::vector<uint64_t> refs;
  for (int i = 0; i < 10; ++i) {
    const auto ref = (*writer)->Write(chunkenc::Encoding::kXor, std::string(30, static_cast<char>('a' + i)));
    ASSERT_TRUE(ref.ok());
    refs.push_back(*ref);
  }
  ASSERT_TRUE((*writer)->Finish().ok());
  EXPECT_EQ((*writer)->num_segments(), 5U);
  const auto reader = ChunkReader::Open(directory_, "B");
  ASSERT_TRUE(reader.ok());
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(reader->Read(refs[static_cast<size_t>(i)])->data, std::string(30, static_cast<char>('a' + i)));
    EXPECT_LE(std::filesystem::file_size(directory_ + "/" + SegmentFileName(static_cast<uint32_t>(i / 2))),
              100U);
  }
}

TEST_F(ChunkFilesTest, RecordsAreCopiedAsTheyAre) {
  const auto writer = ChunkWriter::Create(directory_ + "/in");
  std::vector<uint64_t> refs;
  for (const size_t size : {size_t{1}, size_t{127}, size_t{128}, size_t{20'000}}) {
    refs.push_back(*(*writer)->Write(chunkenc::Encoding::kXor, std::string(size, 'x')));
  }
  ASSERT_TRUE((*writer)->Finish().ok());
  const auto reader = ChunkReader::Open(directory_ + "/in", "B");
  ASSERT_TRUE(reader.ok()) << reader.status();
  const auto copy = ChunkWriter::Create(directory_ + "/out");
  for (const uint64_t ref : refs) {
    std::string_view record;
    const auto chunk = reader->Read(ref, &record);
    ASSERT_TRUE(chunk.ok()) << chunk.status();
    std::string made;
    AppendChunkRecord(chunk->encoding, chunk->data, &made);
    EXPECT_EQ(made, record);
    EXPECT_EQ(*(*copy)->WriteRecord(record), ref);
  }
  ASSERT_TRUE((*copy)->Finish().ok());
  const auto read = [&](const char* name) {
    std::ifstream file(directory_ + name, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(file), {});
  };
  EXPECT_EQ(read("/in/000001"), read("/out/000001"));
  reader->Release(refs.front(), refs.back() + 1'000'000);
  EXPECT_EQ(reader->Read(refs.back())->data, std::string(20'000, 'x'));
}

TEST_F(ChunkFilesTest, BuffersKeepSeriesApart) {
  ChunkRecordBuffer buffer;
  std::string elsewhere;
  AppendChunkRecord(chunkenc::Encoding::kXor, "copied", &elsewhere);
  buffer.AddChunk(1, 2, chunkenc::Encoding::kXor, 2, "first");
  ChunkRecord copied;
  copied.record = elsewhere;
  buffer.AddCopy(copied);
  buffer.EndSeries();
  EXPECT_EQ(buffer.Series(0).size(), 2U);
  buffer.EndSeries();
  buffer.AddChunk(5, 6, chunkenc::Encoding::kXor, 2, std::string(5000, 'y'));
  buffer.EndSeries();
  ASSERT_EQ(buffer.num_series(), 3U);
  EXPECT_TRUE(buffer.Series(1).empty());
  EXPECT_EQ(ParseChunkRecord(buffer.Series(0)[0].record)->data, "first");
  EXPECT_EQ(ParseChunkRecord(buffer.Series(0)[1].record)->data, "copied");
  EXPECT_EQ(ParseChunkRecord(buffer.Series(2)[0].record)->data, std::string(5000, 'y'));
  buffer.Clear();
  EXPECT_EQ(buffer.num_chunks(), 0U);
  EXPECT_EQ(buffer.num_series(), 0U);
}

TEST_F(ChunkFilesTest, DamageIsNamed) {
  const auto writer = ChunkWriter::Create(directory_);
  const uint64_t ref = *(*writer)->Write(chunkenc::Encoding::kXor, "abcdef");
  ASSERT_TRUE((*writer)->Finish().ok());
  std::fstream file(directory_ + "/000001", std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(12);
  file.put('X');
  file.close();
  const auto reader = ChunkReader::Open(directory_, "01B");
  ASSERT_TRUE(reader.ok());
  const base::Status status = reader->Read(ref).status();
  EXPECT_EQ(status.code(), base::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(base::Message(status)), HasSubstr("block 01B segment 000001 offset 8"));
}

TEST(ChunkRecordTest, EveryFlippedOrMissingByteIsNoticed) {
  std::string directory = ::testing::TempDir() + "/record-XXXXXX";
  ASSERT_NE(mkdtemp(directory.data()), nullptr);
  const auto writer = ChunkWriter::Create(directory);
  ASSERT_TRUE((*writer)->Write(chunkenc::Encoding::kXor, std::string(200, 'q')).ok());
  ASSERT_TRUE((*writer)->Finish().ok());
  std::ifstream file(directory + "/000001", std::ios::binary);
  const std::string segment{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  const std::string record = segment.substr(kSegmentHeaderBytes);
  ASSERT_EQ(*ChunkRecordBytes(record), record.size());
  ASSERT_TRUE(ParseChunkRecord(record).ok());
  for (size_t i = 0; i < record.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string damaged = record;
      damaged[i] = static_cast<char>(damaged[i] ^ (1 << bit));
      EXPECT_FALSE(ParseChunkRecord(damaged).ok()) << i;
    }
    EXPECT_EQ(ParseChunkRecord(std::string_view(record).substr(0, i)).status().code(),
              base::StatusCode::kOutOfRange);
  }
  for (size_t i = 0; i < 5; ++i) {
    std::string damaged = segment;
    damaged[i] = static_cast<char>(damaged[i] ^ 1);
    EXPECT_FALSE(CheckSegmentHeader(damaged).ok());
  }
  std::filesystem::remove_all(directory);
}

}  // namespace
}  // namespace thanos::block
