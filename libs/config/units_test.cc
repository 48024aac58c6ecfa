#include "config/units.h"

#include <gtest/gtest.h>

#include "config/flags.h"

namespace thanos::config {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

struct DurationCase {
  std::string_view text;
  base::Duration want;
};

TEST(ParseExtDurationTest, TakesGoSyntaxWithDaysAndWeeks) {
  for (const DurationCase& test : {DurationCase{"1h30m", minutes(90)},
                                   {"1.5h", minutes(90)},
                                   {"1d", hours(24)},
                                   {"2w", hours(336)},
                                   {"0", seconds(0)},
                                   {"0s", seconds(0)},
                                   {"-2m", minutes(-2)},
                                   {"300ms", milliseconds(300)},
                                   {".5s", milliseconds(500)},
                                   {"1m1h", minutes(61)}}) {
    const auto got = ParseExtDuration(test.text);
    ASSERT_TRUE(got.ok()) << test.text << ": " << got.status();
    EXPECT_EQ(*got, test.want) << test.text;
  }
}

TEST(ParseExtDurationTest, RefusesTheRest) {
  for (const std::string_view text : {"", "5", "h", "-", "1x", "1.h.", "1 h", ".s", "1..5h", "100000000w"}) {
    EXPECT_FALSE(ParseExtDuration(text).ok()) << text;
  }
}

TEST(ParsePromDurationTest, TakesWholeNumbersInDescendingUnits) {
  for (const DurationCase& test : {DurationCase{"1h30m", minutes(90)},
                                   {"1d", hours(24)},
                                   {"0", seconds(0)},
                                   {"0d", seconds(0)},
                                   {"1y", hours(8760)},
                                   {"5m", minutes(5)}}) {
    const auto got = ParsePromDuration(test.text);
    ASSERT_TRUE(got.ok()) << test.text << ": " << got.status();
    EXPECT_EQ(*got, test.want) << test.text;
  }
  for (const std::string_view text : {"", "1.5h", "5", "-5m", "30m1h", "1h1h", "5 m"}) {
    EXPECT_FALSE(ParsePromDuration(text).ok()) << text;
  }
}

TEST(FormatDurationTest, PrintsLikeGoAndPrometheus) {
  EXPECT_EQ(FormatExtDuration(minutes(60)), "1h0m0s");
  EXPECT_EQ(FormatExtDuration(seconds(90)), "1m30s");
  EXPECT_EQ(FormatExtDuration(milliseconds(1500)), "1.5s");
  EXPECT_EQ(FormatExtDuration(milliseconds(300)), "300ms");
  EXPECT_EQ(FormatExtDuration(seconds(0)), "0s");
  EXPECT_EQ(FormatExtDuration(minutes(-2)), "-2m0s");
  EXPECT_EQ(FormatPromDuration(minutes(90)), "1h30m");
  EXPECT_EQ(FormatPromDuration(hours(48)), "2d");
  EXPECT_EQ(FormatPromDuration(seconds(0)), "0s");
}

TEST(ByteSizeTest, IsBaseTwoInBothSpellings) {
  for (const auto& [text, want] : std::vector<std::pair<std::string_view, int64_t>>{{"0", 0},
                                                                                    {"17", 17},
                                                                                    {"250MB", 250 << 20},
                                                                                    {"250MiB", 250 << 20},
                                                                                    {"2GB", int64_t{2} << 30},
                                                                                    {"1KB", 1024}}) {
    const auto got = ParseByteSize(text);
    ASSERT_TRUE(got.ok()) << text << ": " << got.status();
    EXPECT_EQ(*got, want) << text;
  }
  for (const std::string_view text : {"", "MB", "1XB", "-5", "1e400", "9000EB"}) {
    EXPECT_FALSE(ParseByteSize(text).ok()) << text;
  }
  EXPECT_EQ(FormatByteSize(250 << 20), "250MiB");
  EXPECT_EQ(FormatByteSize(1536), "1KiB512B");
  EXPECT_EQ(FormatByteSize(0), "0B");
}

TEST(ParseRfc3339Test, CoversYearsZeroTo9999) {
  for (const auto& [text, want] : std::vector<std::pair<std::string_view, int64_t>>{
           {"1970-01-01T00:00:00Z", 0},
           {"2024-02-29T12:30:15.123Z", 1709209815123},
           {"2024-02-29T12:30:15.123456789+01:30", 1709204415123},
           {"0000-01-01T00:00:00Z", -62167219200000},
           {"9999-12-31T23:59:59Z", 253402300799000}}) {
    const auto got = ParseRfc3339Ms(text);
    ASSERT_TRUE(got.ok()) << text << ": " << got.status();
    EXPECT_EQ(*got, want) << text;
  }
  for (const std::string_view text :
       {"", "2024", "2023-02-29T00:00:00Z", "2024-01-01T24:00:00Z", "2024-01-01T00:00:00",
        "2024-01-01T00:00:00.Z", "2024-01-01T00:00:00Zx", "2024-13-01T00:00:00Z"}) {
    EXPECT_FALSE(ParseRfc3339Ms(text).ok()) << text;
  }
}

TEST(TimeOrDurationTest, IsAbsoluteOrRelativeToNow) {
  constexpr int64_t kNow = 1'700'000'000'000;
  EXPECT_EQ(TimeOrDuration{"-2w"}.ToMs(kNow).value(), kNow - 14 * 86'400'000LL);
  EXPECT_EQ(TimeOrDuration{"30m"}.ToMs(kNow).value(), kNow + 1'800'000);
  EXPECT_EQ(TimeOrDuration{"1970-01-01T00:00:01Z"}.ToMs(kNow).value(), 1000);
  EXPECT_FALSE(TimeOrDuration{"yesterday"}.ToMs(kNow).ok());
}

TEST(ParseLabelFlagTest, WantsAQuotedValue) {
  EXPECT_EQ(ParseLabelFlag(R"(region="eu west")").value(),
            std::pair(std::string("region"), std::string("eu west")));
  EXPECT_EQ(ParseLabelFlag(R"(a="x\"y\\")").value().second, "x\"y\\");
  for (const std::string_view text :
       {"a=b", "a", "=\"x\"", "a=\"x", "a=\"x\"y\"", "a=\"\\q\"", "a=\"x\\\""}) {
    EXPECT_FALSE(ParseLabelFlag(text).ok()) << text;
  }
}

}  // namespace
}  // namespace thanos::config
