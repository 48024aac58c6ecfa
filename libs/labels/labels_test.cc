#include "labels/labels.h"

#include <cstdint>
#include <gtest/gtest.h>
#include <optional>
#include <random>
#include <vector>

#include "base/hash.h"
#include "labels/symbols.h"

namespace thanos::labels {
namespace {

TEST(LabelsTest, SortsAndFinds) {
  const Labels labels{{"job", "api"}, {"__name__", "up"}, {"instance", "a:80"}};
  ASSERT_EQ(labels.size(), 3U);
  EXPECT_EQ(labels.span()[0].name, "__name__");
  EXPECT_EQ(Get(labels, "job"), "api");
  EXPECT_EQ(Get(labels, "nope"), "");
  EXPECT_TRUE(Has(labels, "instance"));
  EXPECT_FALSE(Has(labels, "nope"));
  EXPECT_TRUE(IsSorted(labels));
}

TEST(LabelsTest, OrdersByPairsThenLength) {
  const Labels a{{"a", "1"}};
  const Labels ab{{"a", "1"}, {"b", "1"}};
  const Labels a2{{"a", "2"}};
  const Labels b{{"b", "0"}};
  const Labels empty;
  EXPECT_LT(empty, a);
  EXPECT_LT(a, ab);
  EXPECT_LT(ab, a2);
  EXPECT_LT(a2, b);
  EXPECT_EQ(a, (Labels{{"a", "1"}}));
  // Bytes are unsigned.
  EXPECT_LT((Labels{{"a", "z"}}), (Labels{{"a", "\xc3\xa9"}}));
}

TEST(LabelsTest, HashIsThatOfSeparatedPairs) {
  const Labels labels{{"__name__", "up"}, {"job", "api"}};
  EXPECT_EQ(Hash(labels), base::XxHash64("__name__\xffup\xffjob\xff"
                                         "api\xff"));
  const std::string large(5000, 'x');
  const Labels big{{"a", large}};
  EXPECT_EQ(Hash(big), base::XxHash64("a\xff" + large + "\xff"));
  EXPECT_EQ(Hash({}), base::XxHash64(""));
}

TEST(LabelsTest, PrintsLikePrometheus) {
  EXPECT_EQ(ToString(Labels{{"a", "1\n\""}, {"b", "x"}}), R"({a="1\n\"", b="x"})");
  EXPECT_EQ(ToString(LabelSpan()), "{}");
}

TEST(LabelsTest, CopiesAndMovesKeepContent) {
  Labels original{{"a", "1"}, {"b", "2"}};
  const Labels copy = original;
  const std::string_view view = original.span()[1].value;
  const Labels moved = std::move(original);
  EXPECT_EQ(moved, copy);
  EXPECT_EQ(view.data(), moved.span()[1].value.data());
  EXPECT_TRUE(original.empty());  // NOLINT(bugprone-use-after-move): moved-from is empty by contract
  EXPECT_NE(copy.span()[0].name.data(), moved.span()[0].name.data());
  base::Arena arena;
  EXPECT_TRUE(Equal(CopyTo(arena, moved), copy));
  EXPECT_TRUE(CopyTo(arena, {}).empty());
}

TEST(LabelsTest, DuplicateNamesAreNotSorted) {
  const LabelView twice[] = {{"a", "1"}, {"a", "2"}};
  EXPECT_FALSE(IsSorted(twice));
}

TEST(SymbolTableTest, GivesEachStringOneNumber) {
  SymbolTable table;
  std::vector<uint32_t> numbers;
  for (int i = 0; i < 1000; ++i) {
    numbers.push_back(table.Intern("symbol" + std::to_string(i)));
  }
  const uint32_t empty = table.Intern("");
  const SymbolTable moved = std::move(table);
  for (int i = 0; i < 1000; ++i) {
    const std::string text = "symbol" + std::to_string(i);
    EXPECT_EQ(moved.Find(text), numbers[static_cast<size_t>(i)]);
    EXPECT_EQ(moved.Get(numbers[static_cast<size_t>(i)]), text);
  }
  EXPECT_EQ(moved.Get(empty), "");
  EXPECT_EQ(moved.Find("other"), std::nullopt);
  EXPECT_EQ(moved.size(), 1001U);
}

}  // namespace
}  // namespace thanos::labels
