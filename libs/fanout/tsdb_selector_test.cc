#include "fanout/tsdb_selector.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "relabel/config.h"

namespace thanos::fanout {
namespace {

std::vector<labels::Labels> Sets() {
  return {labels::Labels({{"cluster", "eu.1"}, {"tenant", "a"}}), labels::Labels({{"cluster", "eu1"}}),
          labels::Labels({{"cluster", "us1"}, {"tenant", "b"}})};
}

TEST(TsdbSelectorTest, RulesKeepLabelSets) {
  const auto rules = relabel::ParseRules(
      "- {action: keep, source_labels: [cluster], regex: 'eu.*'}\n"
      "- {action: drop, source_labels: [tenant], regex: 'a'}\n",
      relabel::kSelectorActions);
  ASSERT_TRUE(rules.ok()) << rules.status();
  EXPECT_THAT(KeptLabelSets(*rules, Sets()), testing::ElementsAre(Sets()[1]));
  EXPECT_THAT(KeptLabelSets({}, Sets()), testing::ElementsAreArray(Sets()));
}

TEST(TsdbSelectorTest, MatchersAcceptTheSetsAndNoOtherValues) {
  const std::vector<labels::Matcher> matchers = MatchersOf({Sets()[0], Sets()[1]});
  EXPECT_EQ(labels::ToString(matchers), R"({cluster=~"eu1|eu\\.1", tenant=~"a|^$"})");
  EXPECT_TRUE(labels::MatchesAll(matchers, Sets()[0]));
  EXPECT_TRUE(labels::MatchesAll(matchers, Sets()[1]));
  EXPECT_FALSE(labels::MatchesAll(matchers, Sets()[2]));
  EXPECT_FALSE(labels::MatchesAll(matchers, labels::Labels({{"cluster", "eux1"}})));
  EXPECT_THAT(MatchersOf({}), testing::IsEmpty());
}

}  // namespace
}  // namespace thanos::fanout
