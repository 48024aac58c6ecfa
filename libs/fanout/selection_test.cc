#include "fanout/selection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <utility>

namespace thanos::fanout {
namespace {

using labels::Labels;
using labels::Matcher;
using labels::MatchType;

StoreRef MakeStore(std::vector<Labels> label_sets, int64_t min_time_ms = 0, int64_t max_time_ms = 1000) {
  StoreRef store;
  store.name = "store-a:10901";
  store.info.label_sets = std::move(label_sets);
  store.info.min_time_ms = min_time_ms;
  store.info.max_time_ms = max_time_ms;
  return store;
}

bool May(const StoreRef& store, const std::vector<Matcher>& matchers,
         const std::vector<std::vector<Matcher>>& store_matchers = {}) {
  return MayHold(
      store, {.min_time_ms = 0, .max_time_ms = 10, .matchers = matchers, .store_matchers = store_matchers});
}

TEST(MayHoldTest, TimesAreInclusive) {
  const std::vector<Matcher> matchers;
  const StoreRef store = MakeStore({}, 100, 200);
  const auto may = [&](int64_t min_time_ms, int64_t max_time_ms) {
    return MayHold(store, {min_time_ms, max_time_ms, matchers, {}});
  };
  EXPECT_TRUE(may(200, 300));
  EXPECT_TRUE(may(0, 100));
  EXPECT_TRUE(may(0, 300));
  EXPECT_FALSE(may(201, 300));
  EXPECT_FALSE(may(0, 99));
}

TEST(MayHoldTest, OnlyContradictionsExclude) {
  const StoreRef store = MakeStore({Labels({{"cluster", "eu1"}, {"replica", "a"}})});
  EXPECT_TRUE(May(store, {Matcher::Equal("cluster", "eu1")}));
  EXPECT_FALSE(May(store, {Matcher::Equal("cluster", "us1")}));
  EXPECT_FALSE(May(store, {Matcher::NotEqual("cluster", "eu1")}));
  EXPECT_FALSE(May(store, {Matcher::Equal("cluster", "")}));
  EXPECT_TRUE(May(store, {*Matcher::Create(MatchType::kRegexp, "cluster", "eu.*")}));
  EXPECT_TRUE(May(store, {Matcher::Equal("job", "x")}));
}

TEST(MayHoldTest, OneFittingLabelSetIsEnough) {
  const StoreRef store = MakeStore({Labels({{"cluster", "eu1"}}), Labels({{"cluster", "us1"}})});
  EXPECT_TRUE(May(store, {Matcher::Equal("cluster", "us1")}));
  EXPECT_FALSE(May(store, {Matcher::Equal("cluster", "ap1")}));
  EXPECT_TRUE(May(MakeStore({}), {Matcher::Equal("cluster", "ap1")}));
  EXPECT_TRUE(May(MakeStore({Labels()}), {Matcher::Equal("cluster", "ap1")}));
}

TEST(MayHoldTest, StoreMatchersTestTheAddress) {
  StoreRef store = MakeStore({});
  const std::vector<Matcher> right = {Matcher::Equal("__address__", "store-a:10901")};
  const std::vector<Matcher> wrong = {Matcher::Equal("__address__", "store-b:10901")};
  EXPECT_TRUE(May(store, {}, {right}));
  EXPECT_TRUE(May(store, {}, {wrong, right}));
  EXPECT_FALSE(May(store, {}, {wrong}));
  store.in_process = true;
  EXPECT_FALSE(May(store, {}, {right}));
  EXPECT_TRUE(May(store, {}, {}));
}

TEST(ApplySelectorLabelsTest, DropsSatisfiedAndStopsAtContradictions) {
  const Labels selector({{"region", "eu"}});
  const Matcher job = Matcher::Equal("job", "x");
  EXPECT_THAT(*ApplySelectorLabels({job, Matcher::Equal("region", "eu")}, selector),
              testing::ElementsAre(job));
  EXPECT_EQ(ApplySelectorLabels({job, Matcher::Equal("region", "us")}, selector), std::nullopt);
}

}  // namespace
}  // namespace thanos::fanout
