#include "hashring/hashring.h"

#include <gtest/gtest.h>
#include <map>
#include <set>

namespace thanos::hashring {
namespace {

using labels::Labels;

RingConfig MakeConfig(int num_endpoints, std::vector<std::string> zones = {}) {
  RingConfig config;
  for (int i = 0; i < num_endpoints; ++i) {
    config.endpoints.push_back(
        {base::Concat("node-", i + 1), "", zones.empty() ? "" : zones[static_cast<size_t>(i)]});
  }
  return config;
}

std::unique_ptr<Hashring> MakeHashring(RingConfig config, Algorithm algorithm, size_t replication_factor) {
  auto hashring = Hashring::Create({std::move(config)}, algorithm, replication_factor);
  EXPECT_TRUE(hashring.ok()) << hashring.status();
  return *std::move(hashring);
}

// The numbers of the nodes of a series, as a text.
std::string NodesOf(const Ring& ring, uint64_t hash, size_t num_replicas) {
  std::string out;
  for (size_t n = 0; n < num_replicas; ++n) {
    out += ring.endpoints()[ring.Find(hash, n)].address.substr(5);
  }
  return out;
}

uint64_t HashOf(int i) {
  return SeriesHash("t", Labels({{"i", base::Concat(i)}}));
}

// Expected values below come from a program of its own: xxhash64, the sections and the walk written out
// plainly.
TEST(SeriesHashTest, IsThatOfThanos) {
  EXPECT_EQ(SeriesHash("default-tenant",
                       Labels({{"__name__", "up"}, {"instance", "localhost:9090"}, {"job", "prometheus"}})),
            0xcb7a3eb434a9984cU);
  EXPECT_EQ(SeriesHash("", {}), 0x95634172a60b7544U);
  // In the order received, not sorted.
  const labels::LabelView unsorted[] = {{"foo", "bar"}, {"baz", "qux"}};
  EXPECT_EQ(SeriesHash("a", unsorted), 0x4b3a1b666e1f415bU);
}

TEST(HashmodTest, PlacesByRemainderOverSortedEndpoints) {
  RingConfig config;
  config.endpoints = {{"node-3", "", ""}, {"node-1", "", ""}, {"node-2", "", ""}};
  const auto hashring = MakeHashring(config, Algorithm::kHashmod, 1);
  const auto ring = *hashring->RingOf("t");
  constexpr int kRemainders[] = {2, 1, 1, 1, 1, 2, 1, 2, 2, 0, 2, 0};
  for (int i = 0; i < 12; ++i) {
    const int first = kRemainders[i];
    EXPECT_EQ(NodesOf(*ring, HashOf(i), 3),
              base::Concat(first + 1, (first + 1) % 3 + 1, (first + 2) % 3 + 1));
  }
  EXPECT_EQ(ring->num_replicas(), 3U);
}

TEST(KetamaTest, PlacesReplicasLikeThanos) {
  const auto hashring = MakeHashring(MakeConfig(4), Algorithm::kKetama, 3);
  const auto ring = *hashring->RingOf("t");
  constexpr std::string_view kWant[] = {"231", "324", "234", "143", "342", "421",
                                        "241", "134", "324", "132", "324", "123"};
  for (int i = 0; i < 12; ++i) {
    EXPECT_EQ(NodesOf(*ring, HashOf(i), 3), kWant[i]) << i;
  }
}

TEST(KetamaTest, SpreadsReplicasOverZonesLikeThanos) {
  const auto hashring = MakeHashring(MakeConfig(6, {"a", "a", "b", "b", "c", "c"}), Algorithm::kKetama, 4);
  const auto ring = *hashring->RingOf("t");
  constexpr std::string_view kWant[] = {"2356", "3264", "2356", "6145", "5324", "4521",
                                        "2541", "1365", "3264", "1362", "3256", "1534"};
  for (int i = 0; i < 12; ++i) {
    EXPECT_EQ(NodesOf(*ring, HashOf(i), 4), kWant[i]) << i;
  }
}

TEST(KetamaTest, SharesSeriesEvenly) {
  const auto hashring = MakeHashring(MakeConfig(5), Algorithm::kKetama, 2);
  const auto ring = *hashring->RingOf("t");
  constexpr int kSeries = 50'000;
  std::map<size_t, int> shares;
  for (int i = 0; i < kSeries; ++i) {
    ++shares[ring->Find(HashOf(i), 0)];
    EXPECT_NE(ring->Find(HashOf(i), 0), ring->Find(HashOf(i), 1));
  }
  for (const auto& [endpoint, count] : shares) {
    EXPECT_NEAR(count, kSeries / 5, kSeries / 50) << endpoint;
  }
}

TEST(KetamaTest, ANewEndpointTakesItsShareAndMovesNothingElse) {
  const auto before = MakeHashring(MakeConfig(5), Algorithm::kKetama, 1);
  const auto after = MakeHashring(MakeConfig(6), Algorithm::kKetama, 1);
  const auto old_ring = *before->RingOf("t");
  const auto new_ring = *after->RingOf("t");
  constexpr int kSeries = 20'000;
  int moved = 0;
  for (int i = 0; i < kSeries; ++i) {
    const std::string was = NodesOf(*old_ring, HashOf(i), 1);
    const std::string is = NodesOf(*new_ring, HashOf(i), 1);
    if (was != is) {
      ++moved;
      EXPECT_EQ(is, "6");
    }
  }
  EXPECT_NEAR(moved, kSeries / 6, kSeries / 30);
}

TEST(KetamaTest, RefusesTooFewEndpointsAndZonesThatCannotBeSpread) {
  EXPECT_FALSE(Hashring::Create({MakeConfig(2)}, Algorithm::kKetama, 3).ok());
  // The walk of the original would never end here.
  const auto uneven = Hashring::Create({MakeConfig(4, {"a", "b", "b", "b"})}, Algorithm::kKetama, 4);
  EXPECT_EQ(uneven.status().code(), base::StatusCode::kInvalidArgument);
}

TEST(HashmodTest, RefusesZonesAndShards) {
  EXPECT_FALSE(Hashring::Create({MakeConfig(2, {"a", "b"})}, Algorithm::kHashmod, 1).ok());
  RingConfig config = MakeConfig(3);
  config.shuffle_sharding.shard_size = 2;
  EXPECT_FALSE(Hashring::Create({config}, Algorithm::kHashmod, 1).ok());
}

TEST(MultiTest, TheFirstMatchWins) {
  RingConfig exact = MakeConfig(1);
  exact.tenants = {"a", "b*"};
  RingConfig glob = MakeConfig(2);
  glob.tenants = {"team-*"};
  glob.matcher = TenantMatcher::kGlob;
  auto without_default = *Hashring::Create({exact, glob}, Algorithm::kHashmod, 1);
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(*without_default->ConfigIndexOf("a"), 0U);
    EXPECT_EQ(*without_default->ConfigIndexOf("team-x"), 1U);
    EXPECT_EQ(without_default->ConfigIndexOf("team-x/y").status().code(), base::StatusCode::kNotFound);
    EXPECT_EQ(without_default->RingOf("bb").status().code(), base::StatusCode::kNotFound);
  }
  auto with_default = *Hashring::Create({exact, MakeConfig(3), glob}, Algorithm::kHashmod, 1);
  EXPECT_EQ(*with_default->ConfigIndexOf("team-x"), 1U);
  EXPECT_EQ((*with_default->RingOf("team-x"))->endpoints().size(), 3U);
  EXPECT_EQ(with_default->endpoints().size(), 6U);
}

std::set<std::string> Addresses(const Ring& ring) {
  std::set<std::string> out;
  for (const Endpoint& endpoint : ring.endpoints()) {
    out.insert(endpoint.address);
  }
  return out;
}

RingConfig ShardedConfig(int64_t shard_size) {
  RingConfig config = MakeConfig(6, {"a", "a", "b", "b", "c", "c"});
  config.shuffle_sharding.shard_size = shard_size;
  return config;
}

TEST(ShuffleShardingTest, TakesTheSameShareOfEveryZone) {
  const auto hashring = MakeHashring(ShardedConfig(2), Algorithm::kKetama, 2);
  std::set<std::set<std::string>> shards;
  for (int i = 0; i < 50; ++i) {
    const auto shard = *hashring->RingOf(base::Concat("tenant-", i));
    std::set<std::string> zones;
    for (const Endpoint& endpoint : shard->endpoints()) {
      zones.insert(endpoint.az);
    }
    EXPECT_EQ(shard->endpoints().size(),
              3U);  // two thirds of an endpoint, rounded up, in each of three zones
    EXPECT_EQ(zones.size(), 3U);
    shards.insert(Addresses(*shard));
  }
  EXPECT_EQ(shards.size(), 8U);
}

TEST(ShuffleShardingTest, ANewEndpointChangesAShardByOneAtMost) {
  RingConfig small = MakeConfig(20);
  small.shuffle_sharding.shard_size = 5;
  RingConfig large = MakeConfig(21);
  large.shuffle_sharding.shard_size = 5;
  const auto before = MakeHashring(small, Algorithm::kKetama, 2);
  const auto after = MakeHashring(large, Algorithm::kKetama, 2);
  int changed = 0;
  for (int i = 0; i < 60; ++i) {
    const std::string tenant = base::Concat("tenant-", i);
    const std::set<std::string> was = Addresses(**before->RingOf(tenant));
    const std::set<std::string> is = Addresses(**after->RingOf(tenant));
    ASSERT_EQ(was.size(), 5U);
    std::set<std::string> both;
    std::set_intersection(was.begin(), was.end(), is.begin(), is.end(), std::inserter(both, both.end()));
    EXPECT_GE(both.size(), 4U) << tenant;
    EXPECT_TRUE(was == is || is.contains("node-21")) << tenant;
    changed += was == is ? 0 : 1;
  }
  EXPECT_LT(changed, 30);
}

TEST(ShuffleShardingTest, OverridesNeedATypeAndFit) {
  RingConfig config = ShardedConfig(2);
  config.shuffle_sharding.overrides = {{6, {"big"}, TenantMatcher::kExact},
                                       {6, {"ignored"}, std::nullopt},
                                       {20, {"huge-*"}, TenantMatcher::kGlob}};
  const auto hashring = MakeHashring(config, Algorithm::kKetama, 2);
  EXPECT_EQ((*hashring->RingOf("big"))->endpoints().size(), 6U);
  EXPECT_EQ((*hashring->RingOf("ignored"))->endpoints().size(), 3U);
  EXPECT_EQ(hashring->RingOf("huge-1").status().code(), base::StatusCode::kFailedPrecondition);
  EXPECT_FALSE(Hashring::Create({ShardedConfig(7)}, Algorithm::kKetama, 2).ok());
}

TEST(ShuffleShardingTest, WithoutZoneAwarenessTheShardHasItsSize) {
  RingConfig config = ShardedConfig(4);
  config.shuffle_sharding.zone_awareness_disabled = true;
  const auto hashring = MakeHashring(config, Algorithm::kKetama, 2);
  EXPECT_EQ((*hashring->RingOf("x"))->endpoints().size(), 4U);
}

TEST(ShuffleShardingTest, KeepsTheShardsAskedForLast) {
  RingConfig config = ShardedConfig(2);
  config.shuffle_sharding.cache_size = 2;
  const auto hashring = MakeHashring(config, Algorithm::kKetama, 2);
  for (const std::string_view tenant : {"a", "b", "a", "c", "a", "b"}) {
    ASSERT_TRUE(hashring->RingOf(tenant).ok());
  }
  const CacheStats stats = hashring->shard_cache_stats(0);
  EXPECT_EQ(stats.requests, 6U);
  EXPECT_EQ(stats.hits, 2U);
  EXPECT_EQ(stats.evicted, 2U);
  EXPECT_EQ(stats.items, 2U);
  EXPECT_EQ(stats.max_items, 2U);
}

}  // namespace
}  // namespace thanos::hashring
