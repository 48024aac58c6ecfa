#include "storeapi/shard.h"

#include <cstdint>
#include <gtest/gtest.h>

#include "base/hash.h"

namespace thanos::storeapi {
namespace {

TEST(ShardMatcherTest, EverySeriesBelongsToExactlyOneShard) {
  for (const bool by : {false, true}) {
    for (int i = 0; i < 50; ++i) {
      const std::string pod = base::Concat("pod-", i);
      const labels::Labels labels({{"__name__", "up"}, {"pod", pod}});
      int owners = 0;
      for (int64_t shard = 0; shard < 3; ++shard) {
        ShardMatcher matcher({.shard_index = shard, .total_shards = 3, .by = by, .labels = {"pod"}});
        owners += matcher.Matches(labels) ? 1 : 0;
      }
      EXPECT_EQ(owners, 1);
    }
  }
}

TEST(ShardMatcherTest, HashesNamesAndValuesWithSeparators) {
  const labels::Labels labels({{"__name__", "up"}, {"pod", "p"}, {"zone", "z"}});
  const uint64_t by_hash = base::XxHash64("pod\xffp\xff");
  const uint64_t without_hash = base::XxHash64("__name__\xffup\xffzone\xffz\xff");
  for (uint64_t shard = 0; shard < 7; ++shard) {
    ShardInfo info{
        .shard_index = static_cast<int64_t>(shard), .total_shards = 7, .by = true, .labels = {"pod"}};
    EXPECT_EQ(ShardMatcher(info).Matches(labels), by_hash % 7 == shard);
    info.by = false;
    EXPECT_EQ(ShardMatcher(info).Matches(labels), without_hash % 7 == shard);
  }
}

TEST(ShardMatcherTest, NoShardsMeansEverything) {
  ShardMatcher matcher({});
  const labels::Labels labels({{"a", "1"}});
  EXPECT_FALSE(matcher.active());
  EXPECT_TRUE(matcher.Matches(labels));
}

}  // namespace
}  // namespace thanos::storeapi
