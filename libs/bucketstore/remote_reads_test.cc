// What a store asks of a bucket on other machines: how much at once, and what not twice.

#include <cstdlib>
#include <filesystem>
#include <set>

#include "block/test_block.h"
#include "bucketstore/bucket_store.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "objstore/fake.h"

namespace thanos::bucketstore {
namespace {

using block::Ramp;
using labels::Labels;
using labels::Matcher;
using objstore::BucketCall;

class RemoteReadsTest : public ::testing::Test {
 protected:
  static constexpr uint64_t kNumBlocks = 3;

  void SetUp() override {
    directory_ = ::testing::TempDir() + "/remote-reads-XXXXXX";
    ASSERT_NE(mkdtemp(directory_.data()), nullptr);
    std::filesystem::create_directory(directory_ + "/blocks");
    for (uint64_t i = 1; i <= kNumBlocks; ++i) {
      const block::TestBlock test_block = {
          .ulid = model::Ulid::FromParts(1'000'000, 0, i),
          .external_labels = Labels({{"block", std::to_string(i)}}),
          .series = {{Labels({{"__name__", "up"}, {"job", "x"}}), Ramp(0, 10'000, 1000), 4},
                     {Labels({{"__name__", "up"}, {"job", "y"}}), Ramp(0, 10'000, 1000), 120}}};
      ASSERT_TRUE(block::WriteTestBlock(directory_ + "/blocks", test_block).ok());
      ASSERT_TRUE(block::UploadTestBlock(bucket_, directory_ + "/blocks", test_block.ulid).ok());
    }
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  void Open(const Options& changes = {}) {
    Options options = changes;
    options.data_directory = directory_ + "/data";
    fetcher_ = std::make_unique<block::MetaFetcher>(block::FetchOptions{}, fault_bucket_, pool_,
                                                    telemetry::NullRegistry(),
                                                    std::vector<std::unique_ptr<block::BlockFilter>>());
    auto store = BucketStore::Create(options, fault_bucket_, *fetcher_, pool_, *registry_);
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
    const base::Status status = store_->Sync({});
    ASSERT_TRUE(status.ok()) << status;
    Forget();
  }

  // The number of series, or the error.
  std::string Query(const std::vector<Matcher>& matchers) {
    storeapi::SeriesRequest request;
    request.matchers = matchers;
    request.max_time_ms = 100'000;
    auto set = store_->Series({}, request);
    if (!set.ok()) {
      return std::string(base::Message(set.status()));
    }
    size_t num_series = 0;
    series::SeriesBatch batch;
    while (true) {
      const auto more = (*set)->Next({}, &batch);
      if (!more.ok()) {
        return std::string(base::Message(more.status()));
      }
      if (!*more) {
        return std::to_string(num_series);
      }
      EXPECT_TRUE(batch.warnings.empty()) << batch.warnings.front();
      num_series += batch.series.size();
    }
  }
  void Forget() {
    base::MutexLock lock(mutex_);
    num_index_reads_ = 0;
    num_chunk_reads_ = 0;
  }
  int index_reads() {
    base::MutexLock lock(mutex_);
    return num_index_reads_;
  }

  // With `rendezvous_` set, chunk reads wait until one of every block is under way.
  objstore::Fault OnCall(const BucketCall& call) {
    if (call.operation != BucketCall::Operation::kGetRange) {
      return {};
    }
    base::MutexLock lock(mutex_);
    if (call.name.ends_with("/index")) {
      ++num_index_reads_;
      return {};
    }
    ++num_chunk_reads_;
    if (rendezvous_) {
      most_chunk_reads_ = std::max(most_chunk_reads_, ++running_chunk_reads_);
      changed_.notify_all();
      changed_.wait_for(lock.native(), std::chrono::seconds(20), [this]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
        return most_chunk_reads_ >= static_cast<int>(kNumBlocks);
      });
      --running_chunk_reads_;
    }
    return {};
  }

  std::string directory_;
  objstore::MemoryBucket bucket_;
  objstore::FaultBucket fault_bucket_{bucket_, [this](const BucketCall& call) { return OnCall(call); }};
  concurrency::ThreadPool pool_{"reads", 8};
  const std::unique_ptr<telemetry::Registry> registry_ = telemetry::Registry::Create();
  std::unique_ptr<block::MetaFetcher> fetcher_;
  std::unique_ptr<BucketStore> store_;

  base::Mutex mutex_;
  std::condition_variable changed_;
  bool rendezvous_ = false;
  int num_index_reads_ ABSL_GUARDED_BY(mutex_) = 0;
  int num_chunk_reads_ ABSL_GUARDED_BY(mutex_) = 0;
  int running_chunk_reads_ ABSL_GUARDED_BY(mutex_) = 0;
  int most_chunk_reads_ ABSL_GUARDED_BY(mutex_) = 0;
};

TEST_F(RemoteReadsTest, FirstChunksOfAllBlocksAreReadAtOnce) {
  Open();
  rendezvous_ = true;
  EXPECT_EQ(Query({Matcher::Equal("__name__", "up")}), "6");
  base::MutexLock lock(mutex_);
  EXPECT_EQ(most_chunk_reads_, static_cast<int>(kNumBlocks));
  EXPECT_EQ(num_chunk_reads_, static_cast<int>(kNumBlocks));
}

TEST_F(RemoteReadsTest, IndexIsNotReadTwice) {
  Open();
  EXPECT_EQ(Query({Matcher::Equal("__name__", "up")}), "6");
  EXPECT_GT(index_reads(), 0);
  Forget();
  EXPECT_EQ(Query({Matcher::Equal("__name__", "up")}), "6");
  EXPECT_EQ(index_reads(), 0);
  // Other matchers over the same series: postings only.
  EXPECT_EQ(Query({Matcher::Equal("job", "x")}), "3");
  EXPECT_EQ(index_reads(), static_cast<int>(kNumBlocks));
}

TEST_F(RemoteReadsTest, CacheCanBeOff) {
  Options options;
  options.index_cache.max_bytes = 0;
  Open(options);
  EXPECT_EQ(Query({Matcher::Equal("job", "x")}), "3");
  const int first = index_reads();
  Forget();
  EXPECT_EQ(Query({Matcher::Equal("job", "x")}), "3");
  EXPECT_EQ(index_reads(), first);
}

TEST_F(RemoteReadsTest, LimitsHoldForCachedData) {
  Options options;
  options.limits.max_series = 5;
  Open(options);
  EXPECT_EQ(Query({Matcher::Equal("job", "x")}), "3");
  EXPECT_EQ(Query({Matcher::Equal("job", "x")}), "3");
  const std::string error = "exceeded series limit: limit 5 violated (got 6)";
  EXPECT_EQ(Query({Matcher::Equal("__name__", "up")}), error);
  EXPECT_EQ(Query({Matcher::Equal("__name__", "up")}), error);
}

TEST_F(RemoteReadsTest, CountsOncePerRequest) {
  Open();
  EXPECT_EQ(Query({Matcher::Equal("__name__", "up")}), "6");
  EXPECT_EQ(Query({Matcher::Equal("__name__", "up")}), "6");
  const std::string text = registry_->Expose();
  const std::string labels = R"({data_type="series",tenant="default-tenant"})";
  EXPECT_THAT(text, ::testing::HasSubstr("thanos_bucket_store_series_data_touched_sum" + labels + " 12"));
  EXPECT_THAT(text, ::testing::HasSubstr("thanos_bucket_store_series_data_touched_count" + labels + " 2"));
  EXPECT_THAT(text, ::testing::HasSubstr("thanos_bucket_store_series_data_fetched_sum" + labels + " 6"));
}

}  // namespace
}  // namespace thanos::bucketstore
