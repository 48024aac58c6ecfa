// Files of a filesystem bucket and of the data directory that are cut short while they are mapped.

#include <cstdlib>
#include <filesystem>
#include <unistd.h>

#include "block/test_block.h"
#include "bucketstore/bucket_store.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "objstore/factory.h"
#include "telemetry/log.h"

namespace thanos::bucketstore {
namespace {

using labels::Labels;
using labels::Matcher;
using ::testing::HasSubstr;

// Calls `after` when a range was read, and before its bytes are used.
class HookedBucket final : public objstore::Bucket {
 public:
  explicit HookedBucket(objstore::Bucket& inner) : inner_(inner) {}
  std::function<void(std::string_view name)> after = [](std::string_view) {};

  std::string_view provider() const override { return inner_.provider(); }
  std::string_view name() const override { return inner_.name(); }
  base::Status List(const base::CancelToken& cancel, std::string_view directory,
                    const objstore::ListOptions& options,
                    const std::function<base::Status(const objstore::ListEntry&)>& visit) override {
    return inner_.List(cancel, directory, options, visit);
  }
  base::StatusOr<base::SharedBytes> Get(const base::CancelToken& cancel, std::string_view name) override {
    return inner_.Get(cancel, name);
  }
  base::StatusOr<base::SharedBytes> GetRange(const base::CancelToken& cancel, std::string_view name,
                                             int64_t offset, int64_t length) override {
    auto bytes = inner_.GetRange(cancel, name, offset, length);
    after(name);
    return bytes;
  }
  base::StatusOr<bool> Exists(const base::CancelToken& cancel, std::string_view name) override {
    return inner_.Exists(cancel, name);
  }
  base::StatusOr<objstore::ObjectAttributes> Attributes(const base::CancelToken& cancel,
                                                        std::string_view name) override {
    return inner_.Attributes(cancel, name);
  }
  base::Status Upload(const base::CancelToken&, std::string_view, std::string_view) override {
    return base::Unimplemented("read only");
  }
  base::Status UploadFile(const base::CancelToken&, std::string_view, const std::string&) override {
    return base::Unimplemented("read only");
  }
  base::Status Delete(const base::CancelToken&, std::string_view) override {
    return base::Unimplemented("read only");
  }

 private:
  objstore::Bucket& inner_;
};

class TruncationTest : public ::testing::Test {
 protected:
  static constexpr size_t kNumSeries = 2'000;
  static constexpr off_t kKeptBytes = 5'000;

  void SetUp() override {
    telemetry::LogOptions log_options;
    log_options.level = telemetry::LogLevel::kError;
    telemetry::ConfigureLogging(log_options);
    directory_ = ::testing::TempDir() + "/truncation-XXXXXX";
    ASSERT_NE(mkdtemp(directory_.data()), nullptr);
    for (const model::Ulid& ulid : {kCut, kWhole}) {
      block::TestBlock test_block = {
          .ulid = ulid, .external_labels = Labels({{"block", ulid == kCut ? "cut" : "whole"}}), .series = {}};
      for (size_t i = 0; i < kNumSeries; ++i) {
        test_block.series.push_back(
            {Labels({{"__name__", "up"}, {"instance", "instance-number-" + std::to_string(10'000 + i)}}),
             block::Ramp(0, 60'000, 1000), 60});
      }
      ASSERT_TRUE(block::WriteTestBlock(directory_ + "/bucket", test_block).ok());
    }
    auto bucket = objstore::FromConfig("type: FILESYSTEM\nconfig:\n  directory: " + directory_ + "/bucket",
                                       telemetry::NullRegistry());
    ASSERT_TRUE(bucket.ok()) << bucket.status();
    bucket_ = *std::move(bucket);
    hooked_ = std::make_unique<HookedBucket>(*bucket_);
    fetcher_ = std::make_unique<block::MetaFetcher>(block::FetchOptions{}, *hooked_, pool_,
                                                    telemetry::NullRegistry(),
                                                    std::vector<std::unique_ptr<block::BlockFilter>>());
    Options options;
    options.data_directory = directory_ + "/data";
    options.index_cache.max_bytes = 0;
    auto store = BucketStore::Create(options, *hooked_, *fetcher_, pool_, telemetry::NullRegistry());
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
    ASSERT_TRUE(store_->Sync({}).ok());
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  void Truncate(const std::string& file) {
    ASSERT_EQ(truncate((directory_ + "/" + file).c_str(), kKeptBytes), 0);
  }
  struct Answer {
    size_t num_series = 0;
    std::vector<std::string> warnings;
  };
  Answer Query() {
    storeapi::SeriesRequest request;
    request.matchers = {Matcher::Equal("__name__", "up")};
    request.max_time_ms = 100'000;
    auto set = store_->Series({}, request);
    EXPECT_TRUE(set.ok()) << set.status();
    Answer answer;
    series::SeriesBatch batch;
    while (true) {
      const auto more = (*set)->Next({}, &batch);
      EXPECT_TRUE(more.ok()) << more.status();
      if (!more.ok() || !*more) {
        return answer;
      }
      answer.num_series += batch.series.size();
      for (const series::Series& series : batch.series) {
        EXPECT_EQ(series.labels.size(), 3U);
        EXPECT_TRUE(labels::Get(series.labels, "instance").starts_with("instance-number-1"));
      }
      answer.warnings.insert(answer.warnings.end(), batch.warnings.begin(), batch.warnings.end());
    }
  }
  void ExpectTheCutBlockIsMissing(const Answer& answer) {
    EXPECT_GE(answer.num_series, kNumSeries);
    EXPECT_LT(answer.num_series, 2 * kNumSeries);
    ASSERT_EQ(answer.warnings.size(), 1U);
    EXPECT_THAT(answer.warnings[0], HasSubstr(kCut.ToString()));
  }

  const model::Ulid kCut = model::Ulid::FromParts(1'000'000, 0, 1);
  const model::Ulid kWhole = model::Ulid::FromParts(1'000'000, 0, 2);
  std::string directory_;
  concurrency::ThreadPool pool_{"test", 2};
  std::unique_ptr<objstore::Bucket> bucket_;
  std::unique_ptr<HookedBucket> hooked_;
  std::unique_ptr<block::MetaFetcher> fetcher_;
  std::unique_ptr<BucketStore> store_;
};

TEST_F(TruncationTest, ChunksAreCutBetweenReadingAndUse) {
  const std::string file = kCut.ToString() + "/chunks/000001";
  ASSERT_EQ(Query().num_series, 2 * kNumSeries);
  hooked_->after = [&](std::string_view name) {
    if (name == file) {
      Truncate("bucket/" + file);
    }
  };
  ExpectTheCutBlockIsMissing(Query());
  hooked_->after = [](std::string_view) {};
  ExpectTheCutBlockIsMissing(Query());
}

TEST_F(TruncationTest, IndexIsCutBetweenReadingAndUse) {
  const std::string file = kCut.ToString() + "/index";
  ASSERT_EQ(Query().num_series, 2 * kNumSeries);
  hooked_->after = [&](std::string_view name) {
    if (name == file) {
      Truncate("bucket/" + file);
    }
  };
  ExpectTheCutBlockIsMissing(Query());
}

TEST_F(TruncationTest, IndexHeaderIsCutAndBuiltAgain) {
  const std::string header = "data/" + kCut.ToString() + "/index-header";
  Truncate(header);
  Answer answer = Query();
  EXPECT_EQ(answer.num_series, 2 * kNumSeries);
  EXPECT_TRUE(answer.warnings.empty());
  // In the middle of a request.
  hooked_->after = [&](std::string_view name) {
    if (name == kCut.ToString() + "/index") {
      Truncate(header);
    }
  };
  ExpectTheCutBlockIsMissing(Query());
  hooked_->after = [](std::string_view) {};
  answer = Query();
  EXPECT_EQ(answer.num_series, 2 * kNumSeries);
  EXPECT_TRUE(answer.warnings.empty());
}

TEST_F(TruncationTest, LabelCallsNoticeACutIndexHeader) {
  storeapi::LabelValuesRequest request;
  request.label = "instance";
  request.matchers = {Matcher::Equal("__name__", "up")};
  hooked_->after = [&](std::string_view name) {
    if (name == kCut.ToString() + "/index") {
      Truncate("data/" + kCut.ToString() + "/index-header");
    }
  };
  const auto answer = store_->LabelValues({}, request);
  ASSERT_TRUE(answer.ok()) << answer.status();
  ASSERT_EQ(answer->warnings.size(), 1U);
  EXPECT_THAT(answer->warnings[0], HasSubstr(kCut.ToString()));
  EXPECT_EQ(answer->values.size(), kNumSeries);
}

}  // namespace
}  // namespace thanos::bucketstore
