#include "block/markers.h"

#include "gtest/gtest.h"
#include "objstore/fake.h"

namespace thanos::block {
namespace {

const model::Ulid kUlid = *model::Ulid::Parse("01JXQ5B2M8ZC4N9W0V8R5T7YQK");

TEST(MarkersTest, DeletionMarkIsWrittenAsThanosDoes) {
  const DeletionMark mark{kUlid, "source of compacted block", 1750000000};
  const std::string text =
      "{\"id\":\"01JXQ5B2M8ZC4N9W0V8R5T7YQK\",\"version\":1,\"details\":\"source of compacted block\","
      "\"deletion_time\":1750000000}\n";
  EXPECT_EQ(FormatMark(mark), text);
  EXPECT_EQ(*ParseDeletionMark(text), mark);
}

TEST(MarkersTest, OtherMarksRoundTrip) {
  const NoCompactMark no_compact{kUlid, "", 5, "manual"};
  EXPECT_EQ(*ParseNoCompactMark(FormatMark(no_compact)), no_compact);
  const NoDownsampleMark no_downsample{kUlid, "why", 6, "manual"};
  EXPECT_EQ(*ParseNoDownsampleMark(FormatMark(no_downsample)), no_downsample);
}

TEST(MarkersTest, AbsentAndUnreadableMarksCountAsAbsent) {
  objstore::MemoryBucket bucket;
  EXPECT_FALSE(ReadDeletionMark({}, bucket, kUlid)->has_value());
  ASSERT_TRUE(bucket.Upload({}, kUlid.ToString() + "/deletion-mark.json", "{").ok());
  EXPECT_FALSE(ReadDeletionMark({}, bucket, kUlid)->has_value());
  ASSERT_TRUE(
      bucket.Upload({}, kUlid.ToString() + "/deletion-mark.json", FormatMark(DeletionMark{kUlid, "", 7}))
          .ok());
  EXPECT_EQ((*ReadDeletionMark({}, bucket, kUlid))->deletion_time_s, 7);
}

TEST(MarkersTest, WrongVersionIsAnError) {
  objstore::MemoryBucket bucket;
  ASSERT_TRUE(bucket
                  .Upload({}, kUlid.ToString() + "/deletion-mark.json",
                          "{\"id\":\"01JXQ5B2M8ZC4N9W0V8R5T7YQK\",\"version\":2,\"deletion_time\":1}")
                  .ok());
  EXPECT_EQ(ReadDeletionMark({}, bucket, kUlid).status().code(), base::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace thanos::block
