#include "block/fetcher.h"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <thread>

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

// What bounds the time of a first fetch: one read for each block, as many at a time as allowed.
TEST_F(FetcherTest, AFirstFetchReadsEachMetaOnceAndInParallel) {
  constexpr int kNumBlocks = 40;
  for (int i = 0; i < kNumBlocks; ++i) {
    Put(MakeMeta(i));
  }
  std::atomic<int> num_calls = 0;
  std::atomic<int> in_flight = 0;
  std::atomic<int> most_in_flight = 0;
  plan_ = [&](const objstore::BucketCall& call) {
    ++num_calls;
    if (call.operation == objstore::BucketCall::Operation::kGet) {
      most_in_flight = std::max(most_in_flight.load(), ++in_flight);
      // Reads wait for each other, up to the number of threads.
      const auto deadline = base::SteadyNow() + std::chrono::seconds(5);
      while (most_in_flight < pool_.num_threads() && base::SteadyNow() < deadline) {
        most_in_flight = std::max(most_in_flight.load(), in_flight.load());
        std::this_thread::yield();
      }
      --in_flight;
    }
    return objstore::Fault{};
  };
  const auto result = Fetcher()->Fetch({});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->metas.size(), size_t{kNumBlocks});
  EXPECT_EQ(num_calls, kNumBlocks + 1);
  EXPECT_EQ(most_in_flight, pool_.num_threads());
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

// A bucket whose listings leave one block out.
class ShortListBucket final : public objstore::Bucket {
 public:
  explicit ShortListBucket(objstore::Bucket& inner) : inner_(inner) {}
  std::string hidden;

  std::string_view provider() const override { return inner_.provider(); }
  std::string_view name() const override { return inner_.name(); }
  base::Status List(const base::CancelToken& cancel, std::string_view directory,
                    const objstore::ListOptions& options,
                    const std::function<base::Status(const objstore::ListEntry&)>& visit) override {
    return inner_.List(cancel, directory, options, [&](const objstore::ListEntry& entry) {
      return !hidden.empty() && entry.name.starts_with(hidden) ? base::OkStatus() : visit(entry);
    });
  }
  base::StatusOr<base::SharedBytes> Get(const base::CancelToken& cancel, std::string_view name) override {
    return inner_.Get(cancel, name);
  }
  base::StatusOr<base::SharedBytes> GetRange(const base::CancelToken& cancel, std::string_view name,
                                             int64_t offset, int64_t length) override {
    return inner_.GetRange(cancel, name, offset, length);
  }
  base::StatusOr<bool> Exists(const base::CancelToken& cancel, std::string_view name) override {
    return inner_.Exists(cancel, name);
  }
  base::StatusOr<objstore::ObjectAttributes> Attributes(const base::CancelToken& cancel,
                                                        std::string_view name) override {
    return inner_.Attributes(cancel, name);
  }
  base::Status Upload(const base::CancelToken& cancel, std::string_view name,
                      std::string_view content) override {
    return inner_.Upload(cancel, name, content);
  }
  base::Status UploadFile(const base::CancelToken& cancel, std::string_view name,
                          const std::string& local_path) override {
    return inner_.UploadFile(cancel, name, local_path);
  }
  base::Status Delete(const base::CancelToken& cancel, std::string_view name) override {
    return inner_.Delete(cancel, name);
  }

 private:
  objstore::Bucket& inner_;
};

TEST_F(FetcherTest, AShortListingDoesNotMakeKnownBlocksVanish) {
  for (int number = 1; number <= 3; ++number) {
    Put(MakeMeta(number));
  }
  ShortListBucket bucket(bucket_);
  for (const bool recursive : {false, true}) {
    bucket.hidden.clear();
    MetaFetcher fetcher({.cache_directory = "", .recursive_listing = recursive}, bucket, pool_,
                        telemetry::NullRegistry(), {});
    EXPECT_EQ(fetcher.Fetch({})->metas.size(), 3U);
    bucket.hidden = UlidOf(2).ToString();
    const auto again = fetcher.Fetch({});
    EXPECT_EQ(again->metas.size(), 3U);
    EXPECT_THAT(again->partial, IsEmpty());
  }
  // What is gone for good is forgotten, and is no unfinished upload either.
  MetaFetcher fetcher({}, bucket, pool_, telemetry::NullRegistry(), {});
  bucket.hidden.clear();
  EXPECT_EQ(fetcher.Fetch({})->metas.size(), 3U);
  ASSERT_TRUE(bucket_.Delete({}, MetaPath(UlidOf(2))).ok());
  const auto after = fetcher.Fetch({});
  EXPECT_EQ(after->metas.size(), 2U);
  EXPECT_THAT(after->partial, IsEmpty());
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
