#include "cache/lru.h"

#include <thread>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace thanos::cache {
namespace {

class LruCacheTest : public ::testing::Test {
 protected:
  LruInstruments Instruments(const std::string& kind) {
    const telemetry::MetricLabels labels = {{"kind", kind}};
    return {registry_->AddGauge("items", "", labels),     registry_->AddGauge("values", "", labels),
            registry_->AddGauge("total", "", labels),     registry_->AddCounter("added", "", labels),
            registry_->AddCounter("evicted", "", labels), registry_->AddCounter("overflowed", "", labels)};
  }
  static base::SharedBytes Bytes(size_t size, char fill = 'x') {
    return base::SharedBytes::FromString(std::string(size, fill));
  }
  const std::unique_ptr<telemetry::Registry> registry_ = telemetry::Registry::Create();
  const LruInstruments first_ = Instruments("a");
  const LruInstruments second_ = Instruments("b");
};

TEST_F(LruCacheTest, EvictsLeastRecentlyUsed) {
  LruCache cache({.max_bytes = 10'000, .max_item_bytes = 5'000}, {first_, second_});
  EXPECT_TRUE(cache.Add(0, "one", Bytes(3'000, '1')));
  EXPECT_TRUE(cache.Add(1, "two", Bytes(3'000, '2')));
  EXPECT_TRUE(cache.Add(0, "three", Bytes(3'000, '3')));
  const auto one = cache.Find("one");  // now the oldest is "two"
  ASSERT_TRUE(one);
  EXPECT_TRUE(cache.Add(0, "four", Bytes(3'000, '4')));
  EXPECT_FALSE(cache.Find("two"));
  EXPECT_TRUE(cache.Find("one"));
  EXPECT_TRUE(cache.Find("three"));
  EXPECT_TRUE(cache.Find("four"));
  EXPECT_LE(cache.size_bytes(), 10'000);
  EXPECT_EQ(first_.items.Value(), 3);
  EXPECT_EQ(first_.value_bytes.Value(), 9'000);
  EXPECT_EQ(first_.added.Value(), 3);
  EXPECT_EQ(first_.evicted.Value(), 0);
  EXPECT_EQ(second_.items.Value(), 0);
  EXPECT_EQ(second_.total_bytes.Value(), 0);
  EXPECT_EQ(second_.evicted.Value(), 1);
}

TEST_F(LruCacheTest, RefusesWhatIsTooLarge) {
  LruCache cache({.max_bytes = 10'000, .max_item_bytes = 5'000}, {first_});
  EXPECT_FALSE(cache.Add(0, "large", Bytes(5'000)));
  EXPECT_EQ(first_.overflowed.Value(), 1);
  EXPECT_EQ(cache.size_bytes(), 0);
  LruCache off({}, {first_});
  EXPECT_FALSE(off.Add(0, "any", Bytes(0)));
}

TEST_F(LruCacheTest, FirstValueOfAKeyStays) {
  LruCache cache({.max_bytes = 10'000, .max_item_bytes = 10'000}, {first_});
  EXPECT_TRUE(cache.Add(0, "key", Bytes(1, 'a')));
  EXPECT_FALSE(cache.Add(0, "key", Bytes(1, 'b')));
  EXPECT_EQ(cache.Find("key")->value.bytes, "a");
  cache.Remove("key");
  cache.Remove("key");
  EXPECT_FALSE(cache.Find("key"));
  EXPECT_EQ(cache.size_bytes(), 0);
}

TEST_F(LruCacheTest, ValuesOutliveEviction) {
  LruCache cache({.max_bytes = 1'000, .max_item_bytes = 1'000}, {first_});
  ASSERT_TRUE(cache.Add(0, "a", Bytes(500, 'a')));
  const auto held = cache.Find("a");
  ASSERT_TRUE(cache.Add(0, "b", Bytes(500, 'b')));
  EXPECT_FALSE(cache.Find("a"));
  EXPECT_EQ(held->value.bytes, std::string(500, 'a'));
}

TEST_F(LruCacheTest, StaysWithinTheLimitUnderThreads) {
  LruCache cache({.max_bytes = 50'000, .max_item_bytes = 50'000}, {first_, second_});
  std::vector<std::thread> threads;
  for (size_t t = 0; t < 4; ++t) {
    threads.emplace_back([&cache, t] {
      for (size_t i = 0; i < 2'000; ++i) {
        const std::string key = std::to_string((i * (t + 1)) % 300);
        if (const auto found = cache.Find(key)) {
          ASSERT_EQ(found->value.bytes, std::string(key.size() * 100, key[0]));
        } else {
          cache.Add(t % 2, key, base::SharedBytes::FromString(std::string(key.size() * 100, key[0])));
        }
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_LE(cache.size_bytes(), 50'000);
  EXPECT_EQ(first_.total_bytes.Value() + second_.total_bytes.Value(),
            static_cast<double>(cache.size_bytes()));
  EXPECT_GT(first_.evicted.Value(), 0);
}

}  // namespace
}  // namespace thanos::cache
