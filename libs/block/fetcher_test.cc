#include "block/fetcher.h"

#include <cstdlib>
#include <filesystem>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "objstore/fake.h"

namespace thanos::block {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr int64_t kNowMs = 1'750'000'000'000;

model::Ulid UlidOf(int number) {
  return model::Ulid::FromParts(kNowMs - 100'000'000, 0, static_cast<uint64_t>(number));
}

class FetcherTest : public ::testing::Test {
 protected:
  void SetUp() override {
    cache_ = ::testing::TempDir() + "/fetcher-XXXXXX";
    ASSERT_NE(mkdtemp(cache_.data()), nullptr);
  }
  void TearDown() override { std::filesystem::remove_all(cache_); }

  Meta MakeMeta(int number) {
    Meta meta;
    meta.ulid = UlidOf(number);
    meta.min_time_ms = number * 1000;
    meta.max_time_ms = number * 1000 + 1000;
    meta.compaction.sources = {meta.ulid};
    meta.thanos.emplace().labels = labels::Labels({{"cluster", "a"}});
    meta.thanos->source = kSourceSidecar;
    return meta;
  }
  void Put(const Meta& meta) { ASSERT_TRUE(bucket_.Upload({}, MetaPath(meta.ulid), FormatMeta(meta)).ok()); }
  std::unique_ptr<MetaFetcher> Fetcher(std::vector<std::unique_ptr<BlockFilter>> filters = {}) {
    return std::make_unique<MetaFetcher>(FetchOptions{.cache_directory = cache_}, fault_bucket_, pool_,
                                         telemetry::NullRegistry(), std::move(filters));
  }
  template <typename Filter>
  std::vector<int> KeptBy(std::unique_ptr<Filter> filter) {
    std::vector<std::unique_ptr<BlockFilter>> filters;
    filters.push_back(std::move(filter));
    const auto result = Fetcher(std::move(filters))->Fetch({});
    EXPECT_TRUE(result.ok()) << result.status();
    std::vector<int> kept;
    for (const auto& entry : result->metas) {
      for (int number = 0; number < 20; ++number) {
        if (entry.first == UlidOf(number)) {
          kept.push_back(number);
        }
      }
    }
    return kept;
  }

  std::string cache_;
  objstore::MemoryBucket bucket_;
  std::function<objstore::Fault(const objstore::BucketCall&)> plan_ = [](const objstore::BucketCall&) {
    return objstore::Fault{};
  };
  objstore::FaultBucket fault_bucket_{bucket_,
                                      [this](const objstore::BucketCall& call) { return plan_(call); }};
  concurrency::ThreadPool pool_{"test", 4};
  base::FakeClock clock_{kNowMs};
};

TEST_F(FetcherTest, OneBadMetaDoesNotHideTheOthers) {
  Put(MakeMeta(1));
  Put(MakeMeta(2));
  ASSERT_TRUE(bucket_.Upload({}, MetaPath(UlidOf(3)), "{broken").ok());
  ASSERT_TRUE(bucket_.Upload({}, MetaPath(UlidOf(4)), FormatMeta(MakeMeta(1))).ok());
  ASSERT_TRUE(bucket_.Upload({}, UlidOf(5).ToString() + "/index", "x").ok());
  ASSERT_TRUE(bucket_.Upload({}, "debug/metas/x.json", "x").ok());
  const auto result = Fetcher()->Fetch({});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->metas.size(), 2U);
  EXPECT_EQ(result->damaged.size(), 2U);
  EXPECT_THAT(std::string(base::Message(result->damaged.at(UlidOf(3)))), HasSubstr(UlidOf(3).ToString()));
  EXPECT_THAT(result->partial, ElementsAre(UlidOf(5)));
  EXPECT_TRUE(result->incomplete.ok());
}

TEST_F(FetcherTest, ReadsEachMetaOnce) {
  Put(MakeMeta(1));
  const auto fetcher = Fetcher();
  ASSERT_EQ(fetcher->Fetch({})->metas.size(), 1U);
  plan_ = [](const objstore::BucketCall& call) {
    return call.operation == objstore::BucketCall::Operation::kGet
               ? objstore::Fault{.error = base::Unavailable("read again")}
               : objstore::Fault{};
  };
  EXPECT_TRUE(fetcher->Fetch({})->incomplete.ok());
  EXPECT_EQ(Fetcher()->Fetch({})->metas.size(), 1U) << "from the cache directory";
  ASSERT_TRUE(bucket_.Delete({}, MetaPath(UlidOf(1))).ok());
  EXPECT_THAT(fetcher->Fetch({})->metas, IsEmpty());
  EXPECT_TRUE(std::filesystem::is_empty(cache_));
}

TEST_F(FetcherTest, UnreadableMetaMakesTheViewIncomplete) {
  Put(MakeMeta(1));
  Put(MakeMeta(2));
  plan_ = [](const objstore::BucketCall& call) {
    return call.operation == objstore::BucketCall::Operation::kGet && call.name == MetaPath(UlidOf(2))
               ? objstore::Fault{.error = base::Unavailable("down")}
               : objstore::Fault{};
  };
  const auto result = Fetcher()->Fetch({});
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->metas.size(), 1U);
  EXPECT_EQ(result->incomplete.code(), base::StatusCode::kUnavailable);
}

TEST_F(FetcherTest, RecursiveListingSavesTheQuestionsForMetas) {
  Put(MakeMeta(1));
  ASSERT_TRUE(bucket_.Upload({}, UlidOf(2).ToString() + "/index", "x").ok());
  plan_ = [](const objstore::BucketCall& call) {
    EXPECT_NE(call.operation, objstore::BucketCall::Operation::kExists);
    return objstore::Fault{};
  };
  MetaFetcher fetcher({.cache_directory = cache_, .recursive_listing = true}, fault_bucket_, pool_,
                      telemetry::NullRegistry(), {});
  const auto result = fetcher.Fetch({});
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->metas.size(), 1U);
  EXPECT_THAT(result->partial, ElementsAre(UlidOf(2)));
}

TEST_F(FetcherTest, FailedListingIsAnError) {
  plan_ = [](const objstore::BucketCall&) { return objstore::Fault{.error = base::Unavailable("down")}; };
  EXPECT_EQ(Fetcher()->Fetch({}).status().code(), base::StatusCode::kUnavailable);
}

TEST_F(FetcherTest, SelectionFilterAsksTheRule) {
  Put(MakeMeta(1));
  Put(MakeMeta(2));
  EXPECT_THAT(
      KeptBy(std::make_unique<SelectionFilter>([](const Meta& meta) { return meta.ulid == UlidOf(2); })),
      ElementsAre(2));
}

TEST_F(FetcherTest, TellsWhatEveryFetchFound) {
  Put(MakeMeta(1));
  const auto fetcher = Fetcher();
  std::vector<std::pair<size_t, base::StatusCode>> seen;
  fetcher->OnFetched([&](const MetaMap& metas, const base::Status& error) {
    seen.emplace_back(metas.size(), error.code());
  });
  ASSERT_TRUE(fetcher->Fetch({}).ok());
  plan_ = [](const objstore::BucketCall&) { return objstore::Fault{.error = base::Unavailable("away")}; };
  EXPECT_FALSE(fetcher->Fetch({}).ok());
  EXPECT_THAT(seen, ElementsAre(std::pair(size_t{1}, base::StatusCode::kOk),
                                std::pair(size_t{0}, base::StatusCode::kUnavailable)));
}

TEST_F(FetcherTest, TimeFilterKeepsBlocksThatReachIntoTheRange) {
  for (int number = 1; number <= 5; ++number) {
    Put(MakeMeta(number));
  }
  EXPECT_THAT(KeptBy(std::make_unique<TimeFilter>([] {
                return model::ClosedRange{3000, 4000};
              })),
              ElementsAre(2, 3, 4));
}

TEST_F(FetcherTest, ConsistencyDelayHidesFreshUploadsButNotCompactedBlocks) {
  Meta fresh = MakeMeta(1);
  fresh.thanos->upload_time = FormatRfc3339(kNowMs - 1000);
  Meta compacted = MakeMeta(2);
  compacted.thanos->upload_time = fresh.thanos->upload_time;
  compacted.thanos->source = kSourceCompactor;
  Put(fresh);
  Put(compacted);
  Put(MakeMeta(3));
  EXPECT_THAT(KeptBy(std::make_unique<ConsistencyDelayFilter>(60'000, clock_)), ElementsAre(2, 3));
}

TEST_F(FetcherTest, DeletionMarksCountAfterTheDelay) {
  for (int number = 1; number <= 3; ++number) {
    Put(MakeMeta(number));
  }
  const auto mark = [&](int number, int64_t time_s) {
    ASSERT_TRUE(bucket_
                    .Upload({}, UlidOf(number).ToString() + "/deletion-mark.json",
                            FormatMark(DeletionMark{UlidOf(number), "", time_s}))
                    .ok());
  };
  mark(1, kNowMs / 1000 - 7200);
  mark(2, kNowMs / 1000 - 10);
  EXPECT_THAT(KeptBy(std::make_unique<DeletionMarkFilter>(bucket_, pool_, 3'600'000, clock_)),
              ElementsAre(2, 3));
}

TEST_F(FetcherTest, BlocksCoveredByACompactedOneAreDuplicates) {
  Put(MakeMeta(1));
  Put(MakeMeta(2));
  Meta compacted = MakeMeta(3);
  compacted.compaction.sources = {UlidOf(1), UlidOf(2)};
  Put(compacted);
  Meta other_cluster = MakeMeta(4);
  other_cluster.compaction.sources = {UlidOf(1)};
  other_cluster.thanos->labels = labels::Labels({{"cluster", "b"}});
  Put(other_cluster);
  Meta downsampled = compacted;
  downsampled.ulid = UlidOf(5);
  downsampled.thanos->resolution_ms = 300'000;
  Put(downsampled);
  EXPECT_THAT(KeptBy(std::make_unique<DuplicateFilter>()), ElementsAre(3, 4, 5));
}

}  // namespace
}  // namespace thanos::block
