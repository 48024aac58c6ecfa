// Hostile expressions end in an error (or a tree) within a second and 100 MB.

#include <ctime>
#include <fstream>
#include <functional>
#include <gtest/gtest.h>
#include <random>
#include <string>

#include "base/strings.h"
#include "promql_parser/parser.h"
#include "promql_parser/printer.h"

namespace thanos::promql_parser {
namespace {

constexpr size_t kMegabyte = 1 << 20;
constexpr ParserOptions kAllOn{.enable_experimental = true,
                               .enable_x_functions = true,
                               .enable_duration_expressions = true,
                               .enable_extended_range_selectors = true,
                               .enable_fill_modifiers = true};

std::string Repeat(std::string_view text, size_t times) {
  std::string out;
  out.reserve(text.size() * times);
  for (size_t i = 0; i < times; ++i) {
    out += text;
  }
  return out;
}

// `text` until a megabyte is full.
std::string Fill(std::string_view text) {
  return Repeat(text, kMegabyte / text.size());
}

// Sets the high-water mark of the process' memory back to what it uses now; returns that.
int64_t PeakKilobytes(bool reset) {
  if (reset) {
    std::ofstream("/proc/self/clear_refs") << 5;
  }
  std::ifstream in("/proc/self/status");
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("VmHWM:")) {
      return std::stoll(line.substr(6));
    }
  }
  return 0;
}

struct Hostile {
  std::string name;
  std::function<std::string()> query;
};

std::ostream& operator<<(std::ostream& out, const Hostile& hostile) {
  return out << hostile.name;
}

class ParserLimitsTest : public ::testing::TestWithParam<Hostile> {};

TEST_P(ParserLimitsTest, EndsSoonAndSmall) {
  const std::string query = GetParam().query();
  const int64_t before = PeakKilobytes(true);
  const std::clock_t start = std::clock();  // of the processor: other processes do not count
  const auto parsed = Parse(query, kAllOn);
  if (parsed.ok()) {
    EXPECT_FALSE(Format(**parsed).empty());
  }
  (void)ParseMetricSelector(query);
  const double seconds = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  EXPECT_LT(seconds, 1);
  EXPECT_LT(PeakKilobytes(false) - before, 100 * 1024);
#else
  (void)before;
  (void)seconds;
#endif
}

std::string RandomTokens(uint64_t seed) {
  static constexpr std::string_view kTokens[] = {
      "foo", "sum",    "by",      "(",    ")",          "{", "}",   "[",  "]",     "5m", ":",
      "@",   "offset", "1",       "+",    "-",          "^", "and", "on", "\"x\"", "=",  "=~",
      ",",   "rate",   "start()", "bool", "group_left", " ", "\n",  "#",  "'",     "`"};
  std::mt19937_64 random(seed);
  std::string out;
  while (out.size() < kMegabyte) {
    out += kTokens[random() % std::size(kTokens)];
  }
  return out;
}

INSTANTIATE_TEST_SUITE_P(
    Nesting, ParserLimitsTest,
    ::testing::Values(
        Hostile{"parens", [] { return Fill("("); }}, Hostile{"signs", [] { return Fill("-") + "1"; }},
        Hostile{"powers", [] { return Fill("2^") + "2"; }}, Hostile{"sums", [] { return Fill("a+") + "a"; }},
        Hostile{"ors", [] { return Fill("a or ") + "a"; }}, Hostile{"calls", [] { return Fill("abs("); }},
        Hostile{"aggregations", [] { return Fill("sum by (a) ("); }},
        Hostile{"arguments", [] { return "sum(" + Fill("a,") + "a)"; }},
        Hostile{"number_arguments", [] { return "vector(" + Fill("1,") + "1)"; }},
        Hostile{"subqueries", [] { return "a" + Fill("[5m:]"); }},
        Hostile{"offsets", [] { return "a" + Fill(" offset 0s"); }},
        Hostile{"duration_parens", [] { return "a[" + Fill("(") + "1"; }},
        Hostile{"duration_signs", [] { return "a[" + Fill("-") + "1]"; }},
        Hostile{"duration_chain", [] { return "a[" + Fill("1+") + "1]"; }},
        Hostile{"duration_powers", [] { return "a offset (" + Fill("2^") + "1)"; }},
        Hostile{"duration_minima", [] { return "a[" + Fill("min_of(") + "1"; }}),
    [](const auto& param_info) { return param_info.param.name; });

INSTANTIATE_TEST_SUITE_P(Size, ParserLimitsTest,
                         ::testing::Values(Hostile{"matchers", [] { return "a{" + Fill("b=\"c\",") + "}"; }},
                                           Hostile{"names", [] { return "{" + Fill("\"c\",") + "}"; }},
                                           Hostile{"labels",
                                                   [] { return "sum by (" + Fill("a,") + ") (a)"; }},
                                           Hostile{"one_name", [] { return Fill("a"); }},
                                           Hostile{"one_string", [] { return "\"" + Fill("\\x41") + "\""; }},
                                           Hostile{"digits", [] { return Fill("1"); }},
                                           Hostile{"underscores", [] { return Fill("1_") + "1"; }},
                                           Hostile{"comments", [] { return Fill("#\n") + "1"; }},
                                           Hostile{"nul_bytes", [] { return std::string(kMegabyte, '\0'); }},
                                           Hostile{"random_tokens", [] { return RandomTokens(1); }},
                                           Hostile{"fills", [] { return "a + " + Fill("fill(1)") + " b"; }},
                                           Hostile{"modes", [] { return "a" + Fill(" smoothed"); }}),
                         [](const auto& param_info) { return param_info.param.name; });

std::string Selector(std::string_view regex) {
  return base::Concat("a{b=~\"", regex, "\"}");
}

INSTANTIATE_TEST_SUITE_P(
    RegularExpressions, ParserLimitsTest,
    ::testing::Values(
        Hostile{"nested_repetition", [] { return Selector("((a{100}){100}){100}"); }},
        Hostile{"nested_stars", [] { return Selector(Repeat("(", 500) + "a" + Repeat("*)", 500)); }},
        Hostile{"deep_groups", [] { return Selector(Fill("(")); }},
        Hostile{"closed_groups",
                [] { return Selector(Repeat("(", kMegabyte / 2) + "a" + Repeat(")", kMegabyte / 2)); }},
        Hostile{"alternation", [] { return Selector(Fill("a.|")); }},
        Hostile{"literals", [] { return Selector(Fill("ab|") + "c"); }},
        Hostile{"classes", [] { return Selector(Fill("[a-z]")); }},
        Hostile{"unicode_classes", [] { return Selector(Fill("\\\\p{L}")); }},
        Hostile{"some_unicode_classes", [] { return Selector(Repeat("\\\\p{L}", 500)); }},
        Hostile{"negated_classes", [] { return Selector(Fill("[^\\\\pL]")); }},
        Hostile{"optional_parts", [] { return Selector(Fill("a?") + Repeat("a", 1000)); }},
        Hostile{"many_small", [] { return "a{" + Fill("b=~\"x+\",") + "}"; }},
        Hostile{"many_large", [] { return "a{" + Fill("b=~\"(.{900}){9}\",") + "}"; }},
        Hostile{"many_in_a_chain", [] { return Fill("a{b=~\"(x.{99}){99}\"}+"); }}),
    [](const auto& param_info) { return param_info.param.name; });

}  // namespace
}  // namespace thanos::promql_parser
