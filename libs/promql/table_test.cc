#include "promql/functions/table.h"

#include <gtest/gtest.h>

#include "promql_parser/functions_table.h"

namespace thanos::promql {
namespace {

TEST(FunctionTableTest, KnowsEveryFunctionOfTheParser) {
  for (const promql_parser::FunctionSpec& spec : promql_parser::Functions()) {
    EXPECT_NE(FindFunctionEntry(spec.name), nullptr) << spec.name;
  }
}

TEST(FunctionTableTest, HasNoFunctionTheParserLacks) {
  for (const FunctionEntry& entry : FunctionTable()) {
    EXPECT_NE(promql_parser::FindFunction(entry.name), nullptr) << entry.name;
  }
}

TEST(FunctionTableTest, EntriesHaveTheKernelOfTheirKind) {
  for (const FunctionEntry& entry : FunctionTable()) {
    const bool element = entry.kind == FunctionKind::kElement || entry.kind == FunctionKind::kDate;
    EXPECT_EQ(entry.element != nullptr, element) << entry.name;
    EXPECT_EQ(entry.range != nullptr, entry.kind == FunctionKind::kRange) << entry.name;
  }
}

}  // namespace
}  // namespace thanos::promql
