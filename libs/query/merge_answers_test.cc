#include "query/merge_answers.h"

#include <gtest/gtest.h>

#include "query/encode_answers.h"
#include "storeapi/fake_apis.h"

namespace thanos::query {
namespace {

using storeapi::AddLabel;

const std::vector<std::string> kReplica = {"replica"};

::thanos::Rule Alert(const std::string& name, const std::string& replica, ::thanos::AlertState state,
                     int64_t evaluated) {
  ::thanos::Rule rule;
  ::thanos::Alert* const alert = rule.mutable_alert();
  alert->set_name(name);
  alert->set_state(state);
  alert->mutable_last_evaluation()->set_seconds(evaluated);
  AddLabel("replica", replica, alert->mutable_labels());
  return rule;
}

::thanos::Rule Recording(const std::string& name, const std::string& replica, int64_t evaluated) {
  ::thanos::Rule rule;
  rule.mutable_recording()->set_name(name);
  rule.mutable_recording()->mutable_last_evaluation()->set_seconds(evaluated);
  AddLabel("replica", replica, rule.mutable_recording()->mutable_labels());
  return rule;
}

::thanos::RuleGroup Group(const std::string& file, const std::string& name,
                          std::vector<::thanos::Rule> rules) {
  ::thanos::RuleGroup group;
  group.set_file(file);
  group.set_name(name);
  for (::thanos::Rule& rule : rules) {
    *group.add_rules() = std::move(rule);
  }
  return group;
}

TEST(MergeRulesTest, MergesReplicasOfGroupsAndRules) {
  const auto groups =
      MergeRules({Group("f", "g", {Recording("r", "a", 10), Alert("x", "a", ::thanos::INACTIVE, 30)}),
                  Group("a", "g", {Recording("r", "a", 1)}),
                  Group("f", "g",
                        {Recording("r", "b", 20), Alert("x", "b", ::thanos::FIRING, 10),
                         Alert("w", "b", ::thanos::INACTIVE, 1)})},
                 kReplica, {});
  ASSERT_EQ(groups.size(), 2U);
  EXPECT_EQ(groups[0].file(), "a");
  ASSERT_EQ(groups[1].rules_size(), 3);
  EXPECT_EQ(groups[1].rules(0).alert().name(), "w");
  EXPECT_EQ(groups[1].rules(1).alert().state(), ::thanos::FIRING);
  EXPECT_EQ(groups[1].rules(1).alert().labels().labels_size(), 0);
  EXPECT_EQ(groups[1].rules(2).recording().last_evaluation().seconds(), 20);
}

TEST(MergeRulesTest, KeepsTheLastEvaluationAmongEqualStates) {
  const auto groups = MergeRules({Group("f", "g", {Alert("x", "a", ::thanos::PENDING, 10)}),
                                  Group("f", "g", {Alert("x", "b", ::thanos::PENDING, 20)})},
                                 kReplica, {});
  ASSERT_EQ(groups[0].rules_size(), 1);
  EXPECT_EQ(groups[0].rules(0).alert().last_evaluation().seconds(), 20);
}

TEST(MergeRulesTest, RulesThatDifferInOtherLabelsStay) {
  EXPECT_EQ(
      MergeRules({Group("f", "g", {Recording("r", "a", 1), Recording("r", "b", 1)})}, {}, {})[0].rules_size(),
      2);
}

TEST(MergeRulesTest, FiltersAndDropsEmptyGroups) {
  const std::vector<::thanos::RuleGroup> groups = {
      Group("f1", "g1", {Recording("r1", "a", 1), Recording("r2", "{{ $labels.x }}", 1)}),
      Group("f2", "g2", {Recording("r1", "b", 1)}), Group("f3", "g3", {})};
  EXPECT_EQ(MergeRules(groups, {}, {}).size(), 2U);
  EXPECT_EQ(MergeRules(groups, {}, {.files = {"f2"}}).size(), 1U);
  EXPECT_EQ(MergeRules(groups, {}, {.rule_groups = {"g1"}})[0].name(), "g1");
  const auto by_name = MergeRules(groups, {}, {.rule_names = {"r2"}});
  ASSERT_EQ(by_name.size(), 1U);
  EXPECT_EQ(by_name[0].rules_size(), 1);
  const auto by_label = MergeRules(groups, {}, {.matchers = {{labels::Matcher::Equal("replica", "b")}}});
  ASSERT_EQ(by_label.size(), 1U);
  EXPECT_EQ(by_label[0].name(), "g2");
  // A label with a template counts as absent.
  const auto absent = MergeRules(groups, {}, {.matchers = {{labels::Matcher::Equal("replica", "")}}});
  ASSERT_EQ(absent.size(), 1U);
  EXPECT_EQ(absent[0].rules(0).recording().name(), "r2");
}

TEST(MergeRulesTest, RulesOfNoKindAreDropped) {
  EXPECT_TRUE(MergeRules({Group("f", "g", {::thanos::Rule()})}, {}, {}).empty());
}

TEST(MergeTargetsTest, MergesReplicas) {
  ::thanos::TargetDiscovery targets;
  const auto add = [&](const std::string& url, const std::string& replica,
                       ::thanos::ActiveTarget::TargetHealth health, int64_t scraped) {
    ::thanos::ActiveTarget* const target = targets.add_activetargets();
    target->set_scrapeurl(url);
    target->set_health(health);
    target->mutable_lastscrape()->set_seconds(scraped);
    AddLabel("replica", replica, target->mutable_labels());
    AddLabel("replica", replica, target->mutable_discoveredlabels());
    AddLabel("a", replica == "x" ? "1" : "2", targets.add_droppedtargets()->mutable_discoveredlabels());
  };
  add("http://b", "x", ::thanos::ActiveTarget::UP, 10);
  add("http://b", "y", ::thanos::ActiveTarget::UP, 20);
  add("http://a", "x", ::thanos::ActiveTarget::UP, 10);
  add("http://a", "y", ::thanos::ActiveTarget::DOWN, 5);
  const ::thanos::TargetDiscovery merged = MergeTargets(std::move(targets), kReplica);
  ASSERT_EQ(merged.activetargets_size(), 2);
  EXPECT_EQ(merged.activetargets(0).health(), ::thanos::ActiveTarget::DOWN);
  EXPECT_EQ(merged.activetargets(1).lastscrape().seconds(), 20);
  EXPECT_EQ(merged.droppedtargets_size(), 2);
}

TEST(MergeExemplarsTest, MergesSeriesOfReplicas) {
  const auto make = [](const std::string& job, const std::string& replica, std::vector<int64_t> times) {
    ::thanos::ExemplarData series;
    AddLabel("job", job, series.mutable_serieslabels());
    AddLabel("replica", replica, series.mutable_serieslabels());
    for (const int64_t time_ms : times) {
      series.add_exemplars()->set_ts(time_ms);
    }
    return series;
  };
  const auto merged =
      MergeExemplars({make("b", "1", {5, 3}), make("a", "1", {1}), make("b", "2", {4, 3})}, kReplica);
  ASSERT_EQ(merged.size(), 2U);
  EXPECT_EQ(merged[0].serieslabels().labels(0).value(), "a");
  ASSERT_EQ(merged[1].exemplars_size(), 3);
  EXPECT_EQ(merged[1].exemplars(0).ts(), 3);
  EXPECT_EQ(merged[1].exemplars(2).ts(), 5);
}

TEST(SumOfTenantsTest, AddsTenantsAndKeepsTheLargest) {
  ::thanos::TSDBStatistics statistics;
  for (const std::string tenant : {"a", "b"}) {
    ::thanos::TSDBStatisticsEntry& entry = (*statistics.mutable_statistics())[tenant];
    entry.mutable_head_statistics()->set_num_series(2);
    for (const auto& [name, value] : {std::pair("x", 1), std::pair("y", 5), std::pair("z", 3)}) {
      ::thanos::Statistic* const one = entry.add_memory_in_bytes_by_label_name();
      one->set_name(name);
      one->set_value(static_cast<uint64_t>(value));
    }
  }
  const ::thanos::TSDBStatisticsEntry all = SumOfTenants(statistics, "", 2);
  EXPECT_EQ(all.head_statistics().num_series(), 4U);
  ASSERT_EQ(all.memory_in_bytes_by_label_name_size(), 2);
  EXPECT_EQ(all.memory_in_bytes_by_label_name(0).name(), "y");
  EXPECT_EQ(all.memory_in_bytes_by_label_name(0).value(), 10U);
  EXPECT_EQ(SumOfTenants(statistics, "a", 2).head_statistics().num_series(), 2U);
  EXPECT_EQ(SumOfTenants(statistics, "c", 2).head_statistics().num_series(), 0U);
}

TEST(FormatTimeTest, IsRfc3339WithShortestFraction) {
  google::protobuf::Timestamp time;
  EXPECT_EQ(FormatTime(time), "1970-01-01T00:00:00Z");
  time.set_seconds(1714972089);
  time.set_nanos(120'000'000);
  EXPECT_EQ(FormatTime(time), "2024-05-06T05:08:09.12Z");
  time.set_nanos(1);
  EXPECT_EQ(FormatTime(time), "2024-05-06T05:08:09.000000001Z");
  time.set_nanos(-1);
  EXPECT_EQ(FormatTime(time), "0001-01-01T00:00:00Z");
  time.set_nanos(0);
  time.set_seconds(std::numeric_limits<int64_t>::max());
  EXPECT_EQ(FormatTime(time), "0001-01-01T00:00:00Z");
}

}  // namespace
}  // namespace thanos::query
