#include "model/time_range.h"

#include <gtest/gtest.h>

namespace thanos::model {
namespace {

TEST(TimeRangeTest, SumsSaturate) {
  EXPECT_EQ(SaturatingAdd(kMaxTimeMs, 1), kMaxTimeMs);
  EXPECT_EQ(SaturatingAdd(kMinTimeMs, -1), kMinTimeMs);
  EXPECT_EQ(SaturatingSubtract(kMinTimeMs, 1), kMinTimeMs);
  EXPECT_EQ(SaturatingSubtract(0, kMinTimeMs), kMaxTimeMs);
  EXPECT_EQ(SaturatingAdd(1, 2), 3);
}

TEST(TimeRangeTest, EndOfABlockIsOutside) {
  const HalfOpenRange block{0, 100};
  EXPECT_TRUE(block.Contains(99));
  EXPECT_FALSE(block.Contains(100));
  EXPECT_FALSE(block.Overlaps(ClosedRange{100, 200}));
  EXPECT_TRUE(block.Overlaps(ClosedRange{99, 200}));
  EXPECT_FALSE(block.Overlaps(HalfOpenRange{100, 200}));
  EXPECT_EQ(block.ToClosed(), (ClosedRange{0, 99}));
  EXPECT_TRUE((HalfOpenRange{5, 5}.ToClosed().empty()));
}

TEST(TimeRangeTest, IntersectionOfDisjointRangesIsEmpty) {
  EXPECT_TRUE((ClosedRange{0, 9}.Intersect({10, 20}).empty()));
  EXPECT_EQ((ClosedRange{0, 10}.Intersect({10, 20})), (ClosedRange{10, 10}));
}

}  // namespace
}  // namespace thanos::model
