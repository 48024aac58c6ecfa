#include "bucketstore/internal/range_fetch.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "objstore/fake.h"

namespace thanos::bucketstore::internal {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(CoalesceTest, JoinsNearAndOverlappingRanges) {
  EXPECT_THAT(Coalesce({}, 10), IsEmpty());
  EXPECT_THAT(Coalesce({{5, 5}}, 10), IsEmpty());
  EXPECT_THAT(Coalesce({{40, 50}, {0, 10}, {20, 25}}, 10), ElementsAre(ByteRange{0, 25}, ByteRange{40, 50}));
  EXPECT_THAT(Coalesce({{0, 100}, {10, 20}, {100, 110}}, 0), ElementsAre(ByteRange{0, 110}));
  EXPECT_THAT(Coalesce({{0, 1}, {2, 3}}, 0), ElementsAre(ByteRange{0, 1}, ByteRange{2, 3}));
}

TEST(FetchRangesTest, AnswersFromTheCoveringRead) {
  objstore::MemoryBucket bucket;
  std::string content(2'000'000, 'x');
  content[100] = 'a';
  content[1'900'000] = 'b';
  ASSERT_TRUE(bucket.Upload({}, "object", content).ok());
  objstore::FaultBucket counting(bucket, [](const objstore::BucketCall&) { return objstore::Fault{}; });
  Limiter limiter("bytes", 0);
  const auto fetched =
      FetchRanges({}, counting, "object", {{1'900'000, 1'900'010}, {100, 110}, {200, 210}}, limiter);
  ASSERT_TRUE(fetched.ok()) << fetched.status();
  EXPECT_EQ(counting.num_calls(), 2);
  EXPECT_EQ(fetched->From(100).size(), 110U);
  EXPECT_EQ(fetched->From(100)[0], 'a');
  EXPECT_EQ(fetched->From(1'900'000)[0], 'b');
  EXPECT_TRUE(fetched->From(50).empty());
  EXPECT_TRUE(fetched->From(1'000'000).empty());
  EXPECT_EQ(limiter.used(), 120U);
}

TEST(FetchRangesTest, RefusesBeforeReadingTooMuch) {
  objstore::MemoryBucket bucket;
  ASSERT_TRUE(bucket.Upload({}, "object", "0123456789").ok());
  Limiter limiter("bytes", 5);
  const base::Status status = FetchRanges({}, bucket, "object", {{0, 6}}, limiter).status();
  EXPECT_EQ(status.code(), base::StatusCode::kResourceExhausted);
  EXPECT_EQ(base::Message(status), "exceeded bytes limit: limit 5 violated (got 6)");
}

TEST(FetchRangesTest, ShortAnswersAreDataLoss) {
  objstore::MemoryBucket inner;
  ASSERT_TRUE(inner.Upload({}, "object", "0123456789").ok());
  objstore::FaultBucket bucket(
      inner, [](const objstore::BucketCall&) { return objstore::Fault{.cut_to_bytes = 3}; });
  Limiter limiter("bytes", 0);
  EXPECT_EQ(FetchRanges({}, bucket, "object", {{0, 6}}, limiter).status().code(),
            base::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace thanos::bucketstore::internal
