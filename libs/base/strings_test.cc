#include "base/strings.h"

#include <cmath>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <limits>

namespace thanos::base {
namespace {

TEST(StringsTest, SplitKeepsEmptyPieces) {
  EXPECT_THAT(Split("a,,b", ','), testing::ElementsAre("a", "", "b"));
  EXPECT_THAT(Split("", ','), testing::ElementsAre(""));
}

TEST(StringsTest, ParsesWholeNumbersOnly) {
  EXPECT_EQ(ParseInt64("-12"), -12);
  EXPECT_EQ(ParseInt64("+12"), 12);
  EXPECT_EQ(ParseInt64("12x"), std::nullopt);
  EXPECT_EQ(ParseInt64(""), std::nullopt);
  EXPECT_EQ(ParseInt64("9223372036854775808"), std::nullopt);
  EXPECT_EQ(ParseDouble("1e3"), 1000.0);
  EXPECT_EQ(ParseDouble("-Inf"), -std::numeric_limits<double>::infinity());
  EXPECT_TRUE(std::isnan(ParseDouble("NaN").value_or(0)));
  EXPECT_EQ(ParseDouble("--1"), std::nullopt);
  EXPECT_EQ(ParseDouble("0x10"), std::nullopt);
}

TEST(StringsTest, RejectsMalformedUtf8) {
  EXPECT_TRUE(IsValidUtf8("h\xc3\xa9llo \xf0\x9f\x98\x80"));
  EXPECT_FALSE(IsValidUtf8("\xc3"));
  EXPECT_FALSE(IsValidUtf8("\xed\xa0\x80"));
  EXPECT_FALSE(IsValidUtf8("\xc0\x80"));
  EXPECT_FALSE(IsValidUtf8("\xff"));
}

TEST(StringsTest, QuotesLikeGo) {
  EXPECT_EQ(Quote("a\"b\\c\n\x01\xff\xc3\xa9"), "\"a\\\"b\\\\c\\n\\x01\\xff\xc3\xa9\"");
}

TEST(StringsTest, MapsAreAskedWithViews) {
  StringMap<int> map;
  map.emplace("key", 1);
  EXPECT_NE(map.find(std::string_view("key")), map.end());
}

}  // namespace
}  // namespace thanos::base
