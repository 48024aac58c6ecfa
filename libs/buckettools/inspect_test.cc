#include "buckettools/inspect.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace thanos::buckettools {
namespace {

constexpr int64_t kHourMs = 3'600'000;

MetaPtr SomeMeta(int64_t number, int64_t hours, uint64_t num_series, labels::Labels labels) {
  auto meta = std::make_shared<block::Meta>();
  meta->ulid = model::Ulid::FromParts(number, 0, 0);
  meta->min_time_ms = number * kHourMs;
  meta->max_time_ms = (number + hours) * kHourMs;
  meta->stats.num_series = num_series;
  meta->compaction.level = 1;
  meta->thanos.emplace().labels = std::move(labels);
  meta->thanos->source = "sidecar";
  return meta;
}

std::vector<MetaPtr> SomeMetas() {
  return {SomeMeta(3, 2, 1234567, labels::Labels({{"cluster", "a"}})),
          SomeMeta(1, 48, 80, labels::Labels({{"cluster", "b"}, {"zone", "x,y"}}))};
}

TEST(InspectTest, DrawsATable) {
  const auto table = InspectBlocks({SomeMetas()[0]}, {});
  ASSERT_TRUE(table.ok()) << table.status();
  EXPECT_EQ(
      *table,
      "|            ULID            |         FROM         |        UNTIL         | RANGE  | UNTIL-DOWN |  "
      "#SERIES  | #SAMPLES | #CHUNKS | COMP-LEVEL | COMP-FAILED |  LABELS   | RESOLUTION | SOURCE  |\n"
      "|----------------------------|----------------------|----------------------|--------|------------|--"
      "---------|----------|---------|------------|-------------|-----------|------------|---------|\n"
      "| 00000000030000000000000000 | 1970-01-01T03:00:00Z | 1970-01-01T05:00:00Z | 2h0m0s | 38h0m0s    | "
      "1,234,567 | 0        | 0       | 1          | false       | cluster=a | 0s         | sidecar |\n");
}

TEST(InspectTest, SortsByValueNotByText) {
  InspectOptions options;
  options.format = TableFormat::kTsv;
  options.sort_by = {"#SERIES"};
  const auto by_series = InspectBlocks(SomeMetas(), options);
  ASSERT_TRUE(by_series.ok());
  EXPECT_LT(by_series->find("\t80\t"), by_series->find("\t1,234,567\t"));
  options.sort_by = {"RANGE"};
  const auto by_range = InspectBlocks(SomeMetas(), options);
  EXPECT_LT(by_range->find("\t2h0m0s\t"), by_range->find("\t48h0m0s\t"));
  options.sort_by = {"COLOUR"};
  EXPECT_FALSE(InspectBlocks(SomeMetas(), options).ok());
}

TEST(InspectTest, SelectsByLabelsAndQuotesFields) {
  InspectOptions options;
  options.format = TableFormat::kCsv;
  options.selector = *ParseFlagLabels({"cluster=\"b\""});
  const auto csv = InspectBlocks(SomeMetas(), options);
  ASSERT_TRUE(csv.ok());
  EXPECT_THAT(*csv, ::testing::HasSubstr(",\"cluster=b,zone=x,y\","));
  EXPECT_THAT(*csv, ::testing::Not(::testing::HasSubstr("cluster=a")));
  EXPECT_FALSE(ParseFlagLabels({"cluster"}).ok());
}

}  // namespace
}  // namespace thanos::buckettools
