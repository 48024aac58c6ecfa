#include "bucketstore/internal/lazy_postings.h"

#include <cstdlib>
#include <filesystem>

#include "block/test_block.h"
#include "bucketstore/bucket_store.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "objstore/fake.h"

namespace thanos::bucketstore {
namespace {

using labels::Labels;
using labels::Matcher;
using ::testing::HasSubstr;

class LazyPostingsTest : public ::testing::Test {
 protected:
  static constexpr int kNumSeries = 1000;

  // Series of two metrics in 1000 instances, one of which has a label of its own.
  void SetUp() override {
    directory_ = ::testing::TempDir() + "/lazy-postings-XXXXXX";
    ASSERT_NE(mkdtemp(directory_.data()), nullptr);
    block::TestBlock test_block = {.ulid = model::Ulid::FromParts(1'000'000, 0, 1),
                                   .external_labels = Labels({{"a", "b"}}),
                                   .series = {}};
    for (int i = 0; i < kNumSeries; ++i) {
      const std::string instance = "i" + std::to_string(1000 + i);
      test_block.series.push_back({i == 7 ? Labels({{"instance", instance}, {"job", "x"}, {"rare", "yes"}})
                                          : Labels({{"instance", instance}, {"job", "x"}}),
                                   block::Ramp(0, 3'000, 1000), 120});
    }
    ASSERT_TRUE(block::WriteTestBlock(directory_, test_block).ok());
    ASSERT_TRUE(block::UploadTestBlock(bucket_, directory_, test_block.ulid).ok());
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  void Open(Options options) {
    options.data_directory = directory_ + "/data";
    registry_ = telemetry::Registry::Create();
    fetcher_ =
        std::make_unique<block::MetaFetcher>(block::FetchOptions{}, bucket_, pool_, telemetry::NullRegistry(),
                                             std::vector<std::unique_ptr<block::BlockFilter>>());
    auto store = BucketStore::Create(options, bucket_, *fetcher_, pool_, *registry_);
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
    ASSERT_TRUE(store_->Sync({}).ok());
  }
  // The label sets of the answer, or the error.
  std::vector<std::string> Query(std::vector<Matcher> matchers, std::vector<std::string> without = {}) {
    storeapi::SeriesRequest request;
    request.matchers = std::move(matchers);
    request.max_time_ms = 100'000;
    request.without_replica_labels = std::move(without);
    auto set = store_->Series({}, request);
    EXPECT_TRUE(set.ok()) << set.status();
    std::vector<std::string> answer;
    series::SeriesBatch batch;
    while (true) {
      const auto more = (*set)->Next({}, &batch);
      if (!more.ok()) {
        return {std::string(base::Message(more.status()))};
      }
      if (!*more) {
        return answer;
      }
      EXPECT_TRUE(batch.warnings.empty());
      for (const series::Series& series : batch.series) {
        answer.push_back(labels::ToString(series.labels));
      }
    }
  }

  std::string directory_;
  objstore::MemoryBucket bucket_;
  concurrency::ThreadPool pool_{"test", 2};
  std::unique_ptr<telemetry::Registry> registry_;
  std::unique_ptr<block::MetaFetcher> fetcher_;
  std::unique_ptr<BucketStore> store_;
};

TEST_F(LazyPostingsTest, AnswersAreTheSame) {
  const std::vector<std::vector<Matcher>> queries = {
      {Matcher::Equal("rare", "yes"), Matcher::Equal("job", "x")},
      {Matcher::Equal("rare", "yes"), *Matcher::Create(labels::MatchType::kRegexp, "instance", "i1.*7")},
      {Matcher::Equal("rare", "yes"), *Matcher::Create(labels::MatchType::kNotRegexp, "instance", "i1.*7")},
      {Matcher::Equal("rare", "yes"), Matcher::NotEqual("job", "x")},
      {Matcher::Equal("job", "x"), *Matcher::Create(labels::MatchType::kRegexp, "instance", "i1.*7")},
      {Matcher::NotEqual("instance", "i1003"),
       *Matcher::Create(labels::MatchType::kRegexp, "instance", "i100.")},
  };
  std::vector<std::vector<std::string>> want;
  for (const bool lazy : {false, true}) {
    Options options;
    options.lazy_expanded_postings = lazy;
    Open(options);
    for (size_t i = 0; i < queries.size(); ++i) {
      for (int round = 0; round < 2; ++round) {  // the second with a filled cache
        const auto got = Query(queries[i]);
        if (!lazy && round == 0) {
          want.push_back(got);
        }
        EXPECT_EQ(got, want[i]) << i;
        EXPECT_EQ(Query(queries[i], {"rare"}).size(), want[i].size()) << i;  // sorted again
      }
    }
  }
  EXPECT_EQ(want[0].size(), 1U);
  EXPECT_EQ(want[4].size(), 100U);
  const std::string text = registry_->Expose();
  EXPECT_THAT(text, HasSubstr("lazy_expanded_posting_groups_total{reason=\"postings_size\"} "));
  EXPECT_THAT(text, ::testing::Not(HasSubstr("lazy_expanded_postings_total 0")));
}

TEST_F(LazyPostingsTest, ManyKeysAreLazy) {
  Options options;
  options.lazy_expanded_postings = true;
  options.posting_group_max_key_series_ratio = 0.5;
  Open(options);
  EXPECT_EQ(Query({Matcher::Equal("rare", "yes"),
                   *Matcher::Create(labels::MatchType::kRegexp, "instance", "i1007|i1008")})
                .size(),
            1U);
  EXPECT_THAT(registry_->Expose(), HasSubstr("lazy_expanded_posting_groups_total{reason=\"keys_limit\"} 1"));
}

TEST_F(LazyPostingsTest, ChunkPoolBoundsWhatRequestsHold) {
  Options options;
  options.chunk_pool_bytes = 100;
  Open(options);
  const auto answer = Query({Matcher::Equal("job", "x")});
  ASSERT_EQ(answer.size(), 1U);
  EXPECT_THAT(answer[0], HasSubstr("chunk pool exhausted"));
  options.chunk_pool_bytes = 1 << 20;
  Open(options);
  for (int i = 0; i < 100; ++i) {
    ASSERT_EQ(Query({Matcher::Equal("job", "x")}).size(), size_t{kNumSeries})
        << "what was taken is given back";
  }
}

}  // namespace
}  // namespace thanos::bucketstore
