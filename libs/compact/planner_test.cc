#include "compact/planner.h"

#include <gtest/gtest.h>

#include "block/markers.h"
#include "compact/test_metas.h"

namespace thanos::compact {
namespace {

// Blocks of a plan case in units of the shortest range, which is 20 here: {number, from, to}.
struct Span {
  uint64_t number;
  int64_t from;
  int64_t to;
  bool failed = false;
  uint64_t num_tombstones = 0;
};

struct PlanCase {
  std::string_view name;
  std::vector<Span> blocks;
  std::set<uint64_t> excluded;
  std::vector<uint64_t> want;
};

const std::vector<int64_t> kRanges = {20, 60, 180, 540, 1620};

std::vector<MetaPtr> Metas(const std::vector<Span>& spans) {
  std::vector<TestMeta> tests;
  for (const Span& span : spans) {
    tests.push_back({.number = span.number,
                     .min_ms = span.from,
                     .max_ms = span.to,
                     .num_series = 10,
                     .num_tombstones = span.num_tombstones,
                     .failed = span.failed});
  }
  return MakeList(tests);
}

class PlanTest : public ::testing::TestWithParam<PlanCase> {};

TEST_P(PlanTest, ChoosesTheseBlocks) {
  std::set<model::Ulid> excluded;
  for (const uint64_t number : GetParam().excluded) {
    excluded.insert(TestUlid(number));
  }
  EXPECT_EQ(NumbersOf(PlanBlocks(kRanges, excluded, Metas(GetParam().blocks))), GetParam().want);
}

INSTANTIATE_TEST_SUITE_P(
    Windows, PlanTest,
    ::testing::Values(
        PlanCase{"nothing", {}, {}, {}}, PlanCase{"one_block", {{1, 0, 20}}, {}, {}},
        PlanCase{"the_window_is_filled_but_the_newest_block_waits",
                 {{1, 0, 20}, {2, 20, 40}, {3, 40, 60}},
                 {},
                 {}},
        PlanCase{"filled_window_before_the_newest",
                 {{1, 0, 20}, {2, 20, 40}, {3, 40, 60}, {4, 60, 80}},
                 {},
                 {1, 2, 3}},
        PlanCase{"two_newer_blocks_change_nothing",
                 {{1, 0, 20}, {2, 20, 40}, {3, 40, 60}, {4, 60, 80}, {5, 80, 100}},
                 {},
                 {1, 2, 3}},
        PlanCase{"a_window_with_a_gap_is_taken_once_it_is_over",
                 {{1, 0, 20}, {2, 40, 60}, {3, 60, 80}},
                 {},
                 {1, 2}},
        PlanCase{"a_window_that_may_still_grow_waits", {{1, 0, 20}, {2, 20, 40}, {3, 180, 200}}, {}, {}},
        PlanCase{"it_is_over_when_a_later_block_has_a_successor",
                 {{1, 0, 20}, {2, 20, 40}, {3, 180, 200}, {4, 200, 220}},
                 {},
                 {1, 2}},
        PlanCase{"a_single_block_of_a_window_is_left", {{1, 0, 20}, {2, 60, 80}, {3, 120, 140}}, {}, {}},
        PlanCase{"next_range_of_full_windows",
                 {{1, 0, 60}, {2, 60, 120}, {3, 120, 180}, {4, 180, 240}},
                 {},
                 {1, 2, 3}},
        PlanCase{"smaller_ranges_first",
                 {{1, 0, 60},
                  {2, 60, 120},
                  {3, 120, 180},
                  {4, 180, 200},
                  {5, 200, 220},
                  {6, 220, 240},
                  {7, 240, 260}},
                 {},
                 {4, 5, 6}},
        PlanCase{"mixed_levels_in_a_larger_window",
                 {{1, 0, 60}, {2, 60, 80}, {3, 120, 140}, {4, 180, 200}, {5, 200, 220}},
                 {},
                 {1, 2, 3}},
        PlanCase{"blocks_longer_than_the_window_are_stepped_over",
                 {{1, 0, 180}, {2, 180, 200}, {3, 200, 220}, {4, 220, 240}, {5, 240, 260}},
                 {},
                 {2, 3, 4}},
        PlanCase{"blocks_across_a_boundary_are_stepped_over",
                 {{1, 0, 20}, {2, 20, 40}, {3, 50, 70}, {4, 70, 90}, {5, 90, 110}},
                 {},
                 {1, 2}},
        PlanCase{"negative_times", {{1, -60, -40}, {2, -40, -20}, {3, -20, 0}, {4, 0, 20}}, {}, {1, 2, 3}},
        PlanCase{"a_failed_block_stops_its_window",
                 {{1, 0, 20, true}, {2, 20, 40}, {3, 40, 60}, {4, 60, 80}},
                 {},
                 {}},
        PlanCase{"but_not_the_windows_after_it",
                 {{1, 0, 20, true}, {2, 20, 40}, {3, 60, 80}, {4, 80, 100}, {5, 100, 120}, {6, 120, 140}},
                 {},
                 {3, 4, 5}}),
    [](const auto& param_info) { return std::string(param_info.param.name); });

INSTANTIATE_TEST_SUITE_P(
    Excluded, PlanTest,
    ::testing::Values(
        PlanCase{
            "in_the_middle_leaves_no_pair", {{1, 0, 20}, {2, 20, 40}, {3, 40, 60}, {4, 60, 80}}, {2}, {}},
        PlanCase{"at_the_start", {{1, 0, 20}, {2, 20, 40}, {3, 40, 60}, {4, 60, 80}}, {1}, {2, 3}},
        PlanCase{"at_the_end", {{1, 0, 20}, {2, 20, 40}, {3, 40, 60}, {4, 60, 80}}, {3}, {1, 2}},
        PlanCase{"the_first_stretch_of_two",
                 {{1, 0, 60}, {2, 60, 80}, {3, 80, 100}, {4, 100, 120}, {5, 120, 180}, {6, 180, 200}},
                 {3},
                 {1, 2}},
        PlanCase{"the_newest_counts_as_newest_though_excluded",
                 {{1, 0, 20}, {2, 20, 40}, {3, 40, 60}, {4, 60, 80}},
                 {4},
                 {1, 2, 3}},
        PlanCase{"all", {{1, 0, 20}, {2, 20, 40}, {3, 40, 60}, {4, 60, 80}}, {1, 2, 3, 4}, {}},
        PlanCase{"overlap_with_an_excluded_block_is_none", {{1, 0, 20}, {2, 10, 20}, {3, 20, 40}}, {2}, {}}),
    [](const auto& param_info) { return std::string(param_info.param.name); });

INSTANTIATE_TEST_SUITE_P(
    Overlaps, PlanTest,
    ::testing::Values(
        PlanCase{"before_anything_else",
                 {{1, 0, 20}, {2, 20, 40}, {3, 40, 60}, {4, 60, 80}, {5, 70, 90}},
                 {},
                 {4, 5}},
        PlanCase{"even_the_newest", {{1, 0, 20}, {2, 19, 40}}, {}, {1, 2}},
        PlanCase{"equal_ranges", {{1, 0, 20}, {2, 0, 20}, {3, 20, 40}}, {}, {1, 2}},
        PlanCase{"a_chain", {{1, 0, 20}, {2, 10, 40}, {3, 30, 50}, {4, 50, 60}}, {}, {1, 2, 3}},
        PlanCase{"a_long_block_over_short_ones",
                 {{1, 0, 60}, {2, 10, 20}, {3, 40, 50}, {4, 60, 80}},
                 {},
                 {1, 2, 3}},
        PlanCase{"only_the_first_run", {{1, 0, 20}, {2, 10, 20}, {3, 40, 60}, {4, 50, 60}}, {}, {1, 2}},
        PlanCase{"touching_is_no_overlap", {{1, 0, 20}, {2, 20, 40}}, {}, {}}),
    [](const auto& param_info) { return std::string(param_info.param.name); });

INSTANTIATE_TEST_SUITE_P(
    Tombstones, PlanTest,
    ::testing::Values(PlanCase{"a_long_block_with_many", {{1, 0, 540, false, 3}, {2, 540, 560}}, {}, {1}},
                      PlanCase{"few_are_left", {{1, 0, 540, false, 0}, {2, 540, 560}}, {}, {}},
                      PlanCase{"short_blocks_are_left", {{1, 0, 20, false, 3}, {2, 540, 560}}, {}, {}},
                      PlanCase{"the_newest_long_one_first",
                               {{1, 0, 540, false, 3}, {2, 540, 1080, false, 3}, {3, 1080, 1100}},
                               {},
                               {2}},
                      PlanCase{"excluded_ones_are_left", {{1, 0, 540, false, 3}, {2, 540, 560}}, {1}, {}}),
    [](const auto& param_info) { return std::string(param_info.param.name); });

base::StatusOr<int64_t> NotAsked(const block::Meta& meta) {
  ADD_FAILURE() << "asked for the index of " << meta.ulid.ToString();
  return 0;
}

TEST(CompactionRangesTest, AreTheLadderUpToALevel) {
  EXPECT_EQ(*CompactionRanges(4),
            (std::vector<int64_t>{kHourMs, 2 * kHourMs, 8 * kHourMs, 48 * kHourMs, 14 * 24 * kHourMs}));
  EXPECT_EQ(CompactionRanges(2)->size(), 3);
  EXPECT_EQ(CompactionRanges(5).status().code(), base::StatusCode::kInvalidArgument);
  EXPECT_EQ(CompactionRanges(-1).status().code(), base::StatusCode::kInvalidArgument);
}

TEST(PlanGroupTest, LeavesOutTheLargestIndexWhenAllTogetherAreTooLarge) {
  const auto blocks = MakeList({{.number = 1, .min_ms = 0, .max_ms = 20, .index_bytes = 100},
                                {.number = 2, .min_ms = 20, .max_ms = 40, .index_bytes = 100},
                                {.number = 3, .min_ms = 40, .max_ms = 60, .index_bytes = 900},
                                {.number = 4, .min_ms = 60, .max_ms = 80, .index_bytes = 100}});
  const auto plan = PlanGroup({.ranges_ms = kRanges, .max_index_bytes = 1000}, {}, blocks, NotAsked);
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(NumbersOf(plan->blocks), (std::vector<uint64_t>{1, 2}));
  ASSERT_EQ(plan->exclusions.size(), 1);
  EXPECT_EQ(plan->exclusions[0].ulid, TestUlid(3));
  EXPECT_EQ(plan->exclusions[0].reason, block::kReasonIndexSize);
}

TEST(PlanGroupTest, ReachesTheLimitAt85Percent) {
  for (const int64_t size : {424, 425}) {
    const auto blocks = MakeList({{.number = 1, .min_ms = 0, .max_ms = 20, .index_bytes = size},
                                  {.number = 2, .min_ms = 20, .max_ms = 60, .index_bytes = 425},
                                  {.number = 3, .min_ms = 60, .max_ms = 80, .index_bytes = 1}});
    const auto plan = PlanGroup({.ranges_ms = kRanges, .max_index_bytes = 1000}, {}, blocks, NotAsked);
    ASSERT_TRUE(plan.ok()) << plan.status();
    EXPECT_EQ(plan->blocks.size(), size == 424 ? 2 : 0);
  }
}

TEST(PlanGroupTest, AsksForIndexesThatTheMetaDoesNotTell) {
  const auto blocks = MakeList({{.number = 1, .min_ms = 0, .max_ms = 20},
                                {.number = 2, .min_ms = 20, .max_ms = 60, .index_bytes = 10},
                                {.number = 3, .min_ms = 60, .max_ms = 80}});
  int asked = 0;
  const auto plan = PlanGroup({.ranges_ms = kRanges, .max_index_bytes = 100}, {}, blocks,
                              [&](const block::Meta& meta) -> base::StatusOr<int64_t> {
                                EXPECT_EQ(meta.ulid, TestUlid(1));
                                ++asked;
                                return 90;
                              });
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(asked, 1);
  EXPECT_EQ(plan->exclusions.size(), 1);
  const auto failed = PlanGroup({.ranges_ms = kRanges}, {}, blocks, [](const block::Meta&) {
    return base::StatusOr<int64_t>(base::Unavailable("bucket is away"));
  });
  EXPECT_EQ(failed.status().code(), base::StatusCode::kUnavailable);
}

TEST(PlanGroupTest, LeavesOutDownsampledBlocksThatOverlap) {
  const auto blocks =
      MakeList({{.number = 1, .min_ms = 0, .max_ms = 20, .resolution_ms = 300'000, .index_bytes = 1},
                {.number = 2, .min_ms = 10, .max_ms = 20, .resolution_ms = 300'000, .index_bytes = 1},
                {.number = 3, .min_ms = 20, .max_ms = 40, .resolution_ms = 300'000, .index_bytes = 1}});
  const auto plan = PlanGroup({.ranges_ms = kRanges, .vertical = true}, {}, blocks, NotAsked);
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_TRUE(plan->blocks.empty());
  ASSERT_EQ(plan->exclusions.size(), 2);
  EXPECT_EQ(plan->exclusions[0].reason, block::kReasonVerticalDownsampled);
}

}  // namespace
}  // namespace thanos::compact
