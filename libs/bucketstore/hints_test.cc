#include "bucketstore/internal/hints.h"

#include "encoding/wire.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace thanos::bucketstore::internal {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::string RequestHints(int64_t type, std::string_view name, std::string_view value) {
  std::string matcher;
  encoding::AppendInt64Field(matcher, 1, type);
  encoding::AppendBytesField(matcher, 2, name);
  encoding::AppendBytesField(matcher, 3, value);
  std::string hints;
  encoding::AppendBytesField(hints, 1, matcher);
  std::string any;
  encoding::AppendBytesField(any, 1, "type.googleapis.com/hintspb.SeriesRequestHints");
  encoding::AppendBytesField(any, 2, hints);
  return any;
}

TEST(HintsTest, BlockMatchersSeeLabelsAndUlid) {
  block::Meta meta;
  meta.ulid = model::Ulid::FromParts(1000, 0, 1);
  meta.thanos.emplace().labels = labels::Labels({{"cluster", "a"}});
  const auto by_label = ParseBlockMatchers(RequestHints(2, "cluster", "a|b"));
  ASSERT_TRUE(by_label.ok()) << by_label.status();
  EXPECT_TRUE(MatchesBlock(*by_label, meta));
  EXPECT_TRUE(MatchesBlock(*ParseBlockMatchers(RequestHints(0, "__block_id", meta.ulid.ToString())), meta));
  EXPECT_FALSE(MatchesBlock(*ParseBlockMatchers(RequestHints(1, "__block_id", meta.ulid.ToString())), meta));
  EXPECT_THAT(*ParseBlockMatchers(""), IsEmpty());
}

TEST(HintsTest, DamagedHintsAreInvalid) {
  const std::string good = RequestHints(2, "cluster", "a");
  EXPECT_EQ(ParseBlockMatchers(good.substr(0, good.size() - 1)).status().code(),
            base::StatusCode::kInvalidArgument);
  EXPECT_EQ(ParseBlockMatchers(RequestHints(9, "cluster", "a")).status().code(),
            base::StatusCode::kInvalidArgument);
  EXPECT_EQ(ParseBlockMatchers(RequestHints(2, "cluster", "(")).status().code(),
            base::StatusCode::kInvalidArgument);
}

TEST(HintsTest, NamesQueriedBlocks) {
  EXPECT_EQ(QueriedBlocksHints("LabelNamesResponseHints", {"A", "B"}),
            "\x0a\x33type.googleapis.com/hintspb.LabelNamesResponseHints\x12\x0a\x0a\x03\x0a\x01"
            "A\x0a\x03\x0a\x01"
            "B");
}

}  // namespace
}  // namespace thanos::bucketstore::internal
