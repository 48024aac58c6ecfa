#include "compact/grouping.h"

#include <gtest/gtest.h>

#include "compact/test_metas.h"

namespace thanos::compact {
namespace {

TEST(GroupingTest, SeparatesLabelsAndResolutions) {
  const auto groups = GroupBlocks(
      MakeMetas({{.number = 1, .min_ms = 20, .max_ms = 40},
                 {.number = 2, .min_ms = 0, .max_ms = 20},
                 {.number = 3, .min_ms = 0, .max_ms = 20, .resolution_ms = 300'000},
                 {.number = 4, .min_ms = 0, .max_ms = 20, .labels = labels::Labels({{"cluster", "y"}})},
                 {.number = 5, .min_ms = 0, .max_ms = 10}}));
  ASSERT_EQ(groups.size(), 3);
  EXPECT_EQ(NumbersOf(groups[0].blocks), (std::vector<uint64_t>{5, 2, 1}));
  EXPECT_EQ(groups[0].labels, labels::Labels({{"cluster", "x"}}));
  EXPECT_EQ(NumbersOf(groups[1].blocks), (std::vector<uint64_t>{3}));
  EXPECT_EQ(groups[1].resolution_ms, 300'000);
  EXPECT_EQ(NumbersOf(groups[2].blocks), (std::vector<uint64_t>{4}));
}

TEST(GroupingTest, NamesGroupsLikeThanos) {
  const MetaPtr meta = MakeMeta({.number = 1, .resolution_ms = 300'000, .labels = {}});
  // The hash of no labels is xxhash64 of nothing.
  EXPECT_EQ(GroupKey(*meta), "300000@17241709254077376921");
}

}  // namespace
}  // namespace thanos::compact
