#include "objstore/bucket_conformance.h"

#include <cstdlib>
#include <filesystem>

#include "objstore/fake.h"
#include "objstore/internal/filesystem.h"
#include "objstore/wrappers.h"

namespace thanos::objstore {

TEST_P(BucketConformanceTest, ReadsBackWhatWasUploaded) {
  const std::string large(300'000, 'x');
  Put("small", "hello");
  Put("dir/large", large);
  Put("empty", "");
  EXPECT_EQ(bucket_->Get({}, "small")->bytes, "hello");
  EXPECT_EQ(bucket_->Get({}, "dir/large")->bytes, large);
  EXPECT_EQ(bucket_->Get({}, "empty")->bytes, "");
}

TEST_P(BucketConformanceTest, UploadReplaces) {
  Put("name", std::string(200'000, 'a'));
  const auto before = bucket_->Get({}, "name");
  Put("name", "b");
  EXPECT_EQ(bucket_->Get({}, "name")->bytes, "b");
  ASSERT_TRUE(before.ok());
  EXPECT_EQ(before->bytes, std::string(200'000, 'a'));
}

TEST_P(BucketConformanceTest, RangesAreExactOrAnError) {
  for (const size_t size : {10U, 200'000U}) {
    std::string content(size, 'a');
    content[3] = 'b';
    Put("object", content);
    const auto length = static_cast<int64_t>(size);
    EXPECT_EQ(bucket_->GetRange({}, "object", 2, 3)->bytes, "aba");
    EXPECT_EQ(bucket_->GetRange({}, "object", 0, length)->bytes, content);
    EXPECT_EQ(bucket_->GetRange({}, "object", length, 0)->bytes, "");
    EXPECT_FALSE(bucket_->GetRange({}, "object", 1, length).ok());
    EXPECT_FALSE(bucket_->GetRange({}, "object", length + 1, 0).ok());
    EXPECT_FALSE(bucket_->GetRange({}, "object", -1, 2).ok());
  }
}

TEST_P(BucketConformanceTest, AbsentObjectsAreNotFound) {
  Put("dir/object", "x");
  for (const std::string_view name : {"absent", "dir", "dir/absent", "dir/object/below"}) {
    EXPECT_EQ(bucket_->Get({}, name).status().code(), base::StatusCode::kNotFound) << name;
    EXPECT_EQ(bucket_->GetRange({}, name, 0, 1).status().code(), base::StatusCode::kNotFound) << name;
    EXPECT_EQ(bucket_->Attributes({}, name).status().code(), base::StatusCode::kNotFound) << name;
    EXPECT_EQ(bucket_->Delete({}, name).code(), base::StatusCode::kNotFound) << name;
    EXPECT_EQ(*bucket_->Exists({}, name), false) << name;
  }
}

TEST_P(BucketConformanceTest, AttributesTellSizeAndTime) {
  Put("dir/object", "12345");
  const auto attributes = bucket_->Attributes({}, "dir/object");
  ASSERT_TRUE(attributes.ok()) << attributes.status();
  EXPECT_EQ(attributes->size_bytes, 5);
  EXPECT_GT(attributes->last_modified_ms, 1'500'000'000'000);
  EXPECT_TRUE(*bucket_->Exists({}, "dir/object"));
}

TEST_P(BucketConformanceTest, ListsInNameOrder) {
  for (const char* name : {"b/2", "b/1", "a", "b.txt", "b/c/3", "c"}) {
    Put(name, "x");
  }
  using ::testing::ElementsAre;
  EXPECT_THAT(Names(""), ElementsAre("a", "b.txt", "b/", "c"));
  EXPECT_THAT(Names("b"), ElementsAre("b/1", "b/2", "b/c/"));
  EXPECT_THAT(Names("b/"), ElementsAre("b/1", "b/2", "b/c/"));
  EXPECT_THAT(Names("", true), ElementsAre("a", "b.txt", "b/1", "b/2", "b/c/3", "c"));
  EXPECT_THAT(Names("absent"), ElementsAre());
  EXPECT_THAT(Names("a"), ElementsAre());
}

TEST_P(BucketConformanceTest, ListingEndsWithTheVisitorsError) {
  Put("a", "x");
  Put("b", "x");
  int visits = 0;
  const base::Status status = bucket_->List({}, "", {}, [&](const ListEntry&) {
    ++visits;
    return base::Aborted("enough");
  });
  EXPECT_EQ(status.code(), base::StatusCode::kAborted);
  EXPECT_EQ(visits, 1);
}

TEST_P(BucketConformanceTest, DeleteTakesEmptyDirectoriesAway) {
  Put("a/b/c", "x");
  Put("a/d", "x");
  ASSERT_TRUE(bucket_->Delete({}, "a/b/c").ok());
  EXPECT_THAT(Names("a"), ::testing::ElementsAre("a/d"));
  ASSERT_TRUE(bucket_->Delete({}, "a/d").ok());
  EXPECT_THAT(Names(""), ::testing::ElementsAre());
  Put("a/b/c", "again");
  EXPECT_EQ(bucket_->Get({}, "a/b/c")->bytes, "again");
}

TEST_P(BucketConformanceTest, RefusesNamesThatLeaveTheRoot) {
  for (const std::string_view name : {"", "/etc/passwd", "../x", "a/../../x", "a//b", "a/./b", "a/"}) {
    EXPECT_EQ(bucket_->Get({}, name).status().code(), base::StatusCode::kInvalidArgument) << name;
    EXPECT_EQ(bucket_->Upload({}, name, "x").code(), base::StatusCode::kInvalidArgument) << name;
    EXPECT_EQ(bucket_->Delete({}, name).code(), base::StatusCode::kInvalidArgument) << name;
  }
  EXPECT_EQ(bucket_->List({}, "../", {}, [](const ListEntry&) { return base::OkStatus(); }).code(),
            base::StatusCode::kInvalidArgument);
}

TEST_P(BucketConformanceTest, CancelledCallsDoNothing) {
  Put("object", "x");
  base::CancelSource source;
  source.Cancel();
  const base::CancelToken cancel = source.token();
  EXPECT_EQ(bucket_->Get(cancel, "object").status().code(), base::StatusCode::kCancelled);
  EXPECT_EQ(bucket_->Upload(cancel, "object", "y").code(), base::StatusCode::kCancelled);
  EXPECT_EQ(bucket_->Delete(cancel, "object").code(), base::StatusCode::kCancelled);
  EXPECT_EQ(bucket_->Get({}, "object")->bytes, "x");
}

namespace {

// A fresh directory below the test's own temporary directory.
std::string FreshDirectory() {
  std::string pattern = ::testing::TempDir() + "/objstore-XXXXXX";
  EXPECT_NE(mkdtemp(pattern.data()), nullptr);
  return pattern;
}

std::unique_ptr<Bucket> MakeMemory() {
  return std::make_unique<MemoryBucket>();
}

std::unique_ptr<Bucket> MakeFilesystem() {
  auto bucket = internal::FilesystemBucket::Open(FreshDirectory());
  EXPECT_TRUE(bucket.ok()) << bucket.status();
  return *std::move(bucket);
}

// Neighbours of the prefix must stay invisible.
std::unique_ptr<Bucket> MakePrefixed() {
  auto inner = MakeMemory();
  EXPECT_TRUE(inner->Upload({}, "some/prefix2/object", "x").ok());
  EXPECT_TRUE(inner->Upload({}, "other", "x").ok());
  return std::make_unique<PrefixBucket>(std::move(inner), "/some/prefix/");
}

std::unique_ptr<Bucket> MakePrefixedFilesystem() {
  return std::make_unique<PrefixBucket>(MakeFilesystem(), "p");
}

std::unique_ptr<Bucket> MakeMetered() {
  return std::make_unique<MeteredBucket>(MakeMemory(), telemetry::NullRegistry());
}

INSTANTIATE_TEST_SUITE_P(Buckets, BucketConformanceTest,
                         ::testing::Values(&MakeMemory, &MakeFilesystem, &MakePrefixed,
                                           &MakePrefixedFilesystem, &MakeMetered));

}  // namespace
}  // namespace thanos::objstore
