#include "compact/block_transfer.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>

#include "compact/test_metas.h"
#include "objstore/fake.h"
#include "shipper/block_upload.h"

namespace thanos::compact {
namespace {

namespace fs = std::filesystem;

class BlockTransferTest : public ::testing::Test {
 protected:
  void SetUp() override {
    directory_ = ::testing::TempDir() + "/transfer-XXXXXX";
    ASSERT_NE(mkdtemp(directory_.data()), nullptr);
    fs::create_directories(directory_ + "/block/chunks");
    for (const char* name : {"chunks/000001", "chunks/000002", "index"}) {
      std::ofstream(directory_ + "/block/" + name) << "content of " << name;
    }
    ASSERT_TRUE(shipper::DescribeFiles(directory_ + "/block", false, &meta_).ok());
  }
  void TearDown() override { fs::remove_all(directory_); }

  std::string directory_;
  block::Meta meta_ = *MakeMeta({.number = 1});
  objstore::MemoryBucket bucket_;
  concurrency::ThreadPool pool_{"test", 4};
};

TEST_F(BlockTransferTest, CarriesABlockThereAndBack) {
  const Transfer transfer{bucket_, pool_, 2};
  ASSERT_TRUE(UploadBlock({}, transfer, directory_ + "/block", meta_).ok());
  ASSERT_TRUE(DownloadBlock({}, transfer, meta_, directory_ + "/copy").ok());
  for (const char* name : {"chunks/000001", "chunks/000002", "index"}) {
    std::ifstream file(directory_ + "/copy/" + name);
    EXPECT_EQ(std::string(std::istreambuf_iterator<char>(file), {}),
              base::Concat("content of ", std::string_view(name)));
  }
  EXPECT_EQ(block::ReadMetaFile(directory_ + "/copy")->ulid, TestUlid(1));
}

// P4, P5: the block must not become visible before its files are in the bucket as they were sent.
TEST_F(BlockTransferTest, ABlockThatDidNotArriveWholeStaysInvisible) {
  for (const std::string_view damaged : {"chunks/000002", "index"}) {
    SCOPED_TRACE(damaged);
    objstore::FaultBucket faulty(bucket_, [&](const objstore::BucketCall& call) {
      const bool hit =
          call.operation == objstore::BucketCall::Operation::kGetRange && call.name.ends_with(damaged);
      return objstore::Fault{.flip_byte = hit ? 3 : -1};
    });
    EXPECT_EQ(UploadBlock({}, {faulty, pool_, 1}, directory_ + "/block", meta_).code(),
              base::StatusCode::kDataLoss);
    EXPECT_FALSE(*bucket_.Exists({}, block::MetaPath(TestUlid(1))));
  }
}

TEST_F(BlockTransferTest, ABlockWithAWrongMetaIsTakenBack) {
  objstore::FaultBucket faulty(bucket_, [](const objstore::BucketCall& call) {
    return objstore::Fault{.flip_byte = call.operation == objstore::BucketCall::Operation::kGet ? 3 : -1};
  });
  EXPECT_EQ(UploadBlock({}, {faulty, pool_, 1}, directory_ + "/block", meta_).code(),
            base::StatusCode::kDataLoss);
  EXPECT_FALSE(*bucket_.Exists({}, block::MetaPath(TestUlid(1))));
}

TEST_F(BlockTransferTest, SizesAreThoseOfTheMeta) {
  const Transfer transfer{bucket_, pool_, 1};
  ASSERT_TRUE(UploadBlock({}, transfer, directory_ + "/block", meta_).ok());
  const std::string id = TestUlid(1).ToString();
  ASSERT_TRUE(bucket_.Upload({}, id + "/index", "short").ok());
  EXPECT_EQ(DownloadBlock({}, transfer, meta_, directory_ + "/copy").code(), base::StatusCode::kDataLoss);
  ASSERT_TRUE(bucket_.Delete({}, id + "/index").ok());
  EXPECT_EQ(DownloadBlock({}, transfer, meta_, directory_ + "/copy").code(), base::StatusCode::kNotFound);
}

TEST_F(BlockTransferTest, FetchesAgainWhatIsNotWhole) {
  const Transfer transfer{bucket_, pool_, 1};
  ASSERT_TRUE(UploadBlock({}, transfer, directory_ + "/block", meta_).ok());
  ASSERT_TRUE(DownloadBlock({}, transfer, meta_, directory_ + "/copy").ok());
  fs::resize_file(directory_ + "/copy/chunks/000001", 3);
  int num_ranges = 0;
  objstore::FaultBucket watched(bucket_, [&](const objstore::BucketCall& call) {
    num_ranges += call.operation == objstore::BucketCall::Operation::kGetRange ? 1 : 0;
    return objstore::Fault{};
  });
  ASSERT_TRUE(DownloadBlock({}, {watched, pool_, 1}, meta_, directory_ + "/copy").ok());
  EXPECT_EQ(num_ranges, 1);
  EXPECT_EQ(fs::file_size(directory_ + "/copy/chunks/000001"),
            fs::file_size(directory_ + "/block/chunks/000001"));
}

// Names in a meta.json come from somebody else.
TEST_F(BlockTransferTest, NamesOutsideOfTheBlockAreIgnored) {
  const Transfer transfer{bucket_, pool_, 1};
  ASSERT_TRUE(UploadBlock({}, transfer, directory_ + "/block", meta_).ok());
  ASSERT_TRUE(bucket_.Upload({}, "evil", "x").ok());
  for (const char* name : {"../evil", "chunks/../../evil", "chunks/", "/etc/passwd", "chunks/1/2"}) {
    block::BlockFile file;
    file.rel_path = name;
    file.size_bytes = 1;
    meta_.thanos->files.push_back(file);
  }
  ASSERT_TRUE(DownloadBlock({}, transfer, meta_, directory_ + "/copy").ok());
  EXPECT_FALSE(fs::exists(directory_ + "/evil"));
}

}  // namespace
}  // namespace thanos::compact
