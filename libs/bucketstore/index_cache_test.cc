#include "bucketstore/internal/index_cache.h"

#include <map>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace thanos::bucketstore {
namespace {

using internal::IndexCache;
using labels::Matcher;
using ::testing::HasSubstr;

const model::Ulid kBlock = model::Ulid::FromParts(1, 0, 1);
const model::Ulid kOther = model::Ulid::FromParts(1, 0, 2);

std::optional<index::Postings> FindOne(IndexCache& cache, const model::Ulid& block, index::PostingsKey key) {
  return cache.FindPostings({}, block, std::span(&key, 1))[0];
}

TEST(IndexCacheTest, FindsWhatWasPut) {
  const auto registry = telemetry::Registry::Create();
  IndexCache cache({}, *registry);
  cache.PutPostings(kBlock, {"job", "api"}, {1, 5, 9});
  cache.PutPostings(kBlock, {"job", "none"}, {});
  EXPECT_EQ(FindOne(cache, kBlock, {"job", "api"}), (index::Postings{1, 5, 9}));
  EXPECT_EQ(FindOne(cache, kBlock, {"job", "none"}), index::Postings());
  EXPECT_FALSE(FindOne(cache, kOther, {"job", "api"}));
  // Name and value do not run into each other.
  EXPECT_FALSE(FindOne(cache, kBlock, {"jobapi", ""}));
  EXPECT_FALSE(FindOne(cache, kBlock, {"jo", "bapi"}));

  const std::vector<Matcher> matchers = {Matcher::Equal("a", "1"), Matcher::NotEqual("b", "2")};
  cache.PutExpanded(kBlock, matchers, {7});
  EXPECT_EQ(cache.FindExpanded({}, kBlock, {matchers[1], matchers[0]}), (index::Postings{7}));
  EXPECT_FALSE(cache.FindExpanded({}, kBlock, {Matcher::Equal("a", "1"), Matcher::Equal("b", "2")}));

  cache.PutSeries(kBlock, 3, "entry");
  const std::vector<index::SeriesRef> refs = {2, 3};
  const auto series = cache.FindSeries({}, kBlock, refs);
  EXPECT_EQ(series[0].owner, nullptr);
  EXPECT_EQ(series[1].bytes, "entry");

  const std::string text = registry->Expose();
  EXPECT_THAT(
      text,
      HasSubstr(
          R"(thanos_store_index_cache_requests_total{item_type="Postings",tenant="default-tenant"} 5)"));
  EXPECT_THAT(
      text,
      HasSubstr(R"(thanos_store_index_cache_hits_total{item_type="Postings",tenant="default-tenant"} 2)"));
  EXPECT_THAT(
      text,
      HasSubstr(R"(thanos_store_index_cache_hits_total{item_type="Series",tenant="default-tenant"} 1)"));
  EXPECT_THAT(text, HasSubstr(R"(thanos_store_index_cache_items{item_type="ExpandedPostings"} 1)"));
  EXPECT_THAT(text, HasSubstr("thanos_store_index_cache_max_size_bytes 262144000"));
}

TEST(IndexCacheTest, KeepsOnlyEnabledItems) {
  IndexCache cache({.postings = false, .series = true, .expanded_postings = false},
                   telemetry::NullRegistry());
  cache.PutPostings(kBlock, {"a", "b"}, {1});
  cache.PutExpanded(kBlock, {Matcher::Equal("a", "1")}, {1});
  cache.PutSeries(kBlock, 1, "x");
  EXPECT_FALSE(FindOne(cache, kBlock, {"a", "b"}));
  EXPECT_FALSE(cache.FindExpanded({}, kBlock, {Matcher::Equal("a", "1")}));
  const std::vector<index::SeriesRef> refs = {1};
  EXPECT_NE(cache.FindSeries({}, kBlock, refs)[0].owner, nullptr);
}

TEST(IndexCacheTest, LargeListsAreNotCopied) {
  const auto registry = telemetry::Registry::Create();
  IndexCache cache({.max_bytes = 10'000, .max_item_bytes = 1'000}, *registry);
  cache.PutPostings(kBlock, {"a", "b"}, index::Postings(1'000, 7));
  EXPECT_FALSE(FindOne(cache, kBlock, {"a", "b"}));
  EXPECT_THAT(registry->Expose(),
              HasSubstr(R"(thanos_store_index_cache_items_overflowed_total{item_type="Postings"} 1)"));
}

std::string ErrorOf(std::string_view yaml) {
  return std::string(base::Message(ParseIndexCacheConfig(yaml).status()));
}

TEST(IndexCacheConfigTest, ReadsMemoryCaches) {
  const auto parsed = ParseIndexCacheConfig(R"(
type: in-memory
config:
  max_size: 2GB
  max_item_size: 1MB
enabled_items: [Postings, Series]
ttl: 12h
)");
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->max_bytes, int64_t{2} << 30);
  EXPECT_EQ(parsed->max_item_bytes, int64_t{1} << 20);
  EXPECT_TRUE(parsed->postings);
  EXPECT_TRUE(parsed->series);
  EXPECT_FALSE(parsed->expanded_postings);
  const auto defaults = ParseIndexCacheConfig("type: IN-MEMORY");
  ASSERT_TRUE(defaults.ok()) << defaults.status();
  EXPECT_EQ(defaults->max_bytes, IndexCacheConfig::kDefaultBytes);
  EXPECT_EQ(defaults->max_item_bytes, IndexCacheConfig::kDefaultItemBytes);
  EXPECT_EQ(ParseIndexCacheConfig("type: IN-MEMORY\nconfig: {max_size: 1MB}")->max_item_bytes, 1 << 20);
}

TEST(IndexCacheConfigTest, ReadsRemoteCaches) {
  const auto memcached = ParseIndexCacheConfig("type: MEMCACHED\nconfig: {addresses: [\"a:1\"]}\nttl: 1h");
  ASSERT_TRUE(memcached.ok()) << memcached.status();
  EXPECT_EQ(memcached->remote->addresses, std::vector<std::string>{"a:1"});
  EXPECT_EQ(memcached->ttl, std::chrono::hours(1));
  const auto redis = ParseIndexCacheConfig("type: REDIS\nconfig: {addr: \"a:1\"}\nenabled_items: [Series]");
  ASSERT_TRUE(redis.ok()) << redis.status();
  EXPECT_EQ(redis->remote->kind, cache::RemoteKind::kRedis);
  EXPECT_FALSE(redis->postings);
}

// A cache that keeps everything at once, and can return what was not asked for.
class FakeRemote final : public cache::Cache {
 public:
  std::string_view name() const override { return "fake"; }
  void Store(std::string_view key, base::SharedBytes value, base::Duration) override {
    items[std::string(key)] = std::move(value);
  }
  base::StringMap<base::SharedBytes> Fetch(const base::CancelToken&,
                                           std::span<const std::string> keys) override {
    base::StringMap<base::SharedBytes> found;
    for (const std::string& key : keys) {
      if (const auto item = items.find(key); item != items.end()) {
        found.emplace(key, mixed_up ? items.begin()->second : item->second);
      }
    }
    return found;
  }
  std::map<std::string, base::SharedBytes> items;
  bool mixed_up = false;
};

TEST(IndexCacheTest, KeepsEverythingOnOtherMachines) {
  const auto registry = telemetry::Registry::Create();
  auto owned = std::make_unique<FakeRemote>();
  FakeRemote& remote = *owned;
  IndexCache cache({}, *registry, std::move(owned));
  cache.PutPostings(kBlock, {"job", "api"}, {1, 5, 9, 4'000'000'000});
  cache.PutPostings(kBlock, {"job", "none"}, {});
  const std::vector<Matcher> matchers = {Matcher::Equal("a", "1")};
  cache.PutExpanded(kBlock, matchers, {7});
  cache.PutSeries(kBlock, 3, "entry");
  EXPECT_EQ(FindOne(cache, kBlock, {"job", "api"}), (index::Postings{1, 5, 9, 4'000'000'000}));
  EXPECT_EQ(FindOne(cache, kBlock, {"job", "none"}), index::Postings());
  EXPECT_FALSE(FindOne(cache, kOther, {"job", "api"}));
  EXPECT_EQ(cache.FindExpanded({}, kBlock, matchers), (index::Postings{7}));
  const std::vector<index::SeriesRef> refs = {2, 3};
  EXPECT_EQ(cache.FindSeries({}, kBlock, refs)[0].owner, nullptr);
  EXPECT_EQ(cache.FindSeries({}, kBlock, refs)[1].bytes, "entry");
  for (const auto& [key, value] : remote.items) {
    EXPECT_LE(key.size(), 100U);
  }
  // The value of another key, as after a collision of hashes, is no answer.
  remote.mixed_up = true;
  int found = FindOne(cache, kBlock, {"job", "api"}) ? 1 : 0;
  found += FindOne(cache, kBlock, {"job", "none"}) ? 1 : 0;
  found += cache.FindExpanded({}, kBlock, matchers) ? 1 : 0;
  EXPECT_LE(found, 1);
  // Nor is nonsense behind the right key.
  remote.mixed_up = false;
  for (auto& [key, value] : remote.items) {
    value = base::SharedBytes::FromString(std::string(value.bytes) + "x");
  }
  EXPECT_FALSE(FindOne(cache, kBlock, {"job", "api"}));
  EXPECT_FALSE(cache.FindExpanded({}, kBlock, matchers));
}

TEST(IndexCacheConfigTest, SaysWhatIsWrong) {
  EXPECT_THAT(ErrorOf("type: MEMCACHED\nconfig: {timeout: 1s}"),
              HasSubstr("no memcached addresses provided"));
  EXPECT_THAT(ErrorOf("type: MEMCACHED\nconfig: {addresses: [a:1], max_size: 1MB}"), HasSubstr("max_size"));
  EXPECT_THAT(ErrorOf("type: redis"), HasSubstr("no redis addr provided"));
  EXPECT_THAT(ErrorOf("type: disk"), HasSubstr("index cache with type disk is not supported"));
  EXPECT_THAT(ErrorOf("type: IN-MEMORY\nconfig: {max_size: 1MB, max_item_size: 2MB}"),
              HasSubstr("max item size (2097152) cannot be bigger than overall cache size (1048576)"));
  EXPECT_THAT(ErrorOf("type: IN-MEMORY\nconfig: {size: 1MB}"), HasSubstr("size"));
  EXPECT_THAT(ErrorOf("type: IN-MEMORY\nenabled_items: [Chunks]"), HasSubstr("unsupported item type Chunks"));
}

}  // namespace
}  // namespace thanos::bucketstore
