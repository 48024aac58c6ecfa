#include "promstore/block_durations.h"

#include <gtest/gtest.h>

namespace thanos::promstore {
namespace {

TEST(BlockDurationsTest, CompactionOfPrometheusMustBeOff) {
  std::string warning;
  const auto check = [&](const base::StringMap<std::string>& flags) {
    warning.clear();
    return CheckBlockDurations(flags, "data/thanos.shipper.json", &warning);
  };
  base::StringMap<std::string> flags = {{"storage.tsdb.min-block-duration", "2h"},
                                        {"storage.tsdb.max-block-duration", "2h"}};
  EXPECT_TRUE(check(flags).ok());
  EXPECT_EQ(warning, "");
  flags["storage.tsdb.min-block-duration"] = "1h";
  flags["storage.tsdb.max-block-duration"] = "60m";
  EXPECT_TRUE(check(flags).ok());
  EXPECT_NE(warning, "");
  flags["storage.tsdb.max-block-duration"] = "1d12h";
  EXPECT_EQ(check(flags),
            base::FailedPrecondition(
                "found that TSDB Max time is 1d12h and Min time is 1h. Compaction needs to be disabled "
                "(storage.tsdb.min-block-duration = storage.tsdb.max-block-duration)"));
  flags["storage.tsdb.delay-compact-file.path"] = "./data/thanos.shipper.json";
  EXPECT_TRUE(check(flags).ok());
  EXPECT_EQ(check({}).code(), base::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace thanos::promstore
