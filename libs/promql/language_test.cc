// The language as it is to be, written down apart from the tables that implement it: what is missing from a
// table or has no script in tests/promql fails here.

#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <re2/re2.h>
#include <set>
#include <sstream>

#include "base/strings.h"
#include "promql/engine.h"
#include "promql/functions/table.h"
#include "promql/test_source.h"
#include "promql_parser/functions_table.h"
#include "promql_parser/printer.h"

namespace thanos::promql {
namespace {

// Functions of Prometheus 3.5 without a switch.
constexpr std::string_view kStable =
    "abs absent absent_over_time acos acosh asin asinh atan atanh avg_over_time ceil changes clamp clamp_max "
    "clamp_min "
    "cos cosh count_over_time day_of_month day_of_week day_of_year days_in_month deg delta deriv exp floor "
    "histogram_avg histogram_count histogram_fraction histogram_quantile histogram_stddev histogram_stdvar "
    "histogram_sum hour idelta increase irate label_join label_replace last_over_time ln log10 log2 "
    "max_over_time "
    "min_over_time minute month pi predict_linear present_over_time quantile_over_time rad rate resets round "
    "scalar "
    "sgn sin sinh sort sort_desc sqrt stddev_over_time stdvar_over_time sum_over_time tan tanh time "
    "timestamp vector "
    "year";
// Those behind promql-experimental-functions, in 3.5 or later.
constexpr std::string_view kExperimental =
    "double_exponential_smoothing end first_over_time histogram_quantiles info mad_over_time max_of min_of "
    "range "
    "sort_by_label sort_by_label_desc start step ts_of_first_over_time ts_of_last_over_time "
    "ts_of_max_over_time "
    "ts_of_min_over_time";
// Those behind the querier's --query.enable-x-functions.
constexpr std::string_view kExtended = "xdelta xincrease xrate";

constexpr std::string_view kAggregations =
    "sum avg min max count group stddev stdvar topk bottomk quantile count_values limitk limit_ratio";
constexpr std::string_view kOperators = "+ - * / % ^ atan2 == != > < >= <= and or unless";
constexpr std::string_view kModifiers =
    "by without on ignoring group_left group_right bool offset @ fill fill_left fill_right anchored smoothed";

std::set<std::string> Words(std::string_view text) {
  std::set<std::string> words;
  for (const std::string_view word : base::Split(text, ' ')) {
    words.emplace(word);
  }
  return words;
}

// The queries of all scripts.
const std::vector<std::string>& ScriptQueries() {
  static const std::vector<std::string> queries = [] {
    std::vector<std::string> out;
    for (const auto& entry : std::filesystem::directory_iterator(TH_SOURCE_DIR "/tests/promql")) {
      std::ifstream in(entry.path());
      for (std::string line; std::getline(in, line);) {
        if (line.starts_with("eval ")) {
          out.push_back(line);
        }
      }
    }
    return out;
  }();
  return queries;
}

bool AnyScript(const std::string& pattern) {
  const RE2 regex(pattern);
  for (const std::string& query : ScriptQueries()) {
    if (RE2::PartialMatch(query, regex)) {
      return true;
    }
  }
  return false;
}

EngineOptions WithAllFeatures() {
  EngineOptions options;
  for (const char* feature : {"promql-experimental-functions", "promql-duration-expr",
                              "promql-extended-range-selectors", "promql-binop-fill-modifiers"}) {
    EXPECT_TRUE(EnableFeature(feature, &options));
  }
  options.enable_x_functions = true;
  return options;
}

TEST(LanguageTest, TheTableHoldsTheFunctionsListedAndNoOthers) {
  std::set<std::string> stable;
  std::set<std::string> experimental;
  std::set<std::string> extended;
  for (const promql_parser::FunctionSpec& spec : promql_parser::Functions()) {
    (spec.since == "thanos" ? extended : spec.experimental ? experimental : stable).emplace(spec.name);
    EXPECT_NE(FindFunctionEntry(spec.name), nullptr) << spec.name;
  }
  EXPECT_EQ(stable, Words(kStable));
  EXPECT_EQ(experimental, Words(kExperimental));
  EXPECT_EQ(extended, Words(kExtended));
}

TEST(LanguageTest, EveryFunctionHasAScript) {
  for (const std::string_view list : {kStable, kExperimental, kExtended}) {
    for (const std::string& name : Words(list)) {
      EXPECT_TRUE(AnyScript("\\b" + name + " *\\(")) << name;
    }
  }
}

TEST(LanguageTest, EveryAggregationOperatorAndModifierHasAScript) {
  for (const std::string& name : Words(kAggregations)) {
    EXPECT_TRUE(AnyScript("\\b" + name + " *(\\(|by|without)")) << name;
  }
  for (const std::string& name : Words(kOperators)) {
    EXPECT_TRUE(AnyScript(" " + RE2::QuoteMeta(name) + "( bool| on| ignoring)? ?[-a-z0-9({]")) << name;
  }
  for (const std::string& name : Words(kModifiers)) {
    EXPECT_TRUE(AnyScript("[ )\\]]" + RE2::QuoteMeta(name) + "([ (]|$)")) << name;
  }
}

// One expression of each form; stable ones need no switch.
constexpr std::string_view kStableForms[] = {"1",
                                             "0x1F",
                                             "1_000",
                                             "1e-3",
                                             ".5",
                                             "Inf",
                                             "NaN",
                                             "5m",
                                             "\"text\"",
                                             "'text'",
                                             "`text`",
                                             "m",
                                             "m{}",
                                             "m{id=\"1\"}",
                                             "m{id!=\"1\"}",
                                             "m{id=~\"1|2\"}",
                                             "m{id!~\".*3\"}",
                                             "m{id=\"1\",}",
                                             "{__name__=\"m\"}",
                                             "{\"m\"}",
                                             "{\"m\",\"a.b\"=\"\"}",
                                             "m[5m]",
                                             "m[300]",
                                             "m[5m:1m]",
                                             "m[5m:]",
                                             "m offset 5m",
                                             "m offset -5m",
                                             "m @ 100",
                                             "m @ start()",
                                             "m @ end()",
                                             "m offset 5m @ 100",
                                             "m[5m] @ 100 offset 5m",
                                             "m[5m:1m] offset 1m @ end()",
                                             "(m)",
                                             "-m",
                                             "+m",
                                             "-1 ^ 2",
                                             "m + 1",
                                             "1 - m",
                                             "m * m",
                                             "m / on (id) m",
                                             "m % ignoring (id) group_left () sum(m)",
                                             "sum(m) ^ on () group_right (id) m",
                                             "m atan2 m",
                                             "m == 1",
                                             "m > bool 1",
                                             "1 < bool 2",
                                             "m and m",
                                             "m or on () m",
                                             "m unless ignoring (id) m",
                                             "sum by (id) (m)",
                                             "sum(m) without (id)",
                                             "topk(1, m)",
                                             "count_values(\"v\", m)",
                                             "quantile by (\"a.b\") (0.5, m)",
                                             "sum by (sum, by, on) (m)",
                                             "SUM(m) BY (id)",
                                             "m # comment"};

TEST(LanguageTest, EveryStableFormIsEvaluatedWithoutSwitches) {
  TestSource source;
  for (const char* id : {"1", "2"}) {
    source.Add(labels::Labels{{"__name__", "m"}, {"id", id}}, {0, 60'000}, {1, 2});
  }
  const QueryOptions at{.start_ms = 60'000, .end_ms = 60'000, .instant = true};
  for (const std::string_view form : kStableForms) {
    const auto result = Engine(EngineOptions()).Query({}, form, at, source);
    // One form is a many-to-many match on purpose of the grammar alone.
    EXPECT_TRUE(result.ok() || result.status().code() == base::StatusCode::kFailedPrecondition)
        << form << " " << result.status();
  }
}

// A call of `spec` with arguments of the right types.
std::string CallOf(const promql_parser::FunctionSpec& spec) {
  std::string call = base::Concat(spec.name, "(");
  for (size_t i = 0; i < spec.arguments.size(); ++i) {
    base::Append(call, i == 0 ? "" : ", ");
    switch (spec.arguments[i]) {
      case promql_parser::ValueType::kScalar:
        base::Append(call, "0.", i + 1);
        break;
      case promql_parser::ValueType::kVector:
        call += spec.name == "info" && i == 1 ? "{os=\"\"}" : "m";
        break;
      case promql_parser::ValueType::kMatrix:
        call += "m[5m]";
        break;
      default:
        call += "\"id\"";
    }
  }
  return call + ")";
}

TEST(LanguageTest, EveryFunctionIsEvaluatedWhereItIsSwitchedOnAndRefusedElsewhere) {
  TestSource source;
  source.Add(labels::Labels{{"__name__", "m"}, {"id", "1"}, {"le", "+Inf"}}, {0, 60'000}, {1, 2});
  const QueryOptions steps{.start_ms = 0, .end_ms = 120'000, .step_ms = 30'000};
  for (const promql_parser::FunctionSpec& spec : promql_parser::Functions()) {
    const std::string call = CallOf(spec);
    const auto result = Engine(WithAllFeatures()).Query({}, call, steps, source);
    EXPECT_TRUE(result.ok()) << call << " " << result.status();
    const auto plain = Engine(EngineOptions()).Query({}, call, steps, source);
    EXPECT_EQ(plain.ok(), !spec.experimental) << call;
    if (spec.experimental) {
      const std::string refusal =
          spec.since == "thanos"
              ? base::Concat("1:1: parse error: unknown function with name ", base::Quote(spec.name))
              : base::Concat("1:1: parse error: function ", base::Quote(spec.name), " is not enabled");
      EXPECT_EQ(base::Message(plain.status()), refusal);
    }
  }
}

TEST(LanguageTest, EveryFormIsPrintedAndReadBack) {
  const promql_parser::ParserOptions options = Engine(WithAllFeatures()).parser_options();
  std::vector<std::string> forms(std::begin(kStableForms), std::end(kStableForms));
  for (const promql_parser::FunctionSpec& spec : promql_parser::Functions()) {
    forms.push_back(CallOf(spec));
  }
  for (const std::string& form : forms) {
    const auto parsed = promql_parser::Parse(form, options);
    ASSERT_TRUE(parsed.ok()) << form << " " << parsed.status();
    for (const std::string& printed : {promql_parser::Print(**parsed), promql_parser::Format(**parsed)}) {
      const auto again = promql_parser::Parse(printed, options);
      ASSERT_TRUE(again.ok()) << printed;
      EXPECT_TRUE(promql_parser::Equal(**parsed, **again)) << form << " -> " << printed;
    }
  }
}

}  // namespace
}  // namespace thanos::promql
