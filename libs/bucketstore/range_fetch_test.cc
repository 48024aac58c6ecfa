#include "bucketstore/internal/range_fetch.h"

#include <condition_variable>
#include <mutex>

#include "concurrency/task_group.h"
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

class RangeFetcherTest : public ::testing::Test {
 protected:
  void Put(std::string content) { ASSERT_TRUE(bucket_.Upload({}, "object", content).ok()); }
  concurrency::ThreadPool pool_{"reads", 16};
  objstore::MemoryBucket bucket_;
  Limiter limiter_{"bytes", 0};
};

TEST_F(RangeFetcherTest, AnswersFromTheCoveringRead) {
  std::string content(2'000'000, 'x');
  content[100] = 'a';
  content[1'900'000] = 'b';
  Put(content);
  objstore::FaultBucket counting(bucket_, [](const objstore::BucketCall&) { return objstore::Fault{}; });
  const RangeFetcher fetcher(counting, &pool_, limiter_);
  const auto fetched = fetcher.Fetch({}, "object", {{1'900'000, 1'900'010}, {100, 110}, {200, 210}});
  ASSERT_TRUE(fetched.ok()) << fetched.status();
  EXPECT_EQ(counting.num_calls(), 2);
  EXPECT_EQ(fetched->num_bytes(), 120U);
  EXPECT_EQ(fetched->From(100).size(), 110U);
  EXPECT_EQ(fetched->From(100)[0], 'a');
  EXPECT_EQ(fetched->From(1'900'000)[0], 'b');
  EXPECT_TRUE(fetched->From(50).empty());
  EXPECT_TRUE(fetched->From(1'000'000).empty());
  EXPECT_EQ(limiter_.used(), 120U);
}

TEST_F(RangeFetcherTest, RefusesBeforeReadingTooMuch) {
  Put(std::string(2'000'000, 'x'));
  objstore::FaultBucket counting(bucket_, [](const objstore::BucketCall&) { return objstore::Fault{}; });
  Limiter small("bytes", 5);
  const RangeFetcher fetcher(counting, &pool_, small);
  const base::Status status = fetcher.Fetch({}, "object", {{0, 3}, {1'900'000, 1'900'003}}).status();
  EXPECT_EQ(status.code(), base::StatusCode::kResourceExhausted);
  EXPECT_EQ(base::Message(status), "exceeded bytes limit: limit 5 violated (got 6)");
  EXPECT_EQ(counting.num_calls(), 0);
}

TEST_F(RangeFetcherTest, ShortAnswersAreDataLoss) {
  Put("0123456789");
  objstore::FaultBucket bucket(
      bucket_, [](const objstore::BucketCall&) { return objstore::Fault{.cut_to_bytes = 3}; });
  const RangeFetcher fetcher(bucket, nullptr, limiter_);
  EXPECT_EQ(fetcher.Fetch({}, "object", {{0, 6}}).status().code(), base::StatusCode::kDataLoss);
}

// Reads that wait for each other: the test ends only when `wanted` are under way at once.
class Rendezvous {
 public:
  explicit Rendezvous(int wanted) : wanted_(wanted) {}
  void Arrive() {
    std::unique_lock lock(mutex_);
    most_ = std::max(most_, ++running_);
    arrived_.notify_all();
    arrived_.wait_for(lock, std::chrono::seconds(20), [&] { return most_ >= wanted_; });
    --running_;
  }
  int most() {
    std::unique_lock lock(mutex_);
    return most_;
  }

 private:
  const int wanted_;
  std::mutex mutex_;
  std::condition_variable arrived_;
  int running_ = 0;
  int most_ = 0;
};

std::vector<ByteRange> FarRanges(uint64_t count) {
  std::vector<ByteRange> ranges;
  for (uint64_t i = 0; i < count; ++i) {
    ranges.push_back({i * 1'000'000, i * 1'000'000 + 10});
  }
  return ranges;
}

TEST_F(RangeFetcherTest, ReadsInParallelUpToTheBound) {
  Put(std::string(20'000'000, 'x'));
  Rendezvous rendezvous(static_cast<int>(RangeFetcher::kMaxParallelReads));
  objstore::FaultBucket bucket(bucket_, [&](const objstore::BucketCall&) {
    rendezvous.Arrive();
    return objstore::Fault{};
  });
  const RangeFetcher fetcher(bucket, &pool_, limiter_);
  std::vector<ObjectRanges> objects;
  objects.push_back({"object", FarRanges(15)});
  objects.push_back({"object", FarRanges(3)});
  const auto fetched = fetcher.Fetch({}, std::move(objects));
  ASSERT_TRUE(fetched.ok()) << fetched.status();
  EXPECT_EQ(rendezvous.most(), static_cast<int>(RangeFetcher::kMaxParallelReads));
  EXPECT_EQ(bucket.num_calls(), 18);
  for (const ByteRange& range : FarRanges(15)) {
    EXPECT_EQ((*fetched)[0].From(range.begin).size(), 10U);
  }
}

TEST_F(RangeFetcherTest, FirstErrorStopsTheRest) {
  Put(std::string(20'000'000, 'x'));
  objstore::FaultBucket bucket(bucket_, [](const objstore::BucketCall& call) {
    return objstore::Fault{.error = call.offset == 0 ? base::Unavailable("gone") : base::OkStatus()};
  });
  const RangeFetcher fetcher(bucket, &pool_, limiter_);
  const base::Status status = fetcher.Fetch({}, "object", FarRanges(15)).status();
  EXPECT_EQ(status.code(), base::StatusCode::kUnavailable) << status;
}

TEST_F(RangeFetcherTest, WorksOnThreadsOfABusyPool) {
  Put(std::string(20'000'000, 'x'));
  concurrency::ThreadPool small("small", 2);
  const RangeFetcher fetcher(bucket_, &small, limiter_);
  std::atomic<int> good{0};
  const base::Status status = concurrency::ParallelFor(
      small, {}, 20, 20, [&](const base::CancelToken& token, size_t) -> base::Status {
        const auto fetched = fetcher.Fetch(token, "object", FarRanges(15));
        good += fetched.ok() && fetched->num_bytes() == 150 ? 1 : 0;
        return fetched.status();
      });
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(good, 20);
}

TEST_F(RangeFetcherTest, CancellationEndsIt) {
  Put(std::string(20'000'000, 'x'));
  base::CancelSource source;
  objstore::FaultBucket bucket(bucket_, [&](const objstore::BucketCall&) {
    source.Cancel();
    return objstore::Fault{};
  });
  const RangeFetcher fetcher(bucket, &pool_, limiter_);
  EXPECT_EQ(fetcher.Fetch(source.token(), "object", FarRanges(15)).status().code(),
            base::StatusCode::kCancelled);
}

}  // namespace
}  // namespace thanos::bucketstore::internal
