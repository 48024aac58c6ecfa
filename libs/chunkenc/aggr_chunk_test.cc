#include "chunkenc/aggr_chunk.h"

#include <gtest/gtest.h>

#include "chunkenc/appender.h"
#include "chunkenc/column_decoder.h"

namespace thanos::chunkenc {
namespace {

std::string Xor(double value) {
  XorAppender appender;
  appender.Append(1, value);
  return appender.Bytes();
}

TEST(AggrChunkTest, PartsRoundTrip) {
  const std::string count = Xor(1);
  const std::string counter = Xor(2);
  AggregateParts parts;
  parts[0] = {Encoding::kXor, count};
  parts[4] = {Encoding::kFloatHistogram, counter};
  std::string chunk;
  JoinAggregateChunk(parts, &chunk);
  const auto got = SplitAggregateChunk(chunk);
  ASSERT_TRUE(got.ok()) << got.status();
  for (size_t i = 0; i < kNumAggregates; ++i) {
    EXPECT_EQ((*got)[i].encoding, parts[i].encoding);
    EXPECT_EQ((*got)[i].data, parts[i].data);
  }
  EXPECT_EQ(NumSamples(Encoding::kAggregate, chunk).value(), 1);
  for (size_t length = 0; length < chunk.size(); ++length) {
    EXPECT_EQ(SplitAggregateChunk(std::string_view(chunk).substr(0, length)).status().code(),
              base::StatusCode::kDataLoss);
  }
}

TEST(AggrChunkTest, RefusesNestingAndTrailingBytes) {
  EXPECT_FALSE(SplitAggregateChunk(std::string_view("\x01\xff\x00\x00\x00\x00\x00", 7)).ok());
  EXPECT_FALSE(SplitAggregateChunk(std::string_view("\x00\x00\x00\x00\x00\x00", 6)).ok());
  EXPECT_TRUE(SplitAggregateChunk(std::string_view("\x00\x00\x00\x00\x00", 5)).ok());
}

}  // namespace
}  // namespace thanos::chunkenc
