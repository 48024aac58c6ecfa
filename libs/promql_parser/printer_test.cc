#include "promql_parser/printer.h"

#include <gtest/gtest.h>
#include <string>

#include "promql_parser/parser.h"

namespace thanos::promql_parser {
namespace {

constexpr ParserOptions kAllOn{.enable_experimental = true,
                               .enable_x_functions = true,
                               .enable_duration_expressions = true,
                               .enable_extended_range_selectors = true,
                               .enable_fill_modifiers = true};

struct PrintCase {
  std::string_view query;
  std::string_view printed;  // empty: like `query`
};
const PrintCase kCases[] = {
    {"1", ""},
    {"-0", ""},
    {"1e3", "1000"},
    {"0.000001", ""},
    {"Inf", "+Inf"},
    {"INF + inf", "+Inf + +Inf"},
    {"foo[5m+2*(1m)]", "foo[5m + 2 * 1m]"},
    {"foo[(5m+1m)*2]", "foo[(5m + 1m) * 2]"},
    {"foo[-5m + 35m]", ""},
    {"foo[2 ^ 3 ^ 2:-(step() - 1h)] offset -(2m)", "foo[2 ^ 3 ^ 2:-(step() - 1h)] offset -2m"},
    {"foo[MIN(step(),5m)] offset max_of(range(), 1)", "foo[min_of(step(), 5m)] offset max_of(range(), 1)"},
    {"foo offset step() * 2", ""},
    {"foo[5m] smoothed @ 5 offset 1m", "foo[5m] @ 5.000 smoothed offset 1m"},
    {"foo ANCHORED", "foo anchored"},
    {"smoothed + anchored + fill + step + range + min_of", ""},
    {"start() + end() + range() + step() + min_of(1, max_of(2, 3))", ""},
    {"a + fill(1) b", "a + fill (1) b"},
    {"a + fill_left(NaN) b", "a + fill_left (NaN) b"},
    {"a + on (x) group_left () fill_right (-2) fill_left(0) b",
     "a + on (x) group_left () fill_left (0) fill_right (-2) b"},
    {"fill + fill{a=\"b\"}", ""},
    {"foo{b=\"1\",a=\"2\"}", "foo{a=\"2\",b=\"1\"}"},
    {"-Inf", ""},
    {"nan", "NaN"},
    {"5m", ""},
    {"-0s", ""},
    {"-1h30m", ""},
    {"\"a\\\"b\\n\\xff\"", ""},
    {"'x'", "\"x\""},
    {"foo", ""},
    {"foo{}", "foo"},
    {"foo{a='b',c=~\"d.*\"}", "foo{a=\"b\",c=~\"d.*\"}"},
    {"{__name__=\"foo\"}", ""},
    {"{\"foo.bar\",\"a.b\"!=\"c\"}", "{\"a.b\"!=\"c\",__name__=\"foo.bar\"}"},
    {"foo offset 5m @ 100", "foo @ 100.000 offset 5m"},
    {"foo[5m] offset -1h30m", ""},
    {"foo @ start()", ""},
    {"foo[5m] @ end()", ""},
    {"foo @ -0.5", "foo @ -0.500"},
    {"foo[1h:]", ""},
    {"sum(foo)[1h:5m] @ 1.500 offset 1d", ""},
    {"sum by(a,b)(foo)", "sum by (a, b) (foo)"},
    {"sum by () (foo)", "sum(foo)"},
    {"sum without () (foo)", ""},
    {"sum(foo) without (\"a.b\", \"without\")", "sum without (\"a.b\", \"without\") (foo)"},
    {"topk(3,foo)", "topk(3, foo)"},
    {"count_values(\"x\", foo)", ""},
    {"limit_ratio(-0.5, foo)", ""},
    {"a+b", "a + b"},
    {"a > bool on(x) group_left(y) b", "a > bool on (x) group_left (y) b"},
    {"a * ignoring() group_right b", "a * ignoring () group_right () b"},
    {"a and on() b", "a and on () b"},
    {"a unless ignoring(x) b", "a unless ignoring (x) b"},
    {"-a^2", "-a ^ 2"},
    {"(-1)^2", "(-1) ^ 2"},
    {"2^-1", "2 ^ -1"},
    {"Inf^2", "Inf ^ 2"},
    {"--a", ""},
    {"(a + b) * c", ""},
    {"rate(foo[5m])", ""},
    {"time()", ""},
    {"xrate(foo[5m])", ""},
    {"info(foo, {a=~\".*\"})", ""},
    {"histogram_quantile(0.9, sum by (le) (rate(foo_bucket{job=\"x\"}[5m])))", ""},
};

void ExpectRoundTrip(std::string_view query, std::string_view text) {
  const auto parsed = Parse(query, kAllOn);
  ASSERT_TRUE(parsed.ok()) << query << ": " << parsed.status();
  const auto again = Parse(text, kAllOn);
  ASSERT_TRUE(again.ok()) << text << ": " << again.status();
  EXPECT_TRUE(Equal(**parsed, **again)) << query << " -> " << text;
  EXPECT_TRUE(Equal(**parsed, *Clone(**parsed))) << query;
}

TEST(PrinterTest, PrintsLikePrometheus) {
  for (const PrintCase& print_case : kCases) {
    const auto parsed = Parse(print_case.query, kAllOn);
    ASSERT_TRUE(parsed.ok()) << print_case.query << ": " << parsed.status();
    EXPECT_EQ(Print(**parsed), print_case.printed.empty() ? print_case.query : print_case.printed);
    EXPECT_EQ(Format(**parsed), Print(**parsed)) << "short expressions stay on one line";
    ExpectRoundTrip(print_case.query, Print(**parsed));
  }
}

TEST(PrinterTest, BreaksLongExpressions) {
  const std::string long_name(60, 'x');
  const std::string query = "-sum by (job) (rate(" + long_name +
                            "[5m])) / on (job) group_left (a) (topk(3, " + long_name +
                            "{job=\"averyveryverylonglabelvalue\"}))";
  const auto parsed = Parse(query);
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  const std::string formatted = Format(**parsed);
  EXPECT_EQ(formatted, "  -sum by (job) (rate(" + long_name +
                           "[5m]))\n/ on (job) group_left (a)\n  (\n    topk(\n      3,\n      " + long_name +
                           "{job=\"averyveryverylonglabelvalue\"}\n    )\n  )");
  ExpectRoundTrip(query, formatted);
}

TEST(PrinterTest, FormatsDeepTrees) {
  std::string query = "a";
  for (int i = 0; i < 900; ++i) {
    query = "abs(" + query + ")";
  }
  const auto parsed = Parse(query);
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  ExpectRoundTrip(query, Format(**parsed));
}

}  // namespace
}  // namespace thanos::promql_parser
