#include "compact/downsampling.h"

#include <gtest/gtest.h>

#include "compact/internal/progress.h"
#include "compact/test_metas.h"

namespace thanos::compact {
namespace {

constexpr int64_t k5m = 300'000;
constexpr int64_t k1h = 3'600'000;
constexpr int64_t kDayMs = 24 * kHourMs;

struct PlanCase {
  std::string_view name;
  std::vector<TestMeta> blocks;
  std::set<uint64_t> excluded;
  std::vector<std::pair<uint64_t, int64_t>> want;  // block and new resolution
};

class PlanDownsamplingTest : public ::testing::TestWithParam<PlanCase> {};

TEST_P(PlanDownsamplingTest, ChoosesTheseBlocks) {
  std::set<model::Ulid> excluded;
  for (const uint64_t number : GetParam().excluded) {
    excluded.insert(TestUlid(number));
  }
  const auto tasks = PlanDownsampling(MakeMetas(GetParam().blocks), excluded);
  std::vector<std::pair<uint64_t, int64_t>> got;
  for (const DownsampleTask& task : tasks) {
    got.emplace_back(NumberOf(task.block->ulid), task.resolution_ms);
  }
  EXPECT_EQ(got, GetParam().want);
}

INSTANTIATE_TEST_SUITE_P(
    Blocks, PlanDownsamplingTest,
    ::testing::Values(
        PlanCase{"raw_of_40_hours", {{.number = 1, .max_ms = 40 * kHourMs}}, {}, {{1, k5m}}},
        PlanCase{"shorter_raw", {{.number = 1, .max_ms = 40 * kHourMs - 1}}, {}, {}},
        PlanCase{"five_minutes_of_10_days",
                 {{.number = 1, .max_ms = 10 * kDayMs, .resolution_ms = k5m}},
                 {},
                 {{1, k1h}}},
        PlanCase{
            "shorter_five_minutes", {{.number = 1, .max_ms = 10 * kDayMs - 1, .resolution_ms = k5m}}, {}, {}},
        PlanCase{
            "one_hour_is_the_last", {{.number = 1, .max_ms = 100 * kDayMs, .resolution_ms = k1h}}, {}, {}},
        PlanCase{"done_already",
                 {{.number = 1, .max_ms = 2 * kDayMs, .sources = {7, 8}},
                  {.number = 2, .max_ms = 2 * kDayMs, .resolution_ms = k5m, .sources = {7, 8}}},
                 {},
                 {}},
        PlanCase{"done_by_several_blocks",
                 {{.number = 1, .max_ms = 4 * kDayMs, .sources = {7, 8}},
                  {.number = 2, .max_ms = 2 * kDayMs, .resolution_ms = k5m, .sources = {7}},
                  {.number = 3, .max_ms = 2 * kDayMs, .resolution_ms = k5m, .sources = {8}}},
                 {},
                 {}},
        PlanCase{"done_in_part",
                 {{.number = 1, .max_ms = 4 * kDayMs, .sources = {7, 8}},
                  {.number = 2, .max_ms = 2 * kDayMs, .resolution_ms = k5m, .sources = {7}}},
                 {},
                 {{1, k5m}}},
        PlanCase{"a_block_of_an_hour_says_nothing_about_five_minutes",
                 {{.number = 1, .max_ms = 2 * kDayMs, .sources = {7}},
                  {.number = 2, .max_ms = 2 * kDayMs, .resolution_ms = k1h, .sources = {7}}},
                 {},
                 {{1, k5m}}},
        PlanCase{
            "an_unknown_resolution_is_left_alone",
            {{.number = 1, .max_ms = 20 * kDayMs, .resolution_ms = 7}, {.number = 2, .max_ms = 2 * kDayMs}},
            {},
            {{2, k5m}}},
        PlanCase{"marked", {{.number = 1, .max_ms = 2 * kDayMs}}, {1}, {}},
        PlanCase{
            "oldest_first",
            {{.number = 1, .min_ms = 2 * kDayMs, .max_ms = 4 * kDayMs}, {.number = 2, .max_ms = 2 * kDayMs}},
            {},
            {{2, k5m}, {1, k5m}}}),
    [](const auto& param_info) { return std::string(param_info.param.name); });

TEST(ProgressTest, CountsWhatIsLeftToDo) {
  BucketView view;
  std::vector<TestMeta> blocks;
  // Two days in blocks of two hours become six blocks of eight hours and one of two days.
  for (uint64_t i = 0; i < 26; ++i) {
    const auto from_ms = static_cast<int64_t>(i) * 2 * kHourMs;
    blocks.push_back({.number = i + 1, .min_ms = from_ms, .max_ms = from_ms + 2 * kHourMs});
  }
  const labels::Labels other({{"cluster", "y"}});
  blocks.push_back({.number = 100, .max_ms = 2 * kDayMs, .labels = other});
  view.blocks = MakeMetas(blocks);
  const PlannerOptions planner{.ranges_ms = *CompactionRanges(4)};
  const RetentionMs retention = {{0, kDayMs}};
  const auto todo = internal::CountTodo({}, planner, retention, true, view, 2 * kDayMs + 1);
  ASSERT_TRUE(todo.ok()) << todo.status();
  EXPECT_EQ(todo->num_compactions, 7);
  EXPECT_EQ(todo->num_compaction_blocks, 24 + 6);
  EXPECT_EQ(todo->num_downsample_blocks, 1);
  EXPECT_EQ(todo->num_deletion_blocks, 12);
  const auto without = internal::CountTodo({}, planner, {}, false, view, 2 * kDayMs);
  ASSERT_TRUE(without.ok());
  EXPECT_EQ(without->num_downsample_blocks, 0);
  EXPECT_EQ(without->num_deletion_blocks, 0);
}

}  // namespace
}  // namespace thanos::compact
