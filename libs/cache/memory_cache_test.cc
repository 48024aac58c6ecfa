#include "cache/memory_cache.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace thanos::cache {
namespace {

using ::testing::HasSubstr;

TEST(MemoryCacheTest, KeepsUntilExpired) {
  const auto registry = telemetry::Registry::Create();
  base::FakeClock clock(1'000'000);
  MemoryCache cache("test", {.max_bytes = 100'000, .max_item_bytes = 10'000}, clock, *registry);
  cache.Store("a", base::SharedBytes::FromString("1"), std::chrono::seconds(10));
  cache.Store("b", base::SharedBytes::FromString("2"), std::chrono::seconds(20));
  cache.Store("never", base::SharedBytes::FromString("3"), base::Duration(0));
  const std::vector<std::string> keys = {"a", "b", "c", "never"};
  auto found = cache.Fetch({}, keys);
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found.at("a").bytes, "1");
  EXPECT_EQ(found.at("b").bytes, "2");
  clock.Advance(10'000);
  found = cache.Fetch({}, keys);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found.at("b").bytes, "2");
  // An expired value gives way to a new one.
  clock.Advance(10'000);
  cache.Store("b", base::SharedBytes::FromString("4"), std::chrono::seconds(10));
  EXPECT_EQ(cache.Fetch({}, keys).at("b").bytes, "4");
  const std::string text = registry->Expose();
  EXPECT_THAT(text, HasSubstr(R"(thanos_cache_inmemory_requests_total{name="test"} 12)"));
  EXPECT_THAT(text, HasSubstr(R"(thanos_cache_inmemory_hits_total{name="test"} 4)"));
  EXPECT_THAT(text, HasSubstr(R"(thanos_cache_inmemory_hits_on_expired_data_total{name="test"} 1)"));
  EXPECT_THAT(text, HasSubstr(R"(thanos_cache_inmemory_max_item_size_bytes{name="test"} 10000)"));
}

}  // namespace
}  // namespace thanos::cache
