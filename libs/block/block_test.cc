#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "block/reader.h"
#include "block/test_block.h"
#include "block/writer.h"
#include "chunkenc/column_decoder.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace thanos::block {
namespace {

using ::testing::HasSubstr;

const model::Ulid kUlid = *model::Ulid::Parse("01JXQ5B2M8ZC4N9W0V8R5T7YQK");

std::string ReadAll(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file) << path;
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

void WriteAll(const std::string& path, std::string_view content) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
}

class BlockTest : public ::testing::Test {
 protected:
  void SetUp() override {
    directory_ = ::testing::TempDir() + "/block-XXXXXX";
    ASSERT_NE(mkdtemp(directory_.data()), nullptr);
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  std::string BlockPath() const { return directory_ + "/" + kUlid.ToString(); }
  TestBlock SmallBlock() const {
    return {.ulid = kUlid,
            .external_labels = labels::Labels({{"cluster", "a"}}),
            .series = {{labels::Labels({{"__name__", "down"}, {"job", "x"}}), Ramp(1000, 61'000, 1000), 30},
                       {labels::Labels({{"__name__", "up"}}), Ramp(1000, 61'000, 1000), 120}}};
  }
  std::string directory_;
};

// Every sample and label of a block as text.
base::StatusOr<std::string> Dump(const BlockReader& block) {
  std::string text;
  TH_ASSIGN_OR_RETURN(const index::Postings refs, block.index().AllPostings());
  index::IndexSeries series;
  for (const index::SeriesRef ref : refs) {
    TH_RETURN_IF_ERROR(block.index().Series(ref, &series));
    base::Append(text, labels::ToString(series.labels));
    for (const index::ChunkMeta& meta : series.chunks) {
      TH_ASSIGN_OR_RETURN(const EncodedChunk chunk, block.chunks().Read(meta.ref));
      chunkenc::SampleColumns columns;
      TH_RETURN_IF_ERROR(
          chunkenc::DecodeChunk(chunk.encoding, chunk.data, model::kMinTimeMs, model::kMaxTimeMs, &columns));
      base::Append(text, " [", meta.min_time_ms, ",", meta.max_time_ms, "]");
      for (size_t i = 0; i < columns.size(); ++i) {
        base::Append(text, " ", columns.timestamps[i], "=", columns.values[i]);
      }
    }
    text.push_back('\n');
  }
  return text;
}

base::StatusOr<std::string> OpenAndDump(const std::string& path) {
  TH_ASSIGN_OR_RETURN(const auto block, BlockReader::Open(path));
  return Dump(*block);
}

TEST_F(BlockTest, ReadsBackWhatWasWritten) {
  const auto meta = WriteTestBlock(directory_, SmallBlock());
  ASSERT_TRUE(meta.ok()) << meta.status();
  EXPECT_EQ(meta->stats, (BlockStats{120, 120, 0, 2, 3, 0}));
  EXPECT_GT(meta->thanos->series_max_bytes, 0);
  EXPECT_EQ(meta->min_time_ms, 1000);
  EXPECT_EQ(meta->max_time_ms, 60'001);
  const auto block = BlockReader::Open(BlockPath());
  ASSERT_TRUE(block.ok()) << block.status();
  EXPECT_TRUE(VerifyBlock(**block).ok());
  const auto text = Dump(**block);
  ASSERT_TRUE(text.ok()) << text.status();
  EXPECT_THAT(*text, HasSubstr("{__name__=\"down\", job=\"x\"} [1000,30000] 1000=0 2000=1"));
  EXPECT_THAT(*text, HasSubstr("{__name__=\"up\"} [1000,60000] 1000=0"));
}

TEST_F(BlockTest, AppearsOnlyWhenFinished) {
  {
    const auto writer = BlockWriter::Create(directory_, kUlid);
    ASSERT_TRUE(writer.ok());
    EXPECT_FALSE(std::filesystem::exists(BlockPath()));
  }
  EXPECT_TRUE(std::filesystem::is_empty(directory_));
  ASSERT_TRUE(WriteTestBlock(directory_, SmallBlock()).ok());
  EXPECT_EQ(BlockWriter::Create(directory_, kUlid).status().code(), base::StatusCode::kAlreadyExists);
  EXPECT_TRUE(BlockReader::Open(BlockPath()).ok());
}

// The block was written by Prometheus; see tests/golden/block/README.md.
TEST_F(BlockTest, RewritesAPrometheusBlockIdentically) {
  for (const auto& entry :
       std::filesystem::directory_iterator(std::string(TH_SOURCE_DIR) + "/tests/golden/block")) {
    if (!entry.is_directory()) {
      continue;
    }
    const auto block = BlockReader::Open(entry.path().string());
    ASSERT_TRUE(block.ok()) << block.status();
    ASSERT_TRUE(VerifyBlock(**block).ok()) << VerifyBlock(**block);
    const Meta& meta = (*block)->meta();
    const auto writer =
        BlockWriter::Create(directory_, meta.ulid, {.chunks = {}, .index = {.label_indices = true}});
    ASSERT_TRUE(writer.ok()) << writer.status();
    for (const std::string_view symbol : (*block)->index().symbols().All()) {
      ASSERT_TRUE((*writer)->AddSymbol(symbol).ok());
    }
    const auto refs = (*block)->index().AllPostings();
    index::IndexSeries series;
    for (const index::SeriesRef ref : *refs) {
      ASSERT_TRUE((*block)->index().Series(ref, &series).ok());
      std::vector<ChunkToWrite> chunks;
      for (const index::ChunkMeta& chunk_meta : series.chunks) {
        const auto chunk = (*block)->chunks().Read(chunk_meta.ref);
        ASSERT_TRUE(chunk.ok()) << chunk.status();
        chunks.push_back({chunk_meta.min_time_ms, chunk_meta.max_time_ms, chunk->encoding, chunk->data});
      }
      const base::Status status = (*writer)->AddSeries(series.labels, chunks);
      ASSERT_TRUE(status.ok()) << status;
    }
    const auto written = (*writer)->Finish(meta);
    ASSERT_TRUE(written.ok()) << written.status();
    const std::string copy = directory_ + "/" + meta.ulid.ToString();
    for (const char* file : {"index", "chunks/000001"}) {
      EXPECT_TRUE(ReadAll(copy + "/" + file) == ReadAll(entry.path().string() + "/" + file)) << file;
    }
    EXPECT_EQ(FormatMeta(meta), ReadAll(entry.path().string() + "/meta.json"));
  }
}

// Right data, or an error that names the block.
void CheckDamaged(const std::string& path, const std::string& want, const std::string& what) {
  const auto got = OpenAndDump(path);
  if (got.ok()) {
    EXPECT_EQ(*got, want) << what;
  }
}

TEST_F(BlockTest, EveryDamagedByteGivesRightDataOrAnError) {
  ASSERT_TRUE(WriteTestBlock(directory_, SmallBlock()).ok());
  const std::string want = *OpenAndDump(BlockPath());
  for (const std::string file : {"index", "chunks/000001"}) {
    const std::string path = BlockPath() + "/" + file;
    const std::string content = ReadAll(path);
    for (size_t i = 0; i < content.size(); ++i) {
      std::string damaged = content;
      damaged[i] = static_cast<char>(~damaged[i]);
      WriteAll(path, damaged);
      CheckDamaged(BlockPath(), want, base::Concat(file, " flipped at ", i));
      WriteAll(path, std::string_view(content).substr(0, i));
      CheckDamaged(BlockPath(), want, base::Concat(file, " cut at ", i));
    }
    WriteAll(path, content);
  }
  EXPECT_EQ(*OpenAndDump(BlockPath()), want);
}

TEST_F(BlockTest, ErrorsNameTheBlock) {
  ASSERT_TRUE(WriteTestBlock(directory_, SmallBlock()).ok());
  WriteAll(BlockPath() + "/index", "short");
  const base::Status status = BlockReader::Open(BlockPath()).status();
  EXPECT_EQ(status.code(), base::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(base::Message(status)), HasSubstr(kUlid.ToString()));
}

}  // namespace
}  // namespace thanos::block
