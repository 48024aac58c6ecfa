#include "promql_parser/parser.h"

#include <cmath>
#include <gtest/gtest.h>
#include <string>

#include "promql_parser/printer.h"

namespace thanos::promql_parser {
namespace {

ExprPtr MustParse(std::string_view query, const ParserOptions& options = {}) {
  auto parsed = Parse(query, options);
  EXPECT_TRUE(parsed.ok()) << query << ": " << parsed.status();
  return parsed.ok() ? *std::move(parsed) : nullptr;
}

double NumberOf(std::string_view query) {
  const ExprPtr expr = MustParse(query);
  const auto* literal = expr == nullptr ? nullptr : expr->As<NumberLiteral>();
  EXPECT_NE(literal, nullptr) << query;
  return literal == nullptr ? std::nan("") : literal->value;
}

TEST(ParserTest, ReadsNumbers) {
  EXPECT_EQ(NumberOf("1"), 1);
  EXPECT_EQ(NumberOf(".5"), 0.5);
  EXPECT_EQ(NumberOf("5."), 5);
  EXPECT_EQ(NumberOf("123.4567"), 123.4567);
  EXPECT_EQ(NumberOf("5e-3"), 0.005);
  EXPECT_EQ(NumberOf("5e3"), 5000);
  EXPECT_EQ(NumberOf("0xc"), 12);
  EXPECT_EQ(NumberOf("0x1F"), 31);
  EXPECT_EQ(NumberOf("0755"), 493);
  EXPECT_EQ(NumberOf("08"), 8);
  EXPECT_EQ(NumberOf("+5.5e-3"), 0.0055);
  EXPECT_EQ(NumberOf("-0755"), -493);
  EXPECT_EQ(NumberOf("1_000_000"), 1e6);
  EXPECT_EQ(NumberOf("1_2.3_4e1_0"), 12.34e10);
  EXPECT_EQ(NumberOf("0x_1_0"), 16);
  EXPECT_EQ(NumberOf("1e-400"), 0);
  EXPECT_EQ(NumberOf("+Inf"), INFINITY);
  EXPECT_EQ(NumberOf("-iNf"), -INFINITY);
  EXPECT_TRUE(std::isnan(NumberOf("nAN")));
  EXPECT_EQ(NumberOf("- -2"), 2);
}

TEST(ParserTest, TakesDurationsAsNumbersAndNumbersAsDurations) {
  EXPECT_EQ(NumberOf("10m"), 600);
  EXPECT_EQ(NumberOf("1h30m"), 5400);
  EXPECT_EQ(NumberOf("-500ms"), -0.5);
  EXPECT_EQ(MustParse("foo[300]")->As<MatrixSelector>()->range_ms, 300'000);
  EXPECT_EQ(MustParse("foo[1001ms]")->As<MatrixSelector>()->range_ms, 1001);
  EXPECT_EQ(MustParse("foo[1.5]")->As<MatrixSelector>()->range_ms, 1500);
  EXPECT_EQ(MustParse("foo offset 60")->As<VectorSelector>()->offset_ms, 60'000);
  EXPECT_EQ(MustParse("foo offset -1.5")->As<VectorSelector>()->offset_ms, -1500);
  EXPECT_EQ(MustParse("foo @ 100s")->As<VectorSelector>()->at.timestamp_ms, 100'000);
}

TEST(ParserTest, ReadsStringsWithGoEscapes) {
  const auto text = [](std::string_view query) { return MustParse(query)->As<StringLiteral>()->value; };
  EXPECT_EQ(text(R"("double-quoted string \" with escaped quote")"),
            "double-quoted string \" with escaped quote");
  EXPECT_EQ(text(R"('single-quoted string \' with escaped quote')"),
            "single-quoted string ' with escaped quote");
  EXPECT_EQ(text("`backtick-quoted \\n string`"), "backtick-quoted \\n string");
  EXPECT_EQ(text(R"("\a\b\f\n\r\t\v\\\" - \xFF\377\u1234\U00010111\U0001011111☺")"),
            "\a\b\f\n\r\t\v\\\" - \xff\377\u1234\U00010111\U0001011111☺");
}

TEST(ParserTest, BindsOperatorsLikePrometheus) {
  const auto tree = [](std::string_view query) {
    // Shows structure by wrapping every binary expression.
    struct Shower {
      std::string operator()(const Expr& expr) const {
        if (const auto* binary = expr.As<BinaryExpr>()) {
          return base::Concat("<", (*this)(*binary->lhs), ToString(binary->op), (*this)(*binary->rhs), ">");
        }
        if (const auto* unary = expr.As<UnaryExpr>()) {
          return base::Concat("<", unary->minus ? "-" : "+", (*this)(*unary->expr), ">");
        }
        return Print(expr);
      }
    };
    return Shower()(*MustParse(query));
  };
  EXPECT_EQ(tree("-1^2"), "<-<1^2>>");
  EXPECT_EQ(tree("2^3^2"), "<2^<3^2>>");
  EXPECT_EQ(tree("2^-3^2*4"), "<<2^<-<3^2>>>*4>");
  EXPECT_EQ(tree("-a*b"), "<<-a>*b>");
  EXPECT_EQ(tree("1-2-3"), "<<1-2>-3>");
  EXPECT_EQ(tree("1+2/(3*1)"), "<1+<2/(3 * 1)>>");
  EXPECT_EQ(tree("a + b atan2 c"), "<a+<batan2c>>");
  EXPECT_EQ(tree("a or b and c unless d"), "<aor<<bandc>unlessd>>");
  EXPECT_EQ(tree("a > b + c == d"), "<<a><b+c>>==d>");
  EXPECT_EQ(tree("1 < bool 2 - 1 * 2"), "<1<<2-<1*2>>>");
}

TEST(ParserTest, AppliesModifiersInAnyOrder) {
  for (const std::string_view query : {"foo offset 5m @ 10.5", "foo @ 10.5 offset 5m"}) {
    const ExprPtr expr = MustParse(query);
    EXPECT_EQ(expr->As<VectorSelector>()->offset_ms, 300'000);
    EXPECT_EQ(expr->As<VectorSelector>()->at, (AtModifier{AtModifier::Kind::kTimestamp, 10'500}));
  }
  EXPECT_EQ(MustParse("foo @ start()")->As<VectorSelector>()->at.kind, AtModifier::Kind::kStart);
  EXPECT_EQ(MustParse("foo[5m] @ end() offset -1h")->As<MatrixSelector>()->selector->offset_ms, -3'600'000);
  EXPECT_EQ(MustParse("foo @ -100")->As<VectorSelector>()->at.timestamp_ms, -100'000);
  const ExprPtr subquery = MustParse("rate(foo[5m])[1h:30s] @ 12 offset 1d");
  EXPECT_EQ(subquery->As<SubqueryExpr>()->range_ms, 3'600'000);
  EXPECT_EQ(subquery->As<SubqueryExpr>()->step_ms, 30'000);
  EXPECT_EQ(subquery->As<SubqueryExpr>()->offset_ms, 86'400'000);
  EXPECT_EQ(MustParse("foo[10m:]")->As<SubqueryExpr>()->step_ms, 0);
  EXPECT_EQ(MustParse("foo offset 0s")->As<VectorSelector>()->offset_ms, 0);
}

TEST(ParserTest, BuildsMatchers) {
  const ExprPtr expr = MustParse(R"(foo{a="b", c!="d", e=~"f.*", g!~'h',})");
  const auto& selector = *expr->As<VectorSelector>();
  EXPECT_EQ(selector.name, "foo");
  EXPECT_EQ(labels::ToString(selector.matchers), R"({a="b", c!="d", e=~"f.*", g!~"h", __name__="foo"})");
  EXPECT_EQ(labels::ToString(MustParse(R"({"a.b","c.d"="x"})")->As<VectorSelector>()->matchers),
            R"({__name__="a.b", c.d="x"})");
  EXPECT_EQ(MustParse(R"({"a","b"})")->As<VectorSelector>()->matchers.size(), 2U);
  EXPECT_EQ(MustParse(R"({or="x", by="y"})")->As<VectorSelector>()->matchers.size(), 2U);
}

TEST(ParserTest, TakesKeywordsAsNames) {
  for (const std::string_view word : {"sum", "count_values", "by", "without", "offset", "and", "or", "unless",
                                      "start", "end", "limitk", "quantile", "job:rate:5m", ":x"}) {
    const ExprPtr expr = MustParse(word);
    ASSERT_NE(expr, nullptr);
    EXPECT_EQ(expr->As<VectorSelector>()->name, word);
  }
  EXPECT_EQ(Print(*MustParse("sum by (on, by, bool, group_left, sum, start) (sum)")),
            "sum by (on, by, bool, group_left, sum, start) (sum)");
  EXPECT_EQ(Print(*MustParse("sum{a='b'} OFFSET 5m")), "sum{a=\"b\"} offset 5m");
}

TEST(ParserTest, ReadsVectorMatching) {
  const ExprPtr expr = MustParse("a / on(x, y,) group_left(z) b");
  const auto& binary = *expr->As<BinaryExpr>();
  EXPECT_EQ(*binary.matching, (VectorMatching{MatchCardinality::kManyToOne, true, {"x", "y"}, {"z"}}));
  EXPECT_EQ(MustParse("a and b")->As<BinaryExpr>()->matching->cardinality, MatchCardinality::kManyToMany);
  EXPECT_EQ(MustParse("a and on() b")->As<BinaryExpr>()->matching->cardinality,
            MatchCardinality::kManyToMany);
  EXPECT_EQ(MustParse("a == bool ignoring(x) group_right b")->As<BinaryExpr>()->matching->cardinality,
            MatchCardinality::kOneToMany);
  EXPECT_TRUE(MustParse("a > bool b")->As<BinaryExpr>()->return_bool);
  EXPECT_FALSE(MustParse("a + 1")->As<BinaryExpr>()->matching.has_value());
  EXPECT_EQ(MustParse("1 + 1")->type(), ValueType::kScalar);
  EXPECT_EQ(MustParse(R"(a * on("x.y") group_left("é") b)")->As<BinaryExpr>()->matching->labels[0], "x.y");
}

TEST(ParserTest, ReadsAggregations) {
  for (const std::string_view query :
       {"topk by (a) (5, foo)", "topk(5, foo) by (a)", "TOPK by (a,) (5, foo)"}) {
    const ExprPtr expr = MustParse(query);
    const auto& aggregate = *expr->As<AggregateExpr>();
    EXPECT_EQ(aggregate.op, AggregateOp::kTopk);
    EXPECT_EQ(aggregate.grouping, std::vector<std::string>{"a"});
    EXPECT_FALSE(aggregate.without);
    EXPECT_EQ(aggregate.param->As<NumberLiteral>()->value, 5);
  }
  EXPECT_TRUE(MustParse("sum without () (foo)")->As<AggregateExpr>()->without);
  EXPECT_EQ(MustParse(R"(count_values("v", foo))")->As<AggregateExpr>()->param->type(), ValueType::kString);
  EXPECT_EQ(MustParse("limit_ratio(0.1, foo)", {.enable_experimental = true})->As<AggregateExpr>()->op,
            AggregateOp::kLimitRatio);
}

TEST(ParserTest, ReadsCallsAndComments) {
  const ExprPtr expr = MustParse("# quantile\nhistogram_quantile(0.9, # inner\n rate(foo_bucket[5m])\n)");
  ASSERT_NE(expr, nullptr);
  EXPECT_EQ(&expr->As<Call>()->function, FindFunction("histogram_quantile"));
  EXPECT_EQ(expr->As<Call>()->args.size(), 2U);
  EXPECT_EQ(MustParse("time()")->type(), ValueType::kScalar);
  EXPECT_EQ(MustParse("hour()")->type(), ValueType::kVector);
  EXPECT_EQ(MustParse(R"(label_join(foo, "d", ",", "a", "b", "c"))")->As<Call>()->args.size(), 6U);
  EXPECT_EQ(MustParse("info(foo, {a=~\".*\"})", {.enable_experimental = true})->type(), ValueType::kVector);
}

TEST(ParserTest, TellsPositions) {
  const ExprPtr expr = MustParse("  sum(rate(foo[5m] offset 1m)) by (x) + -bar");
  const auto& binary = *expr->As<BinaryExpr>();
  EXPECT_EQ(binary.position, (PositionRange{2, 44}));
  EXPECT_EQ(binary.lhs->position, (PositionRange{2, 37}));
  const auto& call = *binary.lhs->As<AggregateExpr>()->expr->As<Call>();
  EXPECT_EQ(call.position, (PositionRange{6, 29}));
  EXPECT_EQ(call.args[0]->position, (PositionRange{11, 28}));
  EXPECT_EQ(binary.rhs->position, (PositionRange{40, 44}));
}

TEST(ParserTest, BoundsNesting) {
  const auto repeat = [](std::string_view text, int count) {
    std::string out;
    for (int i = 0; i < count; ++i) {
      out += text;
    }
    return out;
  };
  EXPECT_TRUE(Parse(repeat("(", 900) + "1" + repeat(")", 900)).ok());
  const std::string inputs[] = {repeat("(", 500'000),
                                repeat("(", 5000) + "1" + repeat(")", 5000),
                                repeat("-", 1'000'000) + "a",
                                repeat("-(", 300'000) + "a",
                                "1" + repeat("+1", 500'000),
                                "1" + repeat("^1", 500'000),
                                repeat("sum(", 250'000),
                                "foo" + repeat("[5m:]", 200'000),
                                repeat("abs(", 250'000) + "a",
                                "{" + repeat("a=\"b\",", 150'000) + "=",
                                "sum by (" + repeat("a,", 300'000)};
  for (const std::string& input : inputs) {
    EXPECT_FALSE(Parse(input).ok()) << input.substr(0, 20);
  }
  EXPECT_EQ(Parse(repeat("(", 5000) + "1" + repeat(")", 5000)).status().message(),
            "1:1001: parse error: expression is nested deeper than 1000 levels");
}

TEST(ParseMetricSelectorTest, TakesSelectorsOnly) {
  const auto matchers = ParseMetricSelector(R"(foo{a="b"})");
  ASSERT_TRUE(matchers.ok()) << matchers.status();
  EXPECT_EQ(labels::ToString(*matchers), R"({a="b", __name__="foo"})");
  EXPECT_TRUE(ParseMetricSelector("{}").ok());
  EXPECT_TRUE(ParseMetricSelector("sum").ok());
  EXPECT_FALSE(ParseMetricSelector("foo[5m]").ok());
  EXPECT_FALSE(ParseMetricSelector("sum(foo)").ok());
  EXPECT_FALSE(ParseMetricSelector("").ok());
  EXPECT_FALSE(ParseMetricSelector("1").ok());
}

// The range of foo[<text>] in milliseconds, for a query with steps of 5 s over 10 s.
base::StatusOr<int64_t> ResolvedRange(std::string_view text) {
  const ParserOptions options{.enable_duration_expressions = true};
  TH_ASSIGN_OR_RETURN(const ExprPtr expr, Parse(base::Concat("foo[", text, "]"), options));
  const ExprPtr copy = Clone(*expr);
  TH_RETURN_IF_ERROR(ResolveDurations(*copy, 5'000, 10'000));
  return copy->As<MatrixSelector>()->range_ms;
}

TEST(DurationExpressionTest, FollowsTheRulesOfArithmetic) {
  const std::pair<std::string_view, int64_t> cases[] = {{"5m", 300'000},
                                                        {"26m+4m", 1'800'000},
                                                        {"2m*(10+5)", 1'800'000},
                                                        {"1h30m % 1h", 1'800'000},
                                                        {"30m1s-30m1s % 1m", 1'800'000},
                                                        {"2^3^2", 512'000},
                                                        {"-2*-3", 6'000},
                                                        {"2^-1", 500},
                                                        {"step()", 5'000},
                                                        {"range()/4", 2'500},
                                                        {"min_of(step(), 2)+1", 3'000},
                                                        {"max(step(), range())", 10'000},
                                                        {"-(2-5)", 3'000},
                                                        {"1+(STep()-5)*2", 1'000}};
  for (const auto& [text, want_ms] : cases) {
    const auto got = ResolvedRange(text);
    ASSERT_TRUE(got.ok()) << text << ": " << got.status();
    EXPECT_EQ(*got, want_ms) << text;
  }
}

TEST(DurationExpressionTest, RefusesWhatIsNoDuration) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"5m-5m", "4:9: duration must be greater than 0"},
      {"1/(1-1)", "4:10: division by zero"},
      {"1%(1-1)", "4:10: modulo by zero"},
      {"(0-1)^0.5", "5:13: duration is NaN or infinite"},
      {"10^300", "4:10: duration is out of range"},
      {"0.0001+0.0001", "4:17: duration must be at least one millisecond"}};
  for (const auto& [text, error] : cases) {
    EXPECT_EQ(base::Message(ResolvedRange(text).status()), error) << text;
  }
}

TEST(DurationExpressionTest, OffsetTakesItsFirstOperandOnly) {
  const ParserOptions options{.enable_duration_expressions = true};
  const auto binary = Parse("foo offset -2 ^ 2", options);
  ASSERT_TRUE(binary.ok());
  ASSERT_NE((*binary)->As<BinaryExpr>(), nullptr);
  EXPECT_EQ((*binary)->As<BinaryExpr>()->lhs->As<VectorSelector>()->offset_ms, -2'000);
  const auto selector = Parse("foo offset (-2 ^ 2)", options);
  ASSERT_TRUE(selector.ok());
  ASSERT_NE((*selector)->As<VectorSelector>(), nullptr);
  EXPECT_TRUE(HasDurationExpressions(**selector));
  ASSERT_TRUE(ResolveDurations(**selector, 0, 0).ok());
  EXPECT_EQ((*selector)->As<VectorSelector>()->offset_ms, -4'000);
}

}  // namespace
}  // namespace thanos::promql_parser
