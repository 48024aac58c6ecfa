#include "relabel/relabel.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace thanos::relabel {
namespace {

using labels::Labels;

const Labels kInput({{"__name__", "up"}, {"a", "foo"}, {"b", "bar"}, {"c", "baz"}});

// The label set as text after one rule; "dropped" when it is dropped.
std::string After(const RuleConfig& config, const Labels& input = kInput) {
  const auto rule = Rule::Create(config);
  if (!rule.ok()) {
    return base::Concat("error: ", base::Message(rule.status()));
  }
  labels::LabelBuilder builder(input);
  return rule->Apply(&builder) ? labels::ToString(builder.span()) : "dropped";
}

TEST(RelabelTest, ReplacesWithGroups) {
  EXPECT_EQ(
      After({.source_labels = {"a"}, .regex = "f(.*)", .target_label = "d", .replacement = "ch${1}-ch${1}"},
            Labels({{"a", "foo"}})),
      R"({a="foo", d="choo-choo"})");
  // Joined by the separator, and the expression must match all of it.
  EXPECT_EQ(After({.source_labels = {"a", "b"},
                   .regex = "f(.*);(.*)r",
                   .target_label = "a",
                   .replacement = "b${1}${2}m"},
                  Labels({{"a", "foo"}, {"b", "bar"}})),
            R"({a="boobam", b="bar"})");
  EXPECT_EQ(After({.source_labels = {"a"}, .regex = "oo", .target_label = "d"}, Labels({{"a", "foo"}})),
            R"({a="foo"})");
  // Group in the target's name.
  EXPECT_EQ(
      After({.source_labels = {"a"}, .regex = "(?P<n>.*)", .target_label = "x_${n}", .replacement = "$n"},
            Labels({{"a", "foo"}})),
      R"({a="foo", x_foo="foo"})");
  // "$1x" is the group named "1x", which does not exist.
  EXPECT_EQ(
      After({.source_labels = {"a"}, .target_label = "a", .replacement = "$1x$$-$"}, Labels({{"a", "foo"}})),
      R"({a="$-$"})");
}

TEST(RelabelTest, EmptyReplacementDeletes) {
  EXPECT_EQ(After({.source_labels = {"a"}, .target_label = "a", .replacement = ""},
                  Labels({{"a", "foo"}, {"b", "1"}})),
            R"({b="1"})");
  EXPECT_EQ(
      After({.source_labels = {"missing"}, .regex = "(.+)", .target_label = "a"}, Labels({{"a", "foo"}})),
      R"({a="foo"})");
  // A rule without source sets a constant.
  EXPECT_EQ(After({.target_label = "new", .replacement = "value"}, Labels({{"a", "foo"}})),
            R"({a="foo", new="value"})");
}

TEST(RelabelTest, KeepsAndDrops) {
  EXPECT_EQ(After({.source_labels = {"a"}, .regex = "f.*", .action = Action::kDrop}), "dropped");
  EXPECT_NE(After({.source_labels = {"a"}, .regex = "o.*", .action = Action::kDrop}), "dropped");
  EXPECT_NE(After({.source_labels = {"a"}, .regex = "f|foo", .action = Action::kKeep}), "dropped");
  EXPECT_EQ(After({.source_labels = {"a"}, .regex = "f", .action = Action::kKeep}), "dropped");
  EXPECT_NE(After({.source_labels = {"a"}, .regex = "f.o", .action = Action::kKeep}, Labels({{"a", "f\no"}})),
            "dropped");
  const Labels same({{"x", "1"}, {"y", "1"}, {"z", "2"}});
  EXPECT_NE(After({.source_labels = {"x"}, .target_label = "y", .action = Action::kKeepEqual}, same),
            "dropped");
  EXPECT_EQ(After({.source_labels = {"x"}, .target_label = "z", .action = Action::kKeepEqual}, same),
            "dropped");
  EXPECT_EQ(After({.source_labels = {"x"}, .target_label = "y", .action = Action::kDropEqual}, same),
            "dropped");
}

// Values of Prometheus' own tests of the action.
TEST(RelabelTest, HashModIsPrometheus) {
  EXPECT_EQ(After({.source_labels = {"c"}, .modulus = 1000, .target_label = "d", .action = Action::kHashMod},
                  Labels({{"a", "foo"}, {"b", "bar"}, {"c", "baz"}})),
            R"({a="foo", b="bar", c="baz", d="976"})");
  EXPECT_EQ(After({.source_labels = {"c"}, .modulus = 1000, .target_label = "d", .action = Action::kHashMod},
                  Labels({{"a", "foo\nbar"}, {"b", "bar"}, {"c", "baz"}})),
            "{a=\"foo\\nbar\", b=\"bar\", c=\"baz\", d=\"976\"}");
}

TEST(RelabelTest, EditsNames) {
  EXPECT_EQ(After({.regex = "(b.*)", .replacement = "bar_${1}", .action = Action::kLabelMap},
                  Labels({{"a", "foo"}, {"b1", "bar"}, {"b2", "baz"}})),
            R"({a="foo", b1="bar", b2="baz", bar_b1="bar", bar_b2="baz"})");
  EXPECT_EQ(After({.regex = "b.*", .action = Action::kLabelDrop}, Labels({{"a", "foo"}, {"b1", "bar"}})),
            R"({a="foo"})");
  EXPECT_EQ(After({.regex = "b.*", .action = Action::kLabelKeep}, Labels({{"a", "foo"}, {"b1", "bar"}})),
            R"({b1="bar"})");
}

TEST(RelabelTest, ChangesCase) {
  const Labels input({{"a", "fOo-ÄÉß-Ωж"}});
  EXPECT_EQ(After({.source_labels = {"a"}, .target_label = "a", .action = Action::kLowercase}, input),
            R"({a="foo-äéß-ωж"})");
  EXPECT_EQ(After({.source_labels = {"a"}, .target_label = "a", .action = Action::kUppercase}, input),
            R"({a="FOO-ÄÉß-ΩЖ"})");
}

TEST(RelabelTest, RefusesWrongFields) {
  const auto error = [](const RuleConfig& config) { return After(config); };
  EXPECT_EQ(error({.target_label = "a", .action = Action::kHashMod}),
            "error: relabel configuration for hashmod requires non-zero modulus");
  EXPECT_EQ(error({}), "error: relabel configuration for replace action requires 'target_label' value");
  EXPECT_EQ(error({.target_label = "\xFF"}), "error: \"\xFF\" is invalid 'target_label' for replace action");
  EXPECT_EQ(error({.target_label = "a", .replacement = "x", .action = Action::kLowercase}),
            "error: 'replacement' can not be set for lowercase action");
  EXPECT_EQ(error({.source_labels = {"a"}, .action = Action::kLabelDrop}),
            "error: labeldrop action requires only 'regex', and no other fields");
  EXPECT_EQ(error({.regex = "x", .target_label = "a", .action = Action::kKeepEqual}),
            "error: keepequal action requires only 'source_labels' and `target_label`, and no other fields");
  EXPECT_THAT(error({.regex = "(", .target_label = "a"}), ::testing::StartsWith("error: regex '(': "));
}

TEST(ProcessTest, RunsInOrderUntilDropped) {
  std::vector<Rule> rules;
  rules.push_back(
      Rule::Create(
          {.source_labels = {"a"}, .modulus = 2, .target_label = "shard", .action = Action::kHashMod})
          .value());
  rules.push_back(Rule::Create({.source_labels = {"shard"}, .regex = "0", .action = Action::kKeep}).value());
  int kept = 0;
  for (int i = 0; i < 100; ++i) {
    const std::string value = std::to_string(i);
    const Labels input({{"a", value}});
    labels::LabelBuilder builder(input);
    kept += Process(rules, &builder) ? 1 : 0;
  }
  EXPECT_GT(kept, 30);
  EXPECT_LT(kept, 70);
  labels::LabelBuilder builder(kInput);
  EXPECT_TRUE(Process({}, &builder));
}

}  // namespace
}  // namespace thanos::relabel
