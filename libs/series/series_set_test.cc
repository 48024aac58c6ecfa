#include "series/series_set.h"

#include <gtest/gtest.h>
#include <utility>

namespace thanos::series {
namespace {

SeriesBatch OneSeries(std::string_view value) {
  SeriesBatch batch;
  auto* label = batch.arena().AllocateArray<labels::LabelView>(1);
  *label = {"a", batch.arena().Copy(value)};
  batch.series.push_back({{label, 1}, {}});
  return batch;
}

TEST(SeriesBatchTest, ViewsSurviveMoves) {
  SeriesBatch batch = OneSeries("a value that is long enough to live outside of the object");
  const SeriesBatch moved = std::move(batch);
  EXPECT_EQ(moved.series[0].labels[0].value, "a value that is long enough to live outside of the object");
  // The moved-from batch can be filled again without touching the other's memory.
  batch.Clear();  // NOLINT(bugprone-use-after-move): Clear makes it usable again
  EXPECT_TRUE(batch.empty());
  batch.arena().Copy("something else entirely, and longer than what was there before, to be sure");
  EXPECT_EQ(moved.series[0].labels[0].value, "a value that is long enough to live outside of the object");
}

TEST(SeriesBatchTest, RetainsOwners) {
  auto owner = std::make_shared<int>(1);
  const std::weak_ptr<int> watch = owner;
  SeriesBatch batch;
  batch.Retain(owner);
  batch.Retain(owner);
  owner.reset();
  EXPECT_FALSE(watch.expired());
  batch.Clear();
  EXPECT_TRUE(watch.expired());
}

TEST(FromBatchesTest, HandsOutBatchesInOrder) {
  std::vector<SeriesBatch> batches;
  batches.push_back(OneSeries("1"));
  batches.emplace_back();  // empty ones are skipped
  batches.push_back(OneSeries("2"));
  batches.emplace_back().warnings.push_back("careful");
  const auto set = FromBatches(std::move(batches));
  SeriesBatch batch;
  ASSERT_TRUE(*set->Next({}, &batch));
  EXPECT_EQ(batch.series[0].labels[0].value, "1");
  ASSERT_TRUE(*set->Next({}, &batch));
  EXPECT_EQ(batch.series[0].labels[0].value, "2");
  ASSERT_TRUE(*set->Next({}, &batch));
  EXPECT_EQ(batch.warnings, std::vector<std::string>{"careful"});
  EXPECT_FALSE(*set->Next({}, &batch));
  EXPECT_TRUE(batch.empty());
}

TEST(FromBatchesTest, StopsWhenCancelled) {
  base::CancelSource source;
  source.Cancel();
  const auto set = FromBatches({});
  SeriesBatch batch;
  EXPECT_EQ(set->Next(source.token(), &batch).status().code(), base::StatusCode::kCancelled);
}

}  // namespace
}  // namespace thanos::series
