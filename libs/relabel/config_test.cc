#include "relabel/config.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace thanos::relabel {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

std::string ErrorOf(std::string_view yaml, std::span<const Action> allowed = {}) {
  return std::string(base::Message(ParseRules(yaml, allowed).status()));
}

TEST(ParseRulesTest, ReadsAllFields) {
  const auto rules = ParseRules(R"(
- action: hashmod
  source_labels: [a, "b"]
  separator: "-"
  target_label: shard
  modulus: 3
- action: Keep
  source_labels: ["shard"]
  regex: 0
- source_labels: [c]
  regex: (.*)-x
  target_label: d
  replacement: y$1
)");
  ASSERT_TRUE(rules.ok()) << rules.status();
  ASSERT_THAT(*rules, SizeIs(3));
  const RuleConfig& first = (*rules)[0].config();
  EXPECT_EQ(first.action, Action::kHashMod);
  EXPECT_THAT(first.source_labels, ::testing::ElementsAre("a", "b"));
  EXPECT_EQ(first.separator, "-");
  EXPECT_EQ(first.modulus, 3U);
  EXPECT_EQ((*rules)[1].config().action, Action::kKeep);
  EXPECT_EQ((*rules)[1].config().regex, "0");
  EXPECT_EQ((*rules)[2].config().action, Action::kReplace);
  EXPECT_EQ((*rules)[2].config().replacement, "y$1");
}

TEST(ParseRulesTest, EmptyTextIsNoRules) {
  EXPECT_TRUE(ParseRules("").value().empty());
  EXPECT_TRUE(ParseRules("[]").value().empty());
}

TEST(ParseRulesTest, SaysWhatIsWrong) {
  EXPECT_THAT(ErrorOf("a: b"), HasSubstr("must be a list"));
  EXPECT_THAT(ErrorOf("- 3"), HasSubstr("must be a map"));
  EXPECT_THAT(ErrorOf("- action: shuffle"), HasSubstr("unknown relabel action \"shuffle\""));
  EXPECT_THAT(ErrorOf("- target_label: a\n  colour: red"), HasSubstr("colour"));
  EXPECT_THAT(ErrorOf("- target_label: a\n  action: hashmod\n  modulus: -1"), HasSubstr("negative"));
  EXPECT_THAT(ErrorOf("- action: keep\n  regex: '['"), HasSubstr("relabel rule 1"));
  EXPECT_THAT(ErrorOf("- action: labeldrop\n  regex: a", kSelectorActions),
              HasSubstr("unsupported relabel action: labeldrop"));
  EXPECT_EQ(ErrorOf("- action: drop\n  regex: a", kSelectorActions), "");
}

}  // namespace
}  // namespace thanos::relabel
