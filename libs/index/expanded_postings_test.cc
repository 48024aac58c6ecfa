#include "index/expanded_postings.h"

#include <gtest/gtest.h>
#include <map>
#include <random>
#include <utility>

#include "labels/builder.h"

namespace thanos::index {
namespace {

using labels::Matcher;
using labels::MatchType;

class FakeSource final : public PostingsSource {
 public:
  explicit FakeSource(const std::vector<labels::Labels>& series) {
    for (size_t i = 0; i < series.size(); ++i) {
      const auto ref = static_cast<SeriesRef>(i + 1);
      lists_[""][""].push_back(ref);
      for (const labels::LabelView& label : series[i]) {
        lists_[std::string(label.name)][std::string(label.value)].push_back(ref);
      }
    }
  }
  base::Status VisitValues(std::string_view name, std::string_view prefix,
                           const std::function<void(std::string_view)>& visit) override {
    for (const auto& [value, refs] : lists_[std::string(name)]) {
      if (value.starts_with(prefix)) {
        ++visited;
        visit(value);
      }
    }
    return base::OkStatus();
  }
  base::StatusOr<std::vector<Postings>> Fetch(std::span<const PostingsKey> keys) override {
    ++fetches;
    std::vector<Postings> lists;
    for (const PostingsKey& key : keys) {
      lists.push_back(lists_[std::string(key.name)][std::string(key.value)]);
    }
    return lists;
  }

  int visited = 0;
  int fetches = 0;

 private:
  std::map<std::string, std::map<std::string, Postings>> lists_;
};

Matcher Make(MatchType type, std::string name, std::string value) {
  auto matcher = Matcher::Create(type, std::move(name), std::move(value));
  EXPECT_TRUE(matcher.ok()) << matcher.status();
  return *std::move(matcher);
}

TEST(ExpandPostingsTest, AgreesWithFilteringEverySeries) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  static constexpr const char* kNames[] = {"a", "b", "c", "never"};
  static constexpr const char* kPatterns[] = {"",   "x",     "y",      "x|y",     "x|",    "x.*", ".*",
                                              ".+", "[xy]+", "(x|z)?", "nothing", "xy.+|", "z"};
  static constexpr const char* kValues[] = {"", "x", "y", "z", "xy", "xyz"};
  for (int round = 0; round < 3000; ++round) {
    std::vector<labels::Labels> series;
    for (auto count = random() % 20; count > 0; --count) {
      labels::LabelBuilder builder;
      for (const char* name : {"a", "b", "c"}) {
        builder.Set(name, kValues[random() % std::size(kValues)]);
      }
      series.push_back(builder.Build());
    }
    std::vector<Matcher> matchers;
    for (auto count = random() % 4; count > 0; --count) {
      matchers.push_back(Make(static_cast<MatchType>(random() % 4), kNames[random() % std::size(kNames)],
                              kPatterns[random() % std::size(kPatterns)]));
    }
    Postings want;
    for (size_t i = 0; i < series.size(); ++i) {
      if (labels::MatchesAll(matchers, series[i])) {
        want.push_back(static_cast<SeriesRef>(i + 1));
      }
    }
    FakeSource source(series);
    const auto got = ExpandPostings(source, matchers);
    ASSERT_TRUE(got.ok()) << got.status();
    ASSERT_EQ(*got, want) << labels::ToString(matchers);
    ASSERT_LE(source.fetches, 1);
  }
}

TEST(PlanPostingsTest, KnownSetsNeedNoScan) {
  FakeSource source({labels::Labels{{"a", "x"}}, labels::Labels{{"a", "y"}}});
  const std::vector<Matcher> matchers = {Make(MatchType::kRegexp, "a", "x|y"),
                                         Make(MatchType::kNotEqual, "a", "y"),
                                         Make(MatchType::kNotRegexp, "a", "z|w")};
  const auto plan = PlanPostings(source, matchers);
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(source.visited, 0);
  ASSERT_EQ(plan->groups.size(), 3U);
  EXPECT_FALSE(plan->add_all);
  EXPECT_FALSE(plan->groups[0].remove);
  EXPECT_TRUE(plan->groups[1].remove);
  EXPECT_EQ(plan->groups[1].matcher_index, 1U);
}

TEST(PlanPostingsTest, ImpossibleMatcherNeedsNoFetch) {
  FakeSource source({labels::Labels{{"a", "x"}}});
  const std::vector<Matcher> matchers = {Make(MatchType::kRegexp, "a", "q.+"),
                                         Make(MatchType::kNotEqual, "b", "y")};
  const auto expanded = ExpandPostings(source, matchers);
  ASSERT_TRUE(expanded.ok());
  EXPECT_TRUE(expanded->empty());
  EXPECT_EQ(source.fetches, 0);
}

TEST(PlanPostingsTest, MatchAllNeedsNoScan) {
  FakeSource source({labels::Labels{{"a", "x"}}, labels::Labels{{"b", "y"}}});
  EXPECT_EQ(ExpandPostings(source, {Make(MatchType::kRegexp, "a", ".*")})->size(), 2U);
  EXPECT_EQ(source.visited, 0);
}

TEST(PlanPostingsTest, PrefixNarrowsTheScan) {
  std::vector<labels::Labels> series;
  for (int i = 0; i < 100; ++i) {
    series.push_back(labels::Labels{{"a", "pod-" + std::to_string(i)}});
  }
  FakeSource source(series);
  const std::vector<Matcher> matchers = {Make(MatchType::kRegexp, "a", "pod-7[0-9]*")};
  EXPECT_EQ(ExpandPostings(source, matchers)->size(), 11U);
  EXPECT_EQ(source.visited, 11);
}

}  // namespace
}  // namespace thanos::index
