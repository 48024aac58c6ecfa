#include "bucketstore/caching_bucket.h"

#include <random>

#include "base/strings.h"
#include "cache/memory_cache.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "objstore/fake.h"

namespace thanos::bucketstore {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Operation = objstore::BucketCall::Operation;

constexpr std::string_view kBlock = "01HZZZZZZZZZZZZZZZZZZZZZZZ";

class CachingBucketTest : public ::testing::Test {
 protected:
  CachingBucketTest()
      : counted_(inner_, [this](const objstore::BucketCall& call) {
          ++calls_[call.operation];
          return fault_;
        }) {}

  CachingBucket& Bucket(CachingBucketConfig config = {}) {
    cache_ = std::make_unique<cache::MemoryCache>("test", config.memory, clock_, *metrics_);
    bucket_ = std::make_unique<CachingBucket>(config, counted_, *cache_, pool_, *metrics_);
    return *bucket_;
  }
  static std::string Name(std::string_view file) { return base::Concat(kBlock, '/', file); }
  std::vector<std::string> Root(objstore::Bucket& bucket) {
    std::vector<std::string> names;
    EXPECT_TRUE(bucket
                    .List({}, "", {},
                          [&](const objstore::ListEntry& entry) {
                            names.push_back(entry.name);
                            return base::OkStatus();
                          })
                    .ok());
    return names;
  }

  objstore::MemoryBucket inner_;
  std::map<Operation, int> calls_;
  objstore::Fault fault_;
  objstore::FaultBucket counted_;
  base::FakeClock clock_{1'000'000};
  const std::unique_ptr<telemetry::Registry> metrics_ = telemetry::Registry::Create();
  concurrency::ThreadPool pool_{"test", 1};
  std::unique_ptr<cache::MemoryCache> cache_;
  std::unique_ptr<CachingBucket> bucket_;
};

TEST_F(CachingBucketTest, KeepsMetaFilesForTheirTime) {
  CachingBucket& bucket = Bucket();
  ASSERT_TRUE(inner_.Upload({}, Name("meta.json"), "{}").ok());
  EXPECT_EQ(bucket.Get({}, Name("meta.json"))->bytes, "{}");
  EXPECT_EQ(bucket.Get({}, Name("meta.json"))->bytes, "{}");
  EXPECT_TRUE(*bucket.Exists({}, Name("meta.json")));
  EXPECT_EQ(calls_[Operation::kGet], 1);
  EXPECT_EQ(calls_[Operation::kExists], 0);

  const auto absent = bucket.Get({}, Name("deletion-mark.json"));
  EXPECT_EQ(absent.status().code(), base::StatusCode::kNotFound);
  ASSERT_TRUE(inner_.Upload({}, Name("deletion-mark.json"), "mark").ok());
  EXPECT_FALSE(bucket.Get({}, Name("deletion-mark.json")).ok());
  EXPECT_FALSE(*bucket.Exists({}, Name("deletion-mark.json")));
  EXPECT_EQ(calls_[Operation::kGet], 2);
  clock_.Advance(15 * 60 * 1000);
  EXPECT_EQ(bucket.Get({}, Name("deletion-mark.json"))->bytes, "mark");
  EXPECT_TRUE(*bucket.Exists({}, Name("deletion-mark.json")));
}

TEST_F(CachingBucketTest, KeepsListingsOfTheRoot) {
  CachingBucket& bucket = Bucket();
  ASSERT_TRUE(inner_.Upload({}, Name("meta.json"), "{}").ok());
  EXPECT_THAT(Root(bucket), ElementsAre(base::Concat(kBlock, '/')));
  ASSERT_TRUE(inner_.Upload({}, "other/meta.json", "{}").ok());
  EXPECT_THAT(Root(bucket), ElementsAre(base::Concat(kBlock, '/')));
  EXPECT_EQ(calls_[Operation::kList], 1);
  clock_.Advance(5 * 60 * 1000);
  EXPECT_THAT(Root(bucket), ElementsAre(base::Concat(kBlock, '/'), "other/"));
}

TEST_F(CachingBucketTest, TroubleIsNotKept) {
  CachingBucket& bucket = Bucket();
  ASSERT_TRUE(inner_.Upload({}, Name("meta.json"), "{}").ok());
  ASSERT_TRUE(inner_.Upload({}, Name("chunks/000001"), std::string(100'000, 'x')).ok());
  fault_.error = base::Unavailable("down");
  EXPECT_FALSE(bucket.Get({}, Name("meta.json")).ok());
  EXPECT_FALSE(bucket.Exists({}, Name("meta.json")).ok());
  EXPECT_FALSE(bucket.Attributes({}, Name("chunks/000001")).ok());
  EXPECT_FALSE(bucket.GetRange({}, Name("chunks/000001"), 0, 10).ok());
  EXPECT_FALSE(bucket.List({}, "", {}, [](const auto&) { return base::OkStatus(); }).ok());
  fault_ = {};
  EXPECT_TRUE(bucket.Get({}, Name("meta.json")).ok());
  EXPECT_EQ(Root(bucket).size(), 1U);
  fault_.cut_to_bytes = 5;
  EXPECT_FALSE(bucket.GetRange({}, Name("chunks/000001"), 0, 10).ok());
  fault_ = {};
  EXPECT_EQ(bucket.GetRange({}, Name("chunks/000001"), 0, 10)->bytes, std::string(10, 'x'));
}

TEST_F(CachingBucketTest, RangesOfChunkFilesAreRight) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE(base::Concat("seed ", seed));
  std::mt19937 random(seed);
  std::string content(100'000, 0);
  for (char& c : content) {
    c = static_cast<char>(random());
  }
  ASSERT_TRUE(inner_.Upload({}, Name("chunks/000001"), content).ok());
  // Small enough for evictions.
  CachingBucket& bucket = Bucket({.memory = {.max_bytes = 20'000, .max_item_bytes = 20'000},
                                  .chunk_subrange_bytes = 1'000,
                                  .max_chunk_reads = 2});
  for (int i = 0; i < 500; ++i) {
    const size_t offset = random() % content.size();
    const size_t length = 1 + random() % std::min<size_t>(content.size() - offset, 30'000);
    const auto bytes = bucket.GetRange({}, Name("chunks/000001"), static_cast<int64_t>(offset),
                                       static_cast<int64_t>(length));
    ASSERT_TRUE(bytes.ok()) << bytes.status();
    ASSERT_EQ(bytes->bytes, std::string_view(content).substr(offset, length));
  }
  EXPECT_LT(calls_[Operation::kAttributes], 500);
  EXPECT_FALSE(bucket.GetRange({}, Name("chunks/000001"), 99'999, 2).ok());
}

TEST_F(CachingBucketTest, MissingPiecesTakeFewReads) {
  ASSERT_TRUE(inner_.Upload({}, Name("chunks/000001"), std::string(100'000, 'x')).ok());
  CachingBucket& bucket = Bucket({.chunk_subrange_bytes = 1'000, .max_chunk_reads = 3});
  for (int64_t piece = 1; piece < 20; piece += 2) {
    ASSERT_TRUE(bucket.GetRange({}, Name("chunks/000001"), piece * 1'000, 500).ok());
  }
  EXPECT_EQ(calls_[Operation::kGetRange], 10);
  ASSERT_TRUE(bucket.GetRange({}, Name("chunks/000001"), 0, 20'000).ok());
  EXPECT_EQ(calls_[Operation::kGetRange], 13);
  ASSERT_TRUE(bucket.GetRange({}, Name("chunks/000001"), 100, 19'000).ok());
  EXPECT_EQ(calls_[Operation::kGetRange], 13) << "all of it is there";
  const std::string text = metrics_->Expose();
  EXPECT_THAT(text, HasSubstr(R"(getrange_requested_bytes_total{config="chunks"} 44000)"));
  EXPECT_THAT(text, HasSubstr(R"(operation_requests_total{config="chunks",operation="getrange"})"));
}

TEST_F(CachingBucketTest, IndexFilesArePassedOn) {
  ASSERT_TRUE(inner_.Upload({}, Name("index"), std::string(100, 'x')).ok());
  CachingBucket& bucket = Bucket();
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(bucket.GetRange({}, Name("index"), 0, 10).ok());
    EXPECT_TRUE(bucket.Get({}, Name("index")).ok());
    EXPECT_TRUE(bucket.Attributes({}, Name("index")).ok());
  }
  EXPECT_EQ(calls_[Operation::kGetRange], 3);
  EXPECT_EQ(calls_[Operation::kGet], 3);
  EXPECT_EQ(calls_[Operation::kAttributes], 3);
}

TEST(CachingBucketConfigTest, ReadsAllKeys) {
  const auto config = ParseCachingBucketConfig(R"(
type: MEMCACHED
config:
  addresses: ["cache:11211"]
  max_item_size: 2MiB
chunk_subrange_size: 32000
max_chunks_get_range_requests: 5
metafile_max_size: 2MiB
chunk_object_attrs_ttl: 1h
chunk_subrange_ttl: 2h
blocks_iter_ttl: 3m
metafile_exists_ttl: 4h
metafile_doesnt_exist_ttl: 5m
metafile_content_ttl: 6h
)");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->remote->addresses, std::vector<std::string>{"cache:11211"});
  EXPECT_EQ(config->chunk_subrange_bytes, 32'000);
  EXPECT_EQ(config->max_chunk_reads, 5);
  EXPECT_EQ(config->max_meta_bytes, 2 << 20);
  EXPECT_EQ(config->meta_content_ttl, std::chrono::hours(6));
  EXPECT_EQ(config->blocks_listing_ttl, std::chrono::minutes(3));
  const auto memory =
      ParseCachingBucketConfig("type: in-memory\nconfig: {max_size: 10MB, max_item_size: 1MB}");
  ASSERT_TRUE(memory.ok()) << memory.status();
  EXPECT_EQ(memory->memory.max_item_bytes, 1 << 20);
  for (const char* wrong : {"type: disk", "type: GROUPCACHE\nconfig: {groupcache_group: g}",
                            "type: MEMCACHED", "type: IN-MEMORY\nconfig: {max_size: 1MB, max_item_size: 2MB}",
                            "type: IN-MEMORY\nunknown: 1", "type: IN-MEMORY\nchunk_subrange_size: 0"}) {
    EXPECT_FALSE(ParseCachingBucketConfig(wrong).ok()) << wrong;
  }
}

}  // namespace
}  // namespace thanos::bucketstore
