#include "model/units.h"

#include <gtest/gtest.h>

namespace thanos::model {
namespace {

struct DurationCase {
  std::string_view name;
  std::string_view input;
  int64_t want_ms;
  bool ok;
};

class ParseDurationTest : public ::testing::TestWithParam<DurationCase> {};

TEST_P(ParseDurationTest, MatchesPrometheusGrammar) {
  const auto got = ParseDurationMs(GetParam().input);
  ASSERT_EQ(got.ok(), GetParam().ok) << got.status();
  if (got.ok()) {
    EXPECT_EQ(*got, GetParam().want_ms);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Grammar, ParseDurationTest,
    ::testing::Values(DurationCase{"zero", "0", 0, true}, DurationCase{"zero_weeks", "0w", 0, true},
                      DurationCase{"minutes", "5m", 300'000, true},
                      DurationCase{"millis", "324ms", 324, true},
                      DurationCase{"hour_minutes", "1h30m", 5'400'000, true},
                      DurationCase{"all", "1y1w1d1h1m1s1ms", 32'230'861'001, true},
                      DurationCase{"years", "10y", 315'360'000'000, true},
                      DurationCase{"empty", "", 0, false}, DurationCase{"no_unit", "5", 0, false},
                      DurationCase{"wrong_order", "1m1h", 0, false}, DurationCase{"twice", "1m1m", 0, false},
                      DurationCase{"negative", "-1m", 0, false}, DurationCase{"fraction", "1.5h", 0, false},
                      DurationCase{"unknown", "1x", 0, false}, DurationCase{"space", "1 m", 0, false},
                      DurationCase{"max", "292y", 9'208'512'000'000, true},
                      DurationCase{"too_long", "293y", 0, false},
                      DurationCase{"overflow", "99999999999999999999s", 0, false}),
    [](const auto& param_info) { return std::string(param_info.param.name); });

TEST(FormatDurationTest, PrintsLikePrometheus) {
  EXPECT_EQ(FormatDurationMs(0), "0s");
  EXPECT_EQ(FormatDurationMs(324), "324ms");
  EXPECT_EQ(FormatDurationMs(5'400'000), "1h30m");
  EXPECT_EQ(FormatDurationMs(4 * 3'600'000 + 1), "4h1ms");
  EXPECT_EQ(FormatDurationMs(7 * 86'400'000LL), "1w");
  EXPECT_EQ(FormatDurationMs(8 * 86'400'000LL), "8d");
  EXPECT_EQ(FormatDurationMs(3 * 365 * 86'400'000LL), "3y");
  EXPECT_EQ(FormatDurationMs(-60'000), "-1m");
  EXPECT_EQ(FormatDurationMs(INT64_MIN).front(), '-');
}

TEST(ParseGoDurationTest, TakesFractionsAndSigns) {
  EXPECT_EQ(ParseGoDurationMs("1.5h").value(), 5'400'000);
  EXPECT_EQ(ParseGoDurationMs("-2m30s").value(), -150'000);
  EXPECT_EQ(ParseGoDurationMs("0").value(), 0);
  EXPECT_EQ(ParseGoDurationMs("0.001s").value(), 1);
  EXPECT_EQ(ParseGoDurationMs("1500us").value(), 1);
  for (const std::string_view bad : {"", "-", "1", "h", "1d", ".s", "1h-1m", "1e9h"}) {
    EXPECT_FALSE(ParseGoDurationMs(bad).ok()) << bad;
  }
}

TEST(ParseBytesTest, UsesPowersOf1024) {
  EXPECT_EQ(ParseBytes("0").value(), 0);
  EXPECT_EQ(ParseBytes("512").value(), 512);
  EXPECT_EQ(ParseBytes("1KB").value(), 1024);
  EXPECT_EQ(ParseBytes("1.5KiB").value(), 1536);
  EXPECT_EQ(ParseBytes("2GB").value(), int64_t{2} << 30);
  EXPECT_EQ(ParseBytes("7EB").value(), int64_t{7} << 60);
  for (const std::string_view bad : {"", "B", "-1", "1kb", "1K", "8EB", "1XB", "nan", "inf"}) {
    EXPECT_FALSE(ParseBytes(bad).ok()) << bad;
  }
}

}  // namespace
}  // namespace thanos::model
