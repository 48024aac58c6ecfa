#include "hashring/internal/go_random.h"

#include <gtest/gtest.h>

namespace thanos::hashring::internal {
namespace {

// The well-known first numbers of Go programs that seed with 1, and of other seeds.
TEST(GoRandomTest, GivesGosNumbers) {
  GoRandom one(1);
  EXPECT_EQ(one.Int63(), 5577006791947779410);
  EXPECT_EQ(one.Int63(), 8674665223082153551);
  EXPECT_EQ(one.Int63(), 6129484611666145821);
  EXPECT_EQ(one.Int63(), 4037200794235010051);
  GoRandom answer(42);
  EXPECT_EQ(answer.Int63(), 3440579354231278675);
}

TEST(GoRandomTest, SeedsAreTakenModuloTheLehmerModulus) {
  GoRandom one(1);
  GoRandom same(int64_t{1} << 31);
  GoRandom negative(1 - ((int64_t{1} << 31) - 1));
  const uint64_t first = one.Uint64();
  EXPECT_EQ(same.Uint64(), first);
  EXPECT_EQ(negative.Uint64(), first);
}

}  // namespace
}  // namespace thanos::hashring::internal
