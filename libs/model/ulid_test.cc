#include "model/ulid.h"

#include <gtest/gtest.h>

namespace thanos::model {
namespace {

TEST(UlidTest, KnownTextRoundTrips) {
  // The example of the ULID specification: its time part is 1469918176385.
  const auto id = Ulid::Parse("01ARYZ6S41TSV4RRFFQ69G5FAV");
  ASSERT_TRUE(id.has_value());
  EXPECT_EQ(id->time_ms(), 1469918176385);
  EXPECT_EQ(id->ToString(), "01ARYZ6S41TSV4RRFFQ69G5FAV");
  EXPECT_EQ(Ulid::Parse("01aryz6s41tsv4rrffq69g5fav"), id);
}

TEST(UlidTest, RefusesOtherTexts) {
  for (const std::string_view bad :
       {"", "debug", "01ARYZ6S41TSV4RRFFQ69G5FA", "01ARYZ6S41TSV4RRFFQ69G5FAVX", "81ARYZ6S41TSV4RRFFQ69G5FAV",
        "01ARYZ6S41TSV4RRFFQ69G5FAU", "01ARYZ6S41TSV4RRFFQ69G5FA/"}) {
    EXPECT_FALSE(IsUlid(bad)) << bad;
  }
}

TEST(UlidTest, SortsByTime) {
  const Ulid early = Ulid::FromParts(1000, 0xffff, ~uint64_t{0});
  const Ulid late = Ulid::FromParts(1001, 0, 0);
  EXPECT_LT(early, late);
  EXPECT_LT(early.ToString(), late.ToString());
}

TEST(UlidTest, GeneratedOnesDiffer) {
  const Ulid id = Ulid::Generate(1234);
  EXPECT_EQ(id.time_ms(), 1234);
  EXPECT_NE(id, Ulid::Generate(1234));
  EXPECT_EQ(Ulid::Parse(id.ToString()), id);
}

}  // namespace
}  // namespace thanos::model
