#include "objstore/internal/filesystem.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace thanos::objstore::internal {
namespace {

class FilesystemBucketTest : public ::testing::Test {
 protected:
  void SetUp() override {
    directory_ = ::testing::TempDir() + "/filesystem-XXXXXX";
    ASSERT_NE(mkdtemp(directory_.data()), nullptr);
    auto bucket = FilesystemBucket::Open(directory_ + "/root");
    ASSERT_TRUE(bucket.ok()) << bucket.status();
    bucket_ = *std::move(bucket);
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  std::string directory_;
  std::unique_ptr<FilesystemBucket> bucket_;
};

TEST_F(FilesystemBucketTest, LargeObjectsShareOneMapping) {
  ASSERT_TRUE(bucket_->Upload({}, "large", std::string(100'000, 'x')).ok());
  const auto first = bucket_->GetRange({}, "large", 10, 5);
  const auto second = bucket_->GetRange({}, "large", 10, 5);
  ASSERT_TRUE(first.ok() && second.ok());
  EXPECT_EQ(first->bytes.data(), second->bytes.data());
}

TEST_F(FilesystemBucketTest, MappingsSurviveDeletion) {
  ASSERT_TRUE(bucket_->Upload({}, "large", std::string(100'000, 'x')).ok());
  const auto bytes = bucket_->Get({}, "large");
  ASSERT_TRUE(bucket_->Delete({}, "large").ok());
  EXPECT_EQ(bytes->bytes, std::string(100'000, 'x'));
  EXPECT_EQ(bucket_->Get({}, "large").status().code(), base::StatusCode::kNotFound);
}

TEST_F(FilesystemBucketTest, SeesFilesReplacedByOthers) {
  ASSERT_TRUE(bucket_->Upload({}, "large", std::string(100'000, 'x')).ok());
  ASSERT_TRUE(bucket_->Get({}, "large").ok());
  std::ofstream(directory_ + "/root/new") << std::string(100'000, 'y');
  std::filesystem::rename(directory_ + "/root/new", directory_ + "/root/large");
  EXPECT_EQ(bucket_->Get({}, "large")->bytes, std::string(100'000, 'y'));
}

TEST_F(FilesystemBucketTest, HidesTemporaryFilesAndEmptyDirectories) {
  std::ofstream(directory_ + "/root/.upload-1-2.tmp") << "half";
  std::filesystem::create_directories(directory_ + "/root/empty/inside");
  std::vector<std::string> names;
  ASSERT_TRUE(bucket_
                  ->List({}, "", {},
                         [&](const ListEntry& entry) {
                           names.push_back(entry.name);
                           return base::OkStatus();
                         })
                  .ok());
  EXPECT_THAT(names, ::testing::IsEmpty());
  EXPECT_EQ(bucket_->Get({}, ".upload-1-2.tmp").status().code(), base::StatusCode::kInvalidArgument);
}

TEST_F(FilesystemBucketTest, UploadsFilesAndLeavesNothingAside) {
  const std::string content(3'000'000, 'z');
  std::ofstream(directory_ + "/source") << content;
  ASSERT_TRUE(bucket_->UploadFile({}, "a/b", directory_ + "/source").ok());
  EXPECT_EQ(bucket_->Get({}, "a/b")->bytes, content);
  EXPECT_EQ(bucket_->UploadFile({}, "a/c", directory_ + "/absent").code(), base::StatusCode::kNotFound);
  EXPECT_FALSE(bucket_->UploadFile({}, "a/c", directory_).ok());
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(directory_ + "/root/a")) {
    files += entry.is_regular_file() ? 1 : 0;
  }
  EXPECT_EQ(files, 1);
}

TEST_F(FilesystemBucketTest, RefusesToReplaceADirectory) {
  ASSERT_TRUE(bucket_->Upload({}, "a/b", "x").ok());
  EXPECT_FALSE(bucket_->Upload({}, "a", "y").ok());
  EXPECT_EQ(bucket_->Get({}, "a/b")->bytes, "x");
}

TEST(FilesystemBucketOpenTest, NeedsADirectory) {
  EXPECT_EQ(FilesystemBucket::Open("").status().code(), base::StatusCode::kInvalidArgument);
}

// An upload that was killed leaves a directory with an unfinished file, which no listing shows.
TEST_F(FilesystemBucketTest, ListingRemovesWhatInterruptedUploadsLeftLongAgo) {
  namespace fs = std::filesystem;
  const fs::path chunks = directory_ + "/root/block/chunks";
  const fs::path unfinished = chunks / ".upload-1-1.tmp";
  fs::create_directories(chunks);
  std::ofstream(unfinished) << "half";
  const auto list = [&] {
    EXPECT_TRUE(bucket_->List({}, "", {}, [](const ListEntry&) { return base::Internal("an entry"); }).ok());
  };
  const auto age = [&](const fs::path& path) {
    fs::last_write_time(path, fs::file_time_type::clock::now() - std::chrono::hours(25));
  };
  for (const fs::path& path : {chunks.parent_path(), chunks}) {
    list();
    EXPECT_TRUE(fs::exists(unfinished)) << "somebody may still be writing it";
    age(path);
  }
  list();
  EXPECT_TRUE(fs::exists(unfinished));
  age(unfinished);
  list();
  EXPECT_FALSE(fs::exists(chunks.parent_path()));
}

}  // namespace
}  // namespace thanos::objstore::internal
