#include "buckettools/verify.h"

#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "block/markers.h"
#include "block/test_block.h"
#include "objstore/fake.h"

namespace thanos::buckettools {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr int64_t kHourMs = 3'600'000;

class VerifyTest : public ::testing::Test {
 protected:
  VerifyTest()
      : directory_(::testing::TempDir() + "/verify_test_" +
                   ::testing::UnitTest::GetInstance()->current_test_info()->name()) {
    std::filesystem::remove_all(directory_);
    std::filesystem::create_directories(directory_ + "/blocks");
  }
  ~VerifyTest() override { std::filesystem::remove_all(directory_); }

  // Two hours of a series from `hour` on, not uploaded yet.
  model::Ulid Write(int number, int64_t hour, std::string_view cluster = "x") {
    const model::Ulid ulid = model::Ulid::FromParts(number, 1, 1);
    const auto meta = block::WriteTestBlock(
        directory_ + "/blocks",
        {ulid,
         labels::Labels({{"cluster", cluster}}),
         {{labels::Labels({{"__name__", "a"}}), block::Ramp(hour * kHourMs, (hour + 2) * kHourMs, 60'000)}}});
    EXPECT_TRUE(meta.ok()) << meta.status();
    return ulid;
  }
  void Upload(const model::Ulid& ulid) {
    EXPECT_TRUE(block::UploadTestBlock(bucket_, directory_ + "/blocks", ulid).ok());
  }
  std::string Path(const model::Ulid& ulid) const { return directory_ + "/blocks/" + ulid.ToString(); }
  VerifyBucketOptions Options(std::vector<std::string> issues) {
    VerifyBucketOptions options;
    options.issues = std::move(issues);
    options.scratch_directory = directory_ + "/scratch";
    return options;
  }
  base::StatusOr<VerifyBucketResult> Verify(const VerifyBucketOptions& options) {
    return VerifyBucket({}, bucket_, options, pool_, clock_);
  }

  const std::string directory_;
  objstore::MemoryBucket bucket_;
  objstore::MemoryBucket backup_;
  concurrency::ThreadPool pool_{"test", 4};
  base::FakeClock clock_{int64_t{100} * kHourMs};
};

TEST_F(VerifyTest, ASaneBucketHasNoFindings) {
  Upload(Write(1, 0));
  Upload(Write(2, 2));
  const auto result = Verify(Options({"index_known_issues", "overlapped_blocks", "duplicated_compaction"}));
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_THAT(result->findings, IsEmpty());
  EXPECT_EQ(result->num_blocks, 2U);
}

TEST_F(VerifyTest, FindsDamageAndGoesOn) {
  const model::Ulid damaged = Write(1, 0);
  const std::string segment = Path(damaged) + "/chunks/000001";
  std::fstream file(segment, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(40);
  file.put('\x55');
  file.close();
  const model::Ulid incomplete = Write(2, 2);
  Upload(damaged);
  Upload(incomplete);
  ASSERT_TRUE(bucket_.Delete({}, incomplete.ToString() + "/index").ok());
  Upload(Write(3, 4));
  const auto result = Verify(Options({"index_known_issues"}));
  ASSERT_TRUE(result.ok()) << result.status();
  ASSERT_THAT(result->findings, SizeIs(2));
  EXPECT_THAT(result->findings[0].text, HasSubstr(damaged.ToString()));
  EXPECT_THAT(result->findings[1].text, HasSubstr(incomplete.ToString()));
  EXPECT_EQ(result->num_blocks, 3U);
  VerifyBucketOptions one = Options({"index_known_issues"});
  one.blocks = {incomplete};
  EXPECT_THAT(Verify(one)->findings, SizeIs(1));
}

// A block whose meta.json claims less than its chunks hold: the second chunk begins at its end.
TEST_F(VerifyTest, RepairsOutsideChunksWithABackup) {
  const model::Ulid ulid = model::Ulid::FromParts(1, 1, 1);
  auto written = block::WriteTestBlock(
      directory_ + "/blocks",
      {ulid,
       labels::Labels({{"cluster", "x"}}),
       {{labels::Labels({{"__name__", "a"}}), block::Ramp(0, 2 * kHourMs, 60'000), 60}}});
  ASSERT_TRUE(written.ok()) << written.status();
  written->max_time_ms = kHourMs;
  ASSERT_TRUE(block::WriteMetaFile(Path(ulid), *written).ok());
  Upload(ulid);
  const auto found = Verify(Options({"index_known_issues"}));
  ASSERT_TRUE(found.ok()) << found.status();
  ASSERT_THAT(found->findings, SizeIs(1));
  EXPECT_FALSE(found->findings[0].repaired);
  VerifyBucketOptions options = Options({"index_known_issues"});
  options.backup = &backup_;
  const auto result = Verify(options);
  ASSERT_TRUE(result.ok()) << result.status();
  ASSERT_THAT(result->findings, SizeIs(1));
  EXPECT_TRUE(result->findings[0].repaired) << result->findings[0].text;
  EXPECT_FALSE(*bucket_.Exists({}, block::MetaPath(ulid)));
  EXPECT_TRUE(*backup_.Exists({}, block::MetaPath(ulid)));
  const auto after = Verify(Options({"index_known_issues"}));
  EXPECT_THAT(after->findings, IsEmpty());
  EXPECT_EQ(after->num_blocks, 1U);
}

// A chunk that lies only partly outside cannot be dropped: nothing may change then.
TEST_F(VerifyTest, LeavesAloneWhatItCannotRepair) {
  const model::Ulid ulid = Write(1, 0);
  block::Meta meta = *block::ReadMetaFile(Path(ulid));
  meta.max_time_ms = kHourMs;
  ASSERT_TRUE(block::WriteMetaFile(Path(ulid), meta).ok());
  Upload(ulid);
  VerifyBucketOptions options = Options({"index_known_issues"});
  options.backup = &backup_;
  const auto result = Verify(options);
  ASSERT_TRUE(result.ok()) << result.status();
  for (const auto& finding : result->findings) {
    EXPECT_FALSE(finding.repaired) << finding.text;
  }
  EXPECT_TRUE(*bucket_.Exists({}, block::MetaPath(ulid)));
  EXPECT_FALSE(*backup_.Exists({}, block::MetaPath(ulid)));
}

TEST_F(VerifyTest, ReportsOverlapsWithinAGroup) {
  Upload(Write(1, 0));
  Upload(Write(2, 1));
  Upload(Write(3, 10));
  Upload(Write(4, 10, "y"));
  const auto result = Verify(Options({"overlapped_blocks"}));
  ASSERT_TRUE(result.ok()) << result.status();
  ASSERT_THAT(result->findings, SizeIs(1));
  EXPECT_THAT(result->findings[0].text, HasSubstr(model::Ulid::FromParts(1, 1, 1).ToString()));
  EXPECT_THAT(result->findings[0].text, HasSubstr(model::Ulid::FromParts(2, 1, 1).ToString()));
}

TEST_F(VerifyTest, RemovesAllButOneOfTheSameCompaction) {
  const model::Ulid first = Write(1, 0);
  const model::Ulid second = Write(2, 0);
  block::Meta meta = *block::ReadMetaFile(Path(second));
  meta.compaction.sources = {first};
  ASSERT_TRUE(block::WriteMetaFile(Path(second), meta).ok());
  Upload(first);
  Upload(second);
  EXPECT_THAT(Verify(Options({"duplicated_compaction"}))->findings, SizeIs(1));
  VerifyBucketOptions options = Options({"duplicated_compaction"});
  options.backup = &backup_;
  options.delete_delay_ms = kHourMs;
  const auto result = Verify(options);
  ASSERT_TRUE(result.ok()) << result.status();
  ASSERT_THAT(result->findings, SizeIs(1));
  EXPECT_TRUE(result->findings[0].repaired);
  EXPECT_TRUE(block::ReadDeletionMark({}, bucket_, second)->has_value());
  EXPECT_FALSE(block::ReadDeletionMark({}, bucket_, first)->has_value());
  EXPECT_TRUE(*backup_.Exists({}, block::MetaPath(second)));
  clock_.Advance(2'000);
  EXPECT_THAT(Verify(options)->findings, IsEmpty());
}

TEST_F(VerifyTest, RefusesUnknownIssues) {
  EXPECT_EQ(Verify(Options({"nothing"})).status().code(), base::StatusCode::kInvalidArgument);
  VerifyBucketOptions options = Options({"overlapped_blocks"});
  options.blocks = {model::Ulid::FromParts(1, 1, 1)};
  EXPECT_EQ(Verify(options).status().code(), base::StatusCode::kInvalidArgument);
  options = Options({"overlapped_blocks"});
  options.backup = &backup_;
  EXPECT_EQ(Verify(options).status().code(), base::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace thanos::buckettools
