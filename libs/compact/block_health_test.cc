#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>

#include "block/writer.h"
#include "chunkenc/appender.h"
#include "compact/block_merger.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace thanos::compact {
namespace {

using chunkenc::Encoding;

const model::Ulid kSource = *model::Ulid::Parse("01JXQ5B2M8ZC4N9W0V8R5T7YQ1");
const model::Ulid kResult = *model::Ulid::Parse("01JXQ5B2M8ZC4N9W0V8R5T7YQZ");

struct RawSeries {
  labels::Labels labels;
  std::vector<std::pair<int64_t, int64_t>> chunks;  // first and last timestamp
};

class BlockHealthTest : public ::testing::Test {
 protected:
  void SetUp() override {
    directory_ = ::testing::TempDir() + "/health-XXXXXX";
    ASSERT_NE(mkdtemp(directory_.data()), nullptr);
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  std::string Path(const model::Ulid& ulid) const { return directory_ + "/" + ulid.ToString(); }
  static std::string ReadFile(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  // A block of series with these chunks of two samples, in order of time as the index wants it.
  std::string WriteRaw(const std::vector<RawSeries>& all, int64_t min_time_ms, int64_t max_time_ms) {
    auto writer = *block::BlockWriter::Create(directory_, kSource);
    std::set<std::string, std::less<>> symbols = {""};
    for (const RawSeries& series : all) {
      for (const labels::LabelView& label : series.labels) {
        symbols.emplace(label.name);
        symbols.emplace(label.value);
      }
    }
    for (const std::string& symbol : symbols) {
      EXPECT_TRUE(writer->AddSymbol(symbol).ok());
    }
    for (const RawSeries& series : all) {
      std::vector<std::string> data;
      std::vector<block::ChunkToWrite> chunks;
      for (const auto& [first, last] : series.chunks) {
        chunkenc::XorAppender appender;
        appender.Append(first, 1);
        appender.Append(last, 2);
        data.push_back(appender.Bytes());
        chunks.push_back({first, last, Encoding::kXor, {}});
      }
      for (size_t i = 0; i < chunks.size(); ++i) {
        chunks[i].data = data[i];
      }
      const base::Status status = writer->AddSeries(series.labels, chunks);
      EXPECT_TRUE(status.ok()) << status;
    }
    block::Meta meta;
    meta.min_time_ms = min_time_ms;
    meta.max_time_ms = max_time_ms;
    meta.compaction.level = 1;
    meta.compaction.sources = {kSource};
    meta.thanos.emplace().labels = labels::Labels({{"cluster", "a"}});
    EXPECT_TRUE(writer->Finish(std::move(meta)).ok());
    return Path(kSource);
  }
  BlockHealth Health() {
    const auto health = VerifyBlock({}, Path(kSource));
    EXPECT_TRUE(health.ok()) << health.status();
    return *health;
  }

  std::string directory_;
};

TEST_F(BlockHealthTest, SoundBlockIsHealthy) {
  WriteRaw({{labels::Labels({{"a", "1"}}), {{1000, 2000}, {3000, 4000}}}}, 1000, 5000);
  const BlockHealth health = Health();
  EXPECT_TRUE(health.healthy()) << health.Any();
  EXPECT_EQ(health.num_series, 1U);
  EXPECT_EQ(health.num_chunks, 2U);
  EXPECT_EQ(health.num_samples, 4U);
  EXPECT_GT(health.max_chunk_bytes, 0U);
  EXPECT_GT(health.max_series_bytes, 0U);
}

TEST_F(BlockHealthTest, ChunksOutsideAndIssue347AreRepaired) {
  const std::string directory =
      WriteRaw({{labels::Labels({{"a", "1"}}), {{1000, 2000}, {5000, 6000}}},
                {labels::Labels({{"a", "2"}}), {{100, 200}, {3000, 4000}, {7000, 8000}}}},
               1000, 5000);
  const BlockHealth health = Health();
  EXPECT_EQ(health.outside_chunks, 3U);
  EXPECT_EQ(health.complete_outside_chunks, 3U);
  EXPECT_EQ(health.issue347_outside_chunks, 1U);
  EXPECT_FALSE(health.Critical().ok());
  EXPECT_FALSE(health.Issue347().ok());
  EXPECT_TRUE(health.OutOfOrderChunks().ok());
  const auto repaired =
      RepairBlock({}, directory, directory_, {.ulid = kResult, .source = "compactor.repair"});
  ASSERT_TRUE(repaired.ok()) << repaired.status();
  EXPECT_EQ(repaired->dropped_outside, 3U);
  EXPECT_EQ(repaired->meta.thanos->source, "compactor.repair");
  EXPECT_EQ(repaired->meta.stats.num_chunks, 2U);
  EXPECT_TRUE(VerifyBlock({}, Path(kResult))->healthy()) << VerifyBlock({}, Path(kResult))->Any();
}

TEST_F(BlockHealthTest, DuplicatedChunksAreRepairedOverlappingOnesAreNot) {
  const std::string directory =
      WriteRaw({{labels::Labels({{"a", "1"}}), {{1000, 2000}, {1000, 2000}, {3000, 4000}}}}, 1000, 5000);
  EXPECT_EQ(Health().duplicated_chunks, 1U);
  EXPECT_EQ(Health().out_of_order_chunks, 0U);
  const auto repaired = RepairBlock({}, directory, directory_, {.ulid = kResult, .source = "x"});
  ASSERT_TRUE(repaired.ok()) << repaired.status();
  EXPECT_EQ(repaired->dropped_duplicates, 1U);
  EXPECT_TRUE(VerifyBlock({}, Path(kResult))->healthy());
  std::filesystem::remove_all(directory);
  std::filesystem::remove_all(Path(kResult));

  WriteRaw({{labels::Labels({{"a", "1"}}), {{1000, 2000}, {1500, 2500}}}}, 1000, 5000);
  const BlockHealth health = Health();
  EXPECT_EQ(health.out_of_order_chunks, 1U);
  EXPECT_FALSE(health.OutOfOrderChunks().ok());
  EXPECT_TRUE(health.Critical().ok());
  EXPECT_EQ(RepairBlock({}, directory, directory_, {.ulid = kResult, .source = "x"}).status().code(),
            base::StatusCode::kFailedPrecondition);
}

TEST_F(BlockHealthTest, DamageIsNamed) {
  const std::string directory =
      WriteRaw({{labels::Labels({{"a", "1"}}), {{1000, 2000}, {3000, 4000}}}}, 1000, 5000);
  const std::string segment = directory + "/chunks/000001";
  const std::string original = ReadFile(segment);
  std::string damaged = original;
  damaged[20] = static_cast<char>(damaged[20] ^ 4);
  std::ofstream(segment, std::ios::binary | std::ios::trunc) << damaged;
  EXPECT_EQ(Health().damaged_chunks, 1U);
  EXPECT_FALSE(Health().Damage().ok());
  std::filesystem::remove(segment);
  EXPECT_THAT(Health().missing_segments, ::testing::ElementsAre("000001"));
  EXPECT_FALSE(Health().Damage().ok());
  std::ofstream(segment, std::ios::binary) << original;
  EXPECT_TRUE(Health().healthy());
  const std::string index = ReadFile(directory + "/index");
  std::ofstream(directory + "/index", std::ios::binary | std::ios::trunc)
      << index.substr(0, index.size() - 3);
  EXPECT_FALSE(Health().index_damage.empty());
  std::filesystem::remove(directory + "/index");
  EXPECT_EQ(VerifyBlock({}, directory).status().code(), base::StatusCode::kNotFound);
}

TEST_F(BlockHealthTest, WrongStatisticsAreNoticed) {
  const std::string directory = WriteRaw({{labels::Labels({{"a", "1"}}), {{1000, 2000}}}}, 1000, 5000);
  block::Meta meta = *block::ReadMetaFile(directory);
  meta.stats.num_samples = 3;
  ASSERT_TRUE(block::WriteMetaFile(directory, meta).ok());
  EXPECT_TRUE(Health().wrong_stats);
  EXPECT_FALSE(Health().healthy());
}

}  // namespace
}  // namespace thanos::compact
