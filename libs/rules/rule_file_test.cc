#include "rules/rule_file.h"

#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace thanos::rules {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(RuleFileTest, ReadsGroups) {
  const auto file = ParseRuleFile(R"(
groups:
- name: first
  interval: 30s
  query_offset: 1m
  limit: 5
  partial_response_strategy: warn
  labels: {team: a}
  rules:
  - {record: 'job:up:sum', expr: sum by (job) (up), labels: {kind: b}}
  - alert: Down
    expr: up == 0
    for: 5m
    keep_firing_for: 1h
    annotations: {summary: 'it is {{ $value }}'}
- name: second
)");
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->num_rules(), 2U);
  const GroupSpec& group = file->groups[0];
  EXPECT_EQ(group.interval_ms, 30'000);
  EXPECT_EQ(group.query_offset_ms, 60'000);
  EXPECT_EQ(group.limit, 5);
  EXPECT_EQ(group.partial_response, PartialResponse::kWarn);
  EXPECT_EQ(group.rules[0].record, "job:up:sum");
  EXPECT_THAT(group.rules[0].labels, ElementsAre(std::pair<std::string, std::string>("kind", "b")));
  EXPECT_EQ(group.rules[1].for_ms, 300'000);
  EXPECT_EQ(group.rules[1].keep_firing_for_ms, 3'600'000);
  EXPECT_EQ(file->groups[1].partial_response, PartialResponse::kAbort);
  EXPECT_TRUE(ParseRuleFile("").ok());
}

std::string ErrorOf(std::string_view rules) {
  const auto file = ParseRuleFile(std::string("groups: [{name: g, rules: [") + std::string(rules) + "]}]");
  return file.ok() ? "" : std::string(base::Message(file.status()));
}

TEST(RuleFileTest, NamesWhatIsWrong) {
  EXPECT_THAT(ErrorOf("{record: a, alert: b, expr: c}"), HasSubstr("only one of 'record' and 'alert'"));
  EXPECT_THAT(ErrorOf("{expr: c}"), HasSubstr("one of 'record' or 'alert' must be set"));
  EXPECT_THAT(ErrorOf("{record: a}"), HasSubstr("field 'expr' must be set"));
  EXPECT_THAT(ErrorOf("{record: a, expr: 'sum('}"),
              HasSubstr("could not parse expression: 1:5: parse error"));
  EXPECT_THAT(ErrorOf("{record: a, expr: b, for: 5m}"), HasSubstr("invalid field 'for' in recording rule"));
  EXPECT_THAT(ErrorOf("{record: a, expr: b, annotations: {c: d}}"), HasSubstr("'annotations'"));
  EXPECT_THAT(ErrorOf("{alert: a, expr: b, labels: {__name__: d}}"),
              HasSubstr("invalid label name: __name__"));
  EXPECT_THAT(ErrorOf("{alert: a, expr: b, what: d}"), HasSubstr("what"));
}

TEST(RuleFileTest, NamesEverythingThatIsWrong) {
  const auto file = ParseRuleFile(R"(
groups:
- {name: a, rules: [{expr: x}]}
- {name: a, partial_response_strategy: maybe}
- {rules: [{alert: y}]}
)");
  ASSERT_FALSE(file.ok());
  const std::string text(base::Message(file.status()));
  for (const char* part : {"line 3: ", "'record' or 'alert'", "line 4: ", "\"a\" is repeated", "maybe",
                           "groupname must not be empty", "'expr' must be set"}) {
    EXPECT_THAT(text, HasSubstr(part));
  }
}

TEST(RuleFileTest, ExpandsPatterns) {
  const std::string directory = ::testing::TempDir() + "/rule_file_test";
  std::filesystem::create_directories(directory);
  for (const char* name : {"b.yml", "a.yml", "c.txt"}) {
    std::ofstream(directory + "/" + name) << "x";
  }
  EXPECT_THAT(ExpandPattern(directory + "/*.yml"), ElementsAre(directory + "/a.yml", directory + "/b.yml"));
  EXPECT_THAT(ExpandPattern(directory + "/none*"), IsEmpty());
  std::filesystem::remove_all(directory);
}

}  // namespace
}  // namespace thanos::rules
