#include "hashring/config.h"

#include <gtest/gtest.h>

namespace thanos::hashring {
namespace {

TEST(ConfigTest, ReadsAllKeysOfTheJsonForm) {
  const auto rings = ParseConfig(R"([
    {"hashring": "first", "tenants": ["a", "b"], "endpoints": ["10.0.0.1:10901", "node-2:10901"],
     "algorithm": "ketama", "external_labels": {"region": "east", "az": "1"}},
    {"hashring": "second", "tenants": ["team-*"], "tenant_matcher_type": "glob", "unknown": {"x": 1},
     "endpoints": [{"address": "node-3:10901", "az": "az-1", "capnproto_address": "node-3:1"}],
     "shuffle_sharding_config": {"shard_size": 2, "cache_size": 7, "zone_awareness_disabled": true, "overrides":
        [{"shard_size": 3, "tenants": ["team-big"], "tenant_matcher_type": "exact"}, {"shard_size": 1, "tenants": ["x"]}]}},
    {"endpoints": []}
  ])");
  ASSERT_TRUE(rings.ok()) << rings.status();
  ASSERT_EQ(rings->size(), 3U);
  const RingConfig& first = (*rings)[0];
  EXPECT_EQ(first.name, "first");
  EXPECT_EQ(first.tenants, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(first.matcher, TenantMatcher::kExact);
  EXPECT_EQ(first.algorithm, Algorithm::kKetama);
  EXPECT_EQ(first.endpoints, (std::vector<Endpoint>{{"10.0.0.1:10901", "10.0.0.1:19391", ""},
                                                    {"node-2:10901", "node-2:19391", ""}}));
  EXPECT_EQ(first.external_labels, (labels::Labels{{"az", "1"}, {"region", "east"}}));
  const RingConfig& second = (*rings)[1];
  EXPECT_EQ(second.matcher, TenantMatcher::kGlob);
  EXPECT_EQ(second.algorithm, std::nullopt);
  EXPECT_EQ(second.endpoints, (std::vector<Endpoint>{{"node-3:10901", "node-3:1", "az-1"}}));
  EXPECT_EQ(second.shuffle_sharding.shard_size, 2);
  EXPECT_EQ(second.shuffle_sharding.cache_size, 7);
  EXPECT_TRUE(second.shuffle_sharding.zone_awareness_disabled);
  ASSERT_EQ(second.shuffle_sharding.overrides.size(), 2U);
  EXPECT_EQ(second.shuffle_sharding.overrides[0].shard_size, 3);
  EXPECT_EQ(second.shuffle_sharding.overrides[0].matcher, TenantMatcher::kExact);
  EXPECT_EQ(second.shuffle_sharding.overrides[1].matcher, std::nullopt);
  EXPECT_EQ((*rings)[2].shuffle_sharding.cache_size, 100);
}

TEST(ConfigTest, ReadsYaml) {
  const auto rings =
      ParseConfig("- hashring: one\n  endpoints:\n  - node-1:10901\n  - address: node-2:10901\n");
  ASSERT_TRUE(rings.ok()) << rings.status();
  EXPECT_EQ((*rings)[0].endpoints.size(), 2U);
}

TEST(ConfigTest, AnUnknownAlgorithmMeansHashmod) {
  EXPECT_EQ((*ParseConfig(R"([{"endpoints": ["a"], "algorithm": "rendezvous"}])"))[0].algorithm,
            Algorithm::kHashmod);
}

TEST(ConfigTest, RefusesWhatCannotWork) {
  for (
      const std::string_view text :
      {"", "[]", "{}", "{", "text", R"([{"endpoints": "a"}])", R"([{"endpoints": [{"az": "x"}]}])",
       R"([{"endpoints": [""]}])", R"([{"endpoints": ["a"], "tenant_matcher_type": "regex"}])",
       R"([{"endpoints": ["a"], "tenants": ["[a"], "tenant_matcher_type": "glob"}])",
       R"([{"endpoints": ["a"], "shuffle_sharding_config": {"shard_size": -1}}])",
       R"([{"endpoints": ["a"], "shuffle_sharding_config": {"overrides": [{"tenant_matcher_type": "x"}]}}])"}) {
    EXPECT_EQ(ParseConfig(text).status().code(), base::StatusCode::kInvalidArgument) << text;
  }
}

}  // namespace
}  // namespace thanos::hashring
