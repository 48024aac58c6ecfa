#include "query/analysis.h"

#include <gtest/gtest.h>

#include "promql_parser/parser.h"
#include "query/testing.h"

namespace thanos::query {
namespace {

TEST(AnalysisTest, SelectionsAreCountedAndFoundInTheTree) {
  storeapi::FakeStore store;
  store.series = {
      {labels::Labels{{"__name__", "up"}, {"job", "a"}}, {MakeChunk({{1000, 1}, {2000, 2}, {3000, 3}})}},
      {labels::Labels{{"__name__", "up"}, {"job", "b"}}, {MakeChunk({{1000, 1}})}}};
  SelectionLog log;
  {
    const auto recording = RecordSelections(store, log);
    storeapi::SeriesRequest request;
    request.matchers = {labels::Matcher::Equal("__name__", "up")};
    const auto set = recording->Series({}, request);
    ASSERT_TRUE(set.ok());
    series::SeriesBatch batch;
    while (*(*set)->Next({}, &batch)) {
    }
  }
  auto entries = log.Take();
  ASSERT_EQ(entries.size(), 1U);
  EXPECT_EQ(entries[0].matchers, R"({__name__="up"})");
  EXPECT_EQ(entries[0].series, 2);
  EXPECT_EQ(entries[0].samples, 4);
  entries[0].duration = std::chrono::microseconds(1500);
  const auto expr = promql_parser::Parse("-(up) + 1");
  ASSERT_TRUE(expr.ok());
  promql::QueryStats stats;
  stats.total_queryable_samples = 9;
  stats.peak_samples = 4;
  EXPECT_EQ(
      EncodeAnalysis(**expr, entries, stats, std::chrono::milliseconds(2)),
      R"({"name":"[vectorScalarBinary] +","executionTime":"2.000ms","peakSamples":4,"totalSamples":9,"children":[)"
      R"({"name":"[unaryNegate]","executionTime":"1.500ms","totalSamples":4,"children":[)"
      R"({"name":"[vectorSelector] {__name__=\"up\"}","executionTime":"1.500ms","totalSamples":4}]},)"
      R"({"name":"[numberLiteral] 1"}]})");
}

}  // namespace
}  // namespace thanos::query
