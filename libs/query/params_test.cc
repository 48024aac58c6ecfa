#include "query/params.h"

#include <gtest/gtest.h>

namespace thanos::query {
namespace {

net::HttpRequest With(std::string name, std::string value) {
  net::HttpRequest request;
  request.parameters = {{std::move(name), std::move(value)}};
  return request;
}

TEST(ParamsTest, ReadsTimes) {
  EXPECT_EQ(*ParseTimeMs("0"), 0);
  EXPECT_EQ(*ParseTimeMs("1700000000"), 1'700'000'000'000);
  EXPECT_EQ(*ParseTimeMs("1700000000.1236"), 1'700'000'000'124);
  EXPECT_EQ(*ParseTimeMs("-1.5"), -1'500);
  EXPECT_EQ(*ParseTimeMs("1.7e9"), 1'700'000'000'000);
  EXPECT_EQ(*ParseTimeMs("2015-06-03T13:21:58.555Z"), 1'433'337'718'555);
  EXPECT_EQ(*ParseTimeMs("2015-06-03T14:21:58.555+01:00"), 1'433'337'718'555);
  for (const std::string_view text : {"", "abc", "NaN", "Inf", "1e300", "2015-06-03", "12s"}) {
    EXPECT_EQ(base::Message(ParseTimeMs(text).status()),
              base::Concat("cannot parse ", base::Quote(text), " to a valid timestamp"));
  }
}

TEST(ParamsTest, ReadsSteps) {
  EXPECT_EQ(*ParseStepMs("15"), 15'000);
  EXPECT_EQ(*ParseStepMs("0.25"), 250);
  EXPECT_EQ(*ParseStepMs("1h30m"), 5'400'000);
  EXPECT_EQ(*ParseStepMs("-5"), -5'000);
  EXPECT_EQ(base::Message(ParseStepMs("x").status()), "cannot parse \"x\" to a valid duration");
  EXPECT_EQ(base::Message(ParseStepMs("1e30").status()),
            "cannot parse \"1e30\" to a valid duration. It overflows int64");
  EXPECT_FALSE(ParseStepMs("NaN").ok());
}

TEST(ParamsTest, ReadsSwitchesAndLimits) {
  EXPECT_TRUE(*BoolParameter(With("dedup", "T"), "dedup", false));
  EXPECT_FALSE(*BoolParameter(With("dedup", "0"), "dedup", true));
  EXPECT_TRUE(*BoolParameter(With("dedup", ""), "dedup", true));
  EXPECT_EQ(base::Message(BoolParameter(With("dedup", "x"), "dedup", true).status()),
            "'dedup' parameter: strconv.ParseBool: parsing \"x\": invalid syntax");
  EXPECT_EQ(*LimitParameter(With("limit", "7")), 7);
  EXPECT_FALSE(LimitParameter(With("limit", "-1")).ok());
  EXPECT_FALSE(LimitParameter(With("limit", "1.5")).ok());
}

TEST(ParamsTest, ReadsSelectors) {
  EXPECT_EQ((*MatchParameters(With("match[]", "{a=\"b\"}")))[0].size(), 1U);
  EXPECT_EQ(base::Message(MatchParameters(With("match[]", "{a=\"\"}")).status()),
            "match[] must contain at least one non-empty matcher");
  EXPECT_EQ(base::Message(MatchParameters(With("match[]", "foo[5m]")).status()),
            "invalid parameter \"match[]\": 1:4: parse error: unexpected \"[\"");
}

TEST(ParamsTest, ReadsShards) {
  const auto shard = ShardParameter(
      With("shard_info", R"({"shard_index":1,"total_shards":3,"by":true,"labels":["a","b"]})"));
  ASSERT_TRUE(shard.ok());
  EXPECT_EQ(shard->shard_index, 1);
  EXPECT_EQ(shard->total_shards, 3);
  EXPECT_TRUE(shard->by);
  EXPECT_EQ(shard->labels, (std::vector<std::string>{"a", "b"}));
  EXPECT_FALSE(ShardParameter(With("shard_info", "{")).ok());
  EXPECT_FALSE(ShardParameter(With("shard_info", std::string(100'000, '['))).ok());
}

TEST(ParamsTest, UnescapesLabelNames) {
  EXPECT_EQ(UnescapeLabelName("job"), "job");
  EXPECT_EQ(UnescapeLabelName("U__service_2e_name"), "service.name");
  EXPECT_EQ(UnescapeLabelName("U__a__b"), "a_b");
  EXPECT_EQ(UnescapeLabelName("U___263a_x"), "☺x");
  EXPECT_EQ(UnescapeLabelName("U__a_zz_"), "U__a_zz_");
  EXPECT_EQ(UnescapeLabelName("U__a_2e"), "U__a_2e");
  EXPECT_EQ(UnescapeLabelName("U__a_d800_"), "U__a_d800_");
}

}  // namespace
}  // namespace thanos::query
