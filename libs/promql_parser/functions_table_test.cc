#include "promql_parser/functions_table.h"

#include <algorithm>
#include <gtest/gtest.h>

namespace thanos::promql_parser {
namespace {

TEST(FunctionsTableTest, FindsEveryFunctionByItsName) {
  for (const FunctionSpec& function : Functions()) {
    EXPECT_EQ(FindFunction(function.name), &function) << function.name;
  }
  EXPECT_EQ(FindFunction("sum"), nullptr);
  EXPECT_EQ(FindFunction(""), nullptr);
  EXPECT_EQ(FindFunction("zzz"), nullptr);
}

TEST(FunctionsTableTest, HasTheStableFunctionsOfPrometheus) {
  const auto stable =
      std::ranges::count_if(Functions(), [](const FunctionSpec& f) { return !f.experimental; });
  EXPECT_EQ(stable, 72);
}

TEST(FunctionsTableTest, TellsArgumentCounts) {
  EXPECT_EQ(FindFunction("round")->min_arguments(), 1);
  EXPECT_EQ(FindFunction("round")->max_arguments(), 2);
  EXPECT_EQ(FindFunction("label_join")->min_arguments(), 3);
  EXPECT_EQ(FindFunction("label_join")->max_arguments(), -1);
  EXPECT_EQ(FindFunction("time")->max_arguments(), 0);
  EXPECT_EQ(FindFunction("clamp")->min_arguments(), 3);
  EXPECT_EQ(FindFunction("clamp")->max_arguments(), 3);
}

}  // namespace
}  // namespace thanos::promql_parser
