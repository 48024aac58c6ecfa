#include "query/source.h"

#include <gtest/gtest.h>

#include "query/testing.h"

namespace thanos::query {
namespace {

using series::Aggregate;

struct AggregateCase {
  std::string_view function;
  std::vector<Aggregate> want;
};

TEST(SourceTest, AsksForTheAggregatesAFunctionNeeds) {
  const AggregateCase cases[] = {{"min", {Aggregate::kMin}},
                                 {"min_over_time", {Aggregate::kMin}},
                                 {"max_over_time", {Aggregate::kMax}},
                                 {"count", {Aggregate::kCount}},
                                 {"count_values", {Aggregate::kCount}},
                                 {"sum_over_time", {Aggregate::kSum}},
                                 {"sum", {Aggregate::kCount, Aggregate::kSum}},
                                 {"rate", {Aggregate::kCounter}},
                                 {"resets", {Aggregate::kCounter}},
                                 {"xincrease", {Aggregate::kCounter}},
                                 {"delta", {Aggregate::kCount, Aggregate::kSum}},
                                 {"", {Aggregate::kCount, Aggregate::kSum}}};
  for (const AggregateCase& aggregate_case : cases) {
    EXPECT_EQ(AggregatesFor(aggregate_case.function), aggregate_case.want) << aggregate_case.function;
  }
}

TEST(SourceTest, LimitsTheResolutionOfRangeFunctions) {
  EXPECT_EQ(ResolutionFor("rate", 300'000, 3'600'000), 150'000);
  EXPECT_EQ(ResolutionFor("rate", 300'000, 60'000), 60'000);
  EXPECT_EQ(ResolutionFor("max_over_time", 300'000, 3'600'000), 3'600'000);
  EXPECT_EQ(ResolutionFor("", 0, 3'600'000), 3'600'000);
}

class StoreSourceTest : public ::testing::Test {
 protected:
  storeapi::FakeStore store_;
  const std::vector<labels::Matcher> matchers_{labels::Matcher::Equal("__name__", "up")};
};

TEST_F(StoreSourceTest, PassesHintsOn) {
  SourceOptions options;
  options.replica_labels = {"replica"};
  options.max_resolution_ms = 300'000;
  options.partial_response = storeapi::PartialResponse::kAbort;
  options.tenant = "t1";
  StoreSource source(store_, options, nullptr);
  promql::SelectHints hints;
  hints.start_ms = 10;
  hints.end_ms = 20;
  hints.step_ms = 5;
  hints.range_ms = 300'000;
  hints.function = "rate";
  hints.grouping_by = true;
  hints.grouping_labels = {"job"};
  ASSERT_TRUE(source.Select({}, matchers_, hints).ok());
  const storeapi::SeriesRequest request = store_.last_request();
  EXPECT_EQ(request.min_time_ms, 10);
  EXPECT_EQ(request.max_time_ms, 20);
  EXPECT_EQ(request.matchers, matchers_);
  EXPECT_EQ(request.max_resolution_ms, 150'000);
  EXPECT_EQ(request.aggregates, std::vector<Aggregate>{Aggregate::kCounter});
  EXPECT_EQ(request.partial_response, storeapi::PartialResponse::kAbort);
  EXPECT_EQ(request.without_replica_labels, std::vector<std::string>{"replica"});
  EXPECT_EQ(request.tenant, "t1");
  EXPECT_EQ(request.response_batch_size, 256);
  EXPECT_EQ(request.hints.function, "rate");
  EXPECT_EQ(request.hints.step_ms, 5);
  EXPECT_EQ(request.hints.range_ms, 300'000);
  EXPECT_EQ(request.hints.grouping_labels, std::vector<std::string>{"job"});
}

TEST_F(StoreSourceTest, KeepsReplicaLabelsWithoutDeduplication) {
  SourceOptions options;
  options.deduplicate = false;
  options.replica_labels = {"replica"};
  StoreSource source(store_, options, nullptr);
  ASSERT_TRUE(source.Select({}, matchers_, {}).ok());
  EXPECT_TRUE(store_.last_request().without_replica_labels.empty());
}

TEST_F(StoreSourceTest, JoinsEqualLabelSetsAndDecodes) {
  const labels::Labels up{{"__name__", "up"}};
  const labels::Labels other{{"__name__", "up"}, {"x", "y"}};
  store_.series = {{up, {MakeChunk({{1'000, 1}, {2'000, 2}})}},
                   {up, {MakeChunk({{2'000, 2}, {3'000, 3}})}},
                   {other, {MakeChunk({{1'500, 7}})}}};
  store_.warnings = {"careful"};
  store_.batch_size = 1;
  StoreSource source(store_, {}, nullptr);
  const auto selection = source.Select({}, matchers_, {});
  ASSERT_TRUE(selection.ok());
  std::vector<std::string> seen;
  std::vector<std::string> warnings;
  series::SeriesBatch batch;
  while (*(*selection)->Next({}, &batch)) {
    warnings.insert(warnings.end(), batch.warnings.begin(), batch.warnings.end());
    for (const series::Series& series : batch.series) {
      chunkenc::SampleColumns columns;
      ASSERT_TRUE((*selection)->Decode(series, 1'500, 10'000, &columns).ok());
      seen.push_back(labels::ToString(series.labels) + base::Concat(" ", columns.size()));
    }
  }
  EXPECT_EQ(seen, (std::vector<std::string>{R"({__name__="up"} 2)", R"({__name__="up", x="y"} 1)"}));
  EXPECT_EQ(warnings, std::vector<std::string>{"careful"});
}

TEST_F(StoreSourceTest, WaitsAtTheGateNoLongerThanTheQuery) {
  RequestGate gate(1, "test_gate", telemetry::NullRegistry());
  const auto pass = gate.Enter({});
  ASSERT_TRUE(pass.ok());
  StoreSource source(store_, {}, &gate);
  base::CancelSource cancel;
  cancel.Cancel();
  EXPECT_EQ(source.Select(cancel.token(), matchers_, {}).status().code(), base::StatusCode::kCancelled);
}

}  // namespace
}  // namespace thanos::query
