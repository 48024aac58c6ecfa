#include "objstore/wrappers.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "objstore/fake.h"

namespace thanos::objstore {
namespace {

using ::testing::HasSubstr;

TEST(MeteredBucketTest, CountsOperations) {
  const auto registry = telemetry::Registry::Create();
  MeteredBucket bucket(std::make_unique<MemoryBucket>(), *registry);
  ASSERT_TRUE(bucket.Upload({}, "object", "12345").ok());
  ASSERT_TRUE(bucket.Get({}, "object").ok());
  ASSERT_FALSE(bucket.Get({}, "absent").ok());
  ASSERT_FALSE(bucket.GetRange({}, "object", 0, 100).ok());
  const std::string text = registry->Expose();
  EXPECT_THAT(text,
              HasSubstr("thanos_objstore_bucket_operations_total{bucket=\"memory\",operation=\"get\"} 2"));
  EXPECT_THAT(
      text,
      HasSubstr("thanos_objstore_bucket_operation_failures_total{bucket=\"memory\",operation=\"get\"} 0"));
  EXPECT_THAT(
      text,
      HasSubstr(
          "thanos_objstore_bucket_operation_failures_total{bucket=\"memory\",operation=\"get_range\"} 1"));
  EXPECT_THAT(
      text,
      HasSubstr(
          "thanos_objstore_bucket_operation_fetched_bytes_total{bucket=\"memory\",operation=\"get\"} 5"));
  EXPECT_THAT(text, HasSubstr("thanos_objstore_bucket_last_successful_upload_time{bucket=\"memory\"} 1"));
}

TEST(FaultBucketTest, DamagesAnswersAsPlanned) {
  MemoryBucket inner;
  ASSERT_TRUE(inner.Upload({}, "object", "abcdef").ok());
  FaultBucket bucket(inner, [](const BucketCall& call) {
    switch (call.number) {
      case 0:
        return Fault{.error = base::Unavailable("down")};
      case 1:
        return Fault{.cut_to_bytes = 2};
      case 2:
        return Fault{.flip_byte = 0};
      default:
        return Fault{};
    }
  });
  EXPECT_EQ(bucket.Get({}, "object").status().code(), base::StatusCode::kUnavailable);
  EXPECT_EQ(bucket.Get({}, "object")->bytes, "ab");
  EXPECT_EQ(bucket.Get({}, "object")->bytes.substr(1), "bcdef");
  EXPECT_EQ(bucket.Get({}, "object")->bytes, "abcdef");
  EXPECT_EQ(bucket.num_calls(), 4);
}

TEST(FaultBucketTest, LatencyEndsWithTheDeadline) {
  MemoryBucket inner;
  FaultBucket bucket(inner, [](const BucketCall&) { return Fault{.latency = std::chrono::hours(1)}; });
  const base::CancelSource source(base::CancelToken(), std::chrono::milliseconds(1));
  EXPECT_EQ(bucket.Get(source.token(), "object").status().code(), base::StatusCode::kDeadlineExceeded);
}

}  // namespace
}  // namespace thanos::objstore
