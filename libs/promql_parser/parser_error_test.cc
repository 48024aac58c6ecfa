#include <gtest/gtest.h>
#include <ostream>
#include <string>

#include "promql_parser/parser.h"

namespace thanos::promql_parser {
namespace {

struct ErrorCase {
  std::string_view query;
  std::string_view error;
  friend std::ostream& operator<<(std::ostream& out, const ErrorCase& error_case) {
    return out << error_case.query;
  }
};

class ParseErrorTest : public ::testing::TestWithParam<ErrorCase> {};

TEST_P(ParseErrorTest, SaysWhatPrometheusSays) {
  const auto parsed = Parse(GetParam().query);
  ASSERT_FALSE(parsed.ok());
  EXPECT_EQ(parsed.status().code(), base::StatusCode::kInvalidArgument);
  EXPECT_EQ(base::Message(parsed.status()), GetParam().error);
}

INSTANTIATE_TEST_SUITE_P(
    Syntax, ParseErrorTest,
    ::testing::Values(
        ErrorCase{"", "unknown position: parse error: no expression found in input"},
        ErrorCase{"# just a comment\n\n", "1:1: parse error: no expression found in input"},
        ErrorCase{"1+", "1:3: parse error: unexpected end of input"},
        ErrorCase{".", "1:1: parse error: unexpected character: '.'"},
        ErrorCase{"2.5.", "1:1: parse error: bad number or duration syntax: \"2.5.\""},
        ErrorCase{"100..4", "1:1: parse error: bad number or duration syntax: \"100..\""},
        ErrorCase{"0deadbeef", "1:1: parse error: bad number or duration syntax: \"0de\""},
        ErrorCase{"1 /", "1:4: parse error: unexpected end of input"},
        ErrorCase{"*1", "1:1: parse error: unexpected <op:*>"},
        ErrorCase{"(1))", "1:5: parse error: unexpected right parenthesis ')'"},
        ErrorCase{"((1)", "1:5: parse error: unclosed left parenthesis"},
        ErrorCase{"(", "1:2: parse error: unclosed left parenthesis"},
        ErrorCase{"1 !~ 1", "1:3: parse error: unexpected character after '!': '~'"},
        ErrorCase{"1 =~ 1", "1:3: parse error: unexpected character after '=': '~'"},
        ErrorCase{"foo bar", "1:5: parse error: unexpected identifier \"bar\""},
        ErrorCase{"foo or", "1:7: parse error: unexpected end of input"},
        ErrorCase{"\n\n  foo bar", "3:7: parse error: unexpected identifier \"bar\""},
        ErrorCase{"a - on(b) ignoring(c) d", "1:11: parse error: unexpected <ignoring>"},
        ErrorCase{"a group_left b", "1:3: parse error: unexpected <group_left>"},
        ErrorCase{"{", "1:2: parse error: unexpected end of input inside braces"},
        ErrorCase{"}", "1:1: parse error: unexpected character: '}'"},
        ErrorCase{"some{", "1:6: parse error: unexpected end of input inside braces"},
        ErrorCase{"some}", "1:5: parse error: unexpected character: '}'"},
        ErrorCase{"some_metric{a=b}",
                  "1:15: parse error: unexpected identifier \"b\" in label matching, expected string"},
        ErrorCase{"some_metric{a:b=\"b\"}", "1:14: parse error: unexpected character inside braces: ':'"},
        ErrorCase{"foo{a*\"b\"}", "1:6: parse error: unexpected character inside braces: '*'"},
        ErrorCase{"foo{gibberish}",
                  "1:14: parse error: unexpected \"}\" in label matching, expected label matching operator"},
        ErrorCase{"foo{1}", "1:5: parse error: unexpected character inside braces: '1'"},
        ErrorCase{"foo{__name__= =\"bar\"}",
                  "1:15: parse error: unexpected \"=\" in label matching, expected string"},
        ErrorCase{"foo{,}",
                  "1:5: parse error: unexpected \",\" in label matching, expected identifier or \"}\""},
        ErrorCase{
            "foo{__name__=\"bar\" lol}",
            "1:20: parse error: unexpected identifier \"lol\" in label matching, expected \",\" or \"}\""},
        ErrorCase{"foo{a!b}", "1:6: parse error: unexpected character after '!' inside braces: 'b'"},
        ErrorCase{"{{", "1:2: parse error: unexpected left brace '{'"},
        ErrorCase{"some_metric{a=\"\xff\"}", "1:15: parse error: invalid UTF-8 rune"},
        ErrorCase{"\"\\c\"", "1:1: parse error: unknown escape sequence U+0063 'c'"},
        ErrorCase{"\"\\x.\"", "1:1: parse error: illegal character U+002E '.' in escape sequence"},
        ErrorCase{"\"\\uD800\"", "1:1: parse error: escape sequence is an invalid Unicode code point"},
        ErrorCase{"\"abc", "1:1: parse error: unterminated quoted string"},
        ErrorCase{"`abc", "1:1: parse error: unterminated raw string"},
        ErrorCase{"foo(bar", "1:8: parse error: unclosed left parenthesis"},
        ErrorCase{"foo[5mm]", "1:5: parse error: bad number or duration syntax: \"5mm\""},
        ErrorCase{"foo[5m1]", "1:5: parse error: bad number or duration syntax: \"5m1\""},
        ErrorCase{"foo[", "1:5: parse error: unexpected end of input in duration expression"},
        ErrorCase{"foo[5m", "1:7: parse error: unclosed left bracket"},
        ErrorCase{"foo[]",
                  "1:5: parse error: unexpected \"]\" in subquery selector, expected number or duration"},
        ErrorCase{"foo[\"5m\"]", "1:5: parse error: unexpected character in duration expression: '\"'"},
        ErrorCase{"foo[0m]", "1:5: parse error: duration must be greater than 0"},
        ErrorCase{"foo[-5m]", "1:5: parse error: duration must be greater than 0"},
        ErrorCase{"foo[5m:0s]", "1:8: parse error: duration must be greater than 0"},
        ErrorCase{"foo[5m+1m]", "1:5: parse error: experimental duration expression is not enabled"},
        ErrorCase{"foo[step()]", "1:5: parse error: experimental duration expression is not enabled"},
        ErrorCase{"foo[5m x]", "1:8: parse error: unexpected character: 'x', expected ':'"},
        ErrorCase{"foo[5m:1m:]", "1:10: parse error: unexpected colon ':'"},
        ErrorCase{"foo[[5m]]", "1:5: parse error: unexpected character in duration expression: '['"},
        ErrorCase{"foo]", "1:4: parse error: unexpected right bracket ']'"},
        ErrorCase{"foo offset",
                  "1:11: parse error: unexpected end of input in offset, expected number or duration"},
        ErrorCase{"foo @ bar", "1:7: parse error: unexpected identifier \"bar\" in @, expected timestamp"},
        ErrorCase{"foo @ start", "1:12: parse error: unexpected end of input in @, expected timestamp"},
        ErrorCase{"topk(some_metric,)",
                  "1:17: parse error: trailing commas not allowed in function call args"},
        ErrorCase{"topk(some_metric, @)",
                  "1:17: parse error: trailing commas not allowed in function call args"},
        ErrorCase{"nosuch())", "1:1: parse error: unknown function with name \"nosuch\""},
        ErrorCase{"sum some_metric", "1:5: parse error: unexpected identifier \"some_metric\""},
        ErrorCase{"sum by test (a)",
                  "1:8: parse error: unexpected identifier \"test\" in grouping opts, expected \"(\""},
        ErrorCase{"sum without(, by)(x)",
                  "1:13: parse error: unexpected \",\" in grouping opts, expected label"},
        ErrorCase{"sum by (a b) (x)",
                  "1:11: parse error: unexpected identifier \"b\" in grouping opts, expected \",\" or \")\""},
        ErrorCase{"sum (some_metric) without (test) by (test)", "1:34: parse error: unexpected <by>"},
        ErrorCase{"sum(foo bar)", "1:9: parse error: unexpected identifier \"bar\" in aggregation"},
        ErrorCase{"rate(foo bar)", "1:10: parse error: unexpected identifier \"bar\""},
        ErrorCase{"foo smoothed", "1:1: parse error: smoothed modifier is experimental and not enabled"},
        ErrorCase{"a + on(x) fill(0) b",
                  "1:11: parse error: binop fill modifiers are experimental and not enabled"},
        ErrorCase{"a </ b", "1:4: parse error: unexpected <op:/>"},
        ErrorCase{"1e400",
                  "1:1: parse error: error parsing number: strconv.ParseFloat: parsing \"1e400\": value out "
                  "of range"},
        ErrorCase{"foo\xC2\xA0", "1:4: parse error: unexpected character: '\\u00a0'"}));

INSTANTIATE_TEST_SUITE_P(
    Types, ParseErrorTest,
    ::testing::Values(
        ErrorCase{"1 and 1",
                  "1:1: parse error: set operator \"and\" not allowed in binary scalar expression"},
        ErrorCase{"foo and 1",
                  "1:1: parse error: set operator \"and\" not allowed in binary scalar expression"},
        ErrorCase{"1 == 1", "1:3: parse error: comparisons between scalars must use BOOL modifier"},
        ErrorCase{"-\"string\"",
                  "1:1: parse error: unary expression only allowed on expressions of type scalar or instant "
                  "vector, "
                  "got \"string\""},
        ErrorCase{"-test[5m]",
                  "1:1: parse error: unary expression only allowed on expressions of type scalar or instant "
                  "vector, "
                  "got \"range vector\""},
        ErrorCase{"1 offset 1d",
                  "1:1: parse error: offset modifier must be preceded by an instant vector selector or range "
                  "vector "
                  "selector or a subquery"},
        ErrorCase{"foo offset 1s offset 2s", "1:1: parse error: offset may not be set multiple times"},
        ErrorCase{"(foo) offset 1s",
                  "1:1: parse error: offset modifier must be preceded by an instant vector selector or range "
                  "vector "
                  "selector or a subquery"},
        ErrorCase{"foo @ 1 @ 2", "1:1: parse error: @ <timestamp> may not be set multiple times"},
        ErrorCase{"foo @ +Inf", "1:1: parse error: timestamp out of bounds for @ modifier: +Inf"},
        ErrorCase{"foo @ NaN", "1:1: parse error: timestamp out of bounds for @ modifier: NaN"},
        ErrorCase{"foo @ 1e20",
                  "1:1: parse error: timestamp out of bounds for @ modifier: 100000000000000000000.000000"},
        ErrorCase{"rate(foo) @ 1",
                  "1:1: parse error: @ modifier must be preceded by an instant vector selector or range "
                  "vector selector "
                  "or a subquery"},
        ErrorCase{"foo or on(bar) group_left(baz) bar",
                  "1:1: parse error: no grouping allowed for \"or\" operation"},
        ErrorCase{"foo + bool bar",
                  "1:5: parse error: bool modifier can only be used on comparison operators"},
        ErrorCase{"foo + on(bar) group_left(bar) x",
                  "1:5: parse error: label \"bar\" must not occur in ON and GROUP clause at once"},
        ErrorCase{"foo + on(bar) 1",
                  "1:1: parse error: vector matching only allowed between instant vectors"},
        ErrorCase{"foo + \"bar\"",
                  "1:7: parse error: binary expression must contain only scalar and instant vector types"},
        ErrorCase{"foo[5m] + 1",
                  "1:1: parse error: binary expression must contain only scalar and instant vector types"},
        ErrorCase{"{}", "1:1: parse error: vector selector must contain at least one non-empty matcher"},
        ErrorCase{"{x=\"\"}",
                  "1:1: parse error: vector selector must contain at least one non-empty matcher"},
        ErrorCase{"{x=~\".*\"}",
                  "1:1: parse error: vector selector must contain at least one non-empty matcher"},
        ErrorCase{"{x!=\"a\"}",
                  "1:1: parse error: vector selector must contain at least one non-empty matcher"},
        ErrorCase{"foo{__name__=\"bar\"}",
                  "1:1: parse error: metric name must not be set twice: \"foo\" or \"bar\""},
        ErrorCase{"(foo + bar)[5m]", "1:12: parse error: ranges only allowed for vector selectors"},
        ErrorCase{"foo offset 5m [5m]", "1:15: parse error: no offset modifiers allowed before range"},
        ErrorCase{"foo @ 5 [5m]", "1:9: parse error: no @ modifiers allowed before range"},
        ErrorCase{"1[5m:]",
                  "1:1: parse error: subquery is only allowed on instant vector, got scalar instead"},
        ErrorCase{"foo[5m][5m:]",
                  "1:1: parse error: subquery is only allowed on instant vector, got matrix instead"},
        ErrorCase{"unknown(foo)", "1:1: parse error: unknown function with name \"unknown\""},
        ErrorCase{"SUM_OVER_TIME(foo[5m])", "1:1: parse error: unknown function with name \"SUM_OVER_TIME\""},
        ErrorCase{"xrate(foo[5m])", "1:1: parse error: unknown function with name \"xrate\""},
        ErrorCase{"mad_over_time(foo[5m])", "1:1: parse error: function \"mad_over_time\" is not enabled"},
        ErrorCase{"limitk(1, foo)",
                  "1:1: parse error: limitk() is experimental and must be enabled with "
                  "--enable-feature=promql-experimental-functions"},
        ErrorCase{
            "rate(foo)",
            "1:6: parse error: expected type range vector in call to function \"rate\", got instant vector"},
        ErrorCase{"abs(foo, bar)", "1:1: parse error: expected 1 argument(s) in call to \"abs\", got 2"},
        ErrorCase{"round()", "1:1: parse error: expected at least 1 argument(s) in call to \"round\", got 0"},
        ErrorCase{"hour(a, b)",
                  "1:1: parse error: expected at most 1 argument(s) in call to \"hour\", got 2"},
        ErrorCase{"sum()", "1:1: parse error: no arguments for aggregate expression provided"},
        ErrorCase{"topk(foo)",
                  "1:1: parse error: wrong number of arguments for aggregate expression provided, expected "
                  "2, got 1"},
        ErrorCase{"sum(foo, bar)",
                  "1:1: parse error: wrong number of arguments for aggregate expression provided, expected "
                  "1, got 2"},
        ErrorCase{"topk(foo, bar)",
                  "1:6: parse error: expected type scalar in aggregation parameter, got instant vector"},
        ErrorCase{"count_values(5, bar)",
                  "1:14: parse error: expected type string in aggregation parameter, got scalar"},
        ErrorCase{
            "sum(foo[5m])",
            "1:5: parse error: expected type instant vector in aggregation expression, got range vector"},
        ErrorCase{"sum by (\"\") (foo)", "1:9: parse error: invalid label name for grouping: \"\""}));

INSTANTIATE_TEST_SUITE_P(
    RegularExpressions, ParseErrorTest,
    ::testing::Values(
        ErrorCase{R"(foo{a="b", c=~"*"})",
                  "1:12: parse error: error parsing regexp: missing argument to repetition operator: `*`"},
        ErrorCase{R"(foo{c=~"a("})", "1:5: parse error: error parsing regexp: missing closing ): `a(`"},
        ErrorCase{R"(foo{c=~"a)b"})", "1:5: parse error: error parsing regexp: unexpected ): `a)b`"},
        ErrorCase{R"(foo{c=~"[a"})", "1:5: parse error: error parsing regexp: missing closing ]: `[a`"},
        ErrorCase{R"(foo{c=~"[z-a]"})",
                  "1:5: parse error: error parsing regexp: invalid character class range: `z-a`"},
        ErrorCase{R"(foo{c=~"\\q"})",
                  "1:5: parse error: error parsing regexp: invalid escape sequence: `\\q`"},
        ErrorCase{R"(foo{c=~"a**"})",
                  "1:5: parse error: error parsing regexp: invalid nested repetition operator: `**`"},
        ErrorCase{R"(foo{c=~"a{1001}"})",
                  "1:5: parse error: error parsing regexp: invalid repeat count: `{1001}`"}));

class ExperimentalErrorTest : public ::testing::TestWithParam<ErrorCase> {};

TEST_P(ExperimentalErrorTest, SaysWhatPrometheusSays) {
  const ParserOptions options{.enable_experimental = true,
                              .enable_duration_expressions = true,
                              .enable_extended_range_selectors = true,
                              .enable_fill_modifiers = true};
  const auto parsed = Parse(GetParam().query, options);
  ASSERT_FALSE(parsed.ok());
  EXPECT_EQ(base::Message(parsed.status()), GetParam().error);
}

INSTANTIATE_TEST_SUITE_P(
    Durations, ExperimentalErrorTest,
    ::testing::Values(
        ErrorCase{"foo[5m/0]", "1:7: parse error: division by zero"},
        ErrorCase{"foo[5m%0]", "1:7: parse error: modulo by zero"},
        ErrorCase{"foo[-(5m)]", "1:5: parse error: duration must be greater than 0"},
        ErrorCase{"foo[5m*]",
                  "1:8: parse error: unexpected \"]\" in subquery selector, expected number or duration"},
        ErrorCase{"foo[5m)]", "1:8: parse error: unexpected right parenthesis ')'"},
        ErrorCase{"foo[:5m]", "1:6: parse error: unexpected colon before duration in duration expression"},
        ErrorCase{"foo offset (5m", "1:15: parse error: unclosed left parenthesis"},
        ErrorCase{"foo offset (1m) offset 1m", "1:1: parse error: offset may not be set multiple times"},
        ErrorCase{"foo offset (1m+1m)[5m]", "1:19: parse error: no offset modifiers allowed before range"},
        ErrorCase{"foo[5m] anchored smoothed",
                  "1:1: parse error: anchored and smoothed modifiers cannot be used together"},
        ErrorCase{"foo[5m:] anchored", "1:1: parse error: anchored modifier is not supported for subqueries"},
        ErrorCase{"sum(foo) smoothed", "1:1: parse error: smoothed modifier not implemented"},
        ErrorCase{"a + fill(0) 1",
                  "1:1: parse error: filling in missing series only allowed between instant vectors"},
        ErrorCase{"a and fill(0) b",
                  "1:1: parse error: filling in missing series not allowed for set operators"},
        ErrorCase{"a + fill(0) fill_left(0) b", "1:13: parse error: unexpected identifier \"fill_left\""},
        ErrorCase{"a + fill(b) b", "1:10: parse error: unexpected identifier \"b\""}));

TEST(ParseErrorTest, NamesTheArgumentOfInfo) {
  const ParserOptions options{.enable_experimental = true};
  EXPECT_EQ(base::Message(Parse("info(foo, bar)", options).status()),
            "1:11: parse error: expected label selectors only, got vector selector instead");
  EXPECT_EQ(base::Message(Parse("info(foo, 1)", options).status()),
            "1:1: parse error: expected type instant vector in call to function \"info\", got scalar");
}

TEST(ParseErrorTest, XFunctionsHaveTheirOwnSwitch) {
  EXPECT_FALSE(Parse("xrate(foo[5m])", {.enable_experimental = true}).ok());
  EXPECT_TRUE(Parse("xrate(foo[5m])", {.enable_x_functions = true}).ok());
}

}  // namespace
}  // namespace thanos::promql_parser
