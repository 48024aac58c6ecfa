#include "labels/matcher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <random>
#include <re2/re2.h>
#include <utility>

namespace thanos::labels {
namespace {

Matcher Regexp(std::string pattern, MatchType type = MatchType::kRegexp) {
  auto matcher = Matcher::Create(type, "name", std::move(pattern));
  EXPECT_TRUE(matcher.ok()) << matcher.status();
  return *std::move(matcher);
}

TEST(MatcherTest, EqualAndNotEqual) {
  const Matcher equal = Matcher::Equal("a", "x");
  EXPECT_TRUE(equal.Matches("x"));
  EXPECT_FALSE(equal.Matches(""));
  EXPECT_FALSE(equal.MatchesEmpty());
  const Matcher not_equal = Matcher::NotEqual("a", "x");
  EXPECT_FALSE(not_equal.Matches("x"));
  EXPECT_TRUE(not_equal.MatchesEmpty());
  EXPECT_TRUE(Matcher::Equal("a", "").MatchesEmpty());
  EXPECT_FALSE(Matcher::NotEqual("a", "").MatchesEmpty());
  EXPECT_EQ(*not_equal.set_values(), std::vector<std::string>{"x"});
  EXPECT_EQ(equal.prefix(), "x");
  EXPECT_EQ(equal, Matcher::Equal("a", "x"));
}

TEST(MatcherTest, PrintsLikePromql) {
  EXPECT_EQ(Regexp("a|\"b").ToString(), R"(name=~"a|\"b")");
  EXPECT_EQ(ToString({Matcher::Equal("a", "b"), Regexp("x.*", MatchType::kNotRegexp)}),
            R"({a="b", name!~"x.*"})");
}

struct SetCase {
  std::string_view pattern;
  std::vector<std::string> values;
};

TEST(MatcherTest, KnowsFiniteSets) {
  const SetCase cases[] = {
      {"", {""}},
      {"a", {"a"}},
      {"a|b|c", {"a", "b", "c"}},
      {"(a|b)", {"a", "b"}},
      {"^(?:a|b)c$", {"ac", "bc"}},
      {"(?:a|b)c|d", {"ac", "bc", "d"}},
      {"a\\.b", {"a.b"}},
      {"a|", {"", "a"}},
      {"()", {""}},
      {"x(a|b)(c|d)y", {"xacy", "xady", "xbcy", "xbdy"}},
      {"[ab]c", {"ac", "bc"}},
      {"v[1-3]", {"v1", "v2", "v3"}},
      {"b|a|b", {"a", "b"}},
      {"\xc3\xa9|\xc3\xa8", {"\xc3\xa8", "\xc3\xa9"}},
      {"10\\.0\\.0\\.1:9090", {"10.0.0.1:9090"}},
  };
  for (const SetCase& one : cases) {
    const Matcher matcher = Regexp(std::string(one.pattern));
    ASSERT_NE(matcher.set_values(), nullptr) << one.pattern;
    EXPECT_EQ(*matcher.set_values(), one.values) << one.pattern;
    for (const std::string& value : one.values) {
      EXPECT_TRUE(matcher.Matches(value)) << one.pattern << " " << value;
    }
  }
}

TEST(MatcherTest, OtherExpressionsHaveNoSet) {
  for (const char* pattern : {"a.*", "(?i)a", "(?i:a|b)", "a*", "a?b", "a.c", "[^a]", "a{2}", "\\d",
                              "\\Qa\\E", "[[:alpha:]]", "a^b", "(a$)b", "(?P<x>a)", "\xc3\xa9*", "\\bword"}) {
    EXPECT_EQ(Regexp(pattern).set_values(), nullptr) << pattern;
  }
}

TEST(MatcherTest, LongAlternationsStaySets) {
  std::string pattern;
  for (int i = 0; i < 20'000; ++i) {
    pattern += (i == 0 ? "(?:pod-" : "|pod-") + std::to_string(i);
  }
  const Matcher matcher = Regexp("x" + pattern + ")");
  ASSERT_NE(matcher.set_values(), nullptr);
  EXPECT_EQ(matcher.set_values()->size(), 20'000U);
  EXPECT_TRUE(matcher.Matches("xpod-19999"));
  EXPECT_FALSE(matcher.Matches("xpod-20000"));
}

// A quarter of a megabyte that would expand to gigabytes.
TEST(MatcherTest, ExpansionIsBounded) {
  std::string alternatives = "(a";
  for (int i = 0; i < 20'000; ++i) {
    alternatives += "|b" + std::to_string(i);
  }
  const auto matcher =
      Matcher::Create(MatchType::kRegexp, "name", alternatives + ")" + std::string(100'000, 'x'));
  if (matcher.ok()) {
    EXPECT_EQ(matcher->set_values(), nullptr);
  }
  std::string product;
  for (int i = 0; i < 200; ++i) {
    product += "(a|b)";
  }
  EXPECT_EQ(Regexp(product).set_values(), nullptr);
}

TEST(MatcherTest, AnchorsAndMatchesNewlines) {
  EXPECT_FALSE(Regexp("foo").Matches("xfoo"));
  EXPECT_FALSE(Regexp("fo[o]+").Matches("foox"));
  EXPECT_TRUE(Regexp("a.b").Matches("a\nb"));
  EXPECT_TRUE(Regexp("a.*b").Matches("a\n\nb"));
  EXPECT_TRUE(Regexp(".*").Matches("\n"));
  EXPECT_TRUE(Regexp("a|ab").Matches("ab"));
  EXPECT_TRUE(Regexp("(?i)FOO|bar").Matches("foo"));
  EXPECT_TRUE(Regexp("(?i)FOO|bar").Matches("BAR"));
}

TEST(MatcherTest, NegationInverts) {
  const Matcher matcher = Regexp("a|b", MatchType::kNotRegexp);
  EXPECT_FALSE(matcher.Matches("a"));
  EXPECT_TRUE(matcher.Matches("c"));
  EXPECT_TRUE(matcher.MatchesEmpty());
  EXPECT_FALSE(Regexp(".*", MatchType::kNotRegexp).MatchesEmpty());
  EXPECT_TRUE(Regexp(".+", MatchType::kNotRegexp).MatchesEmpty());
}

TEST(MatcherTest, FindsPrefixes) {
  EXPECT_EQ(Regexp("foo.*").prefix(), "foo");
  EXPECT_EQ(Regexp("foo.*|fob.+").prefix(), "fo");
  EXPECT_EQ(Regexp(".*foo").prefix(), "");
  EXPECT_EQ(Regexp("foo[0-9]+").prefix(), "foo");
  EXPECT_EQ(Regexp("(?i)foo").prefix(), "");
}

TEST(MatcherTest, RefusesBadExpressions) {
  for (const char* pattern : {"(", "a)", "[", "a**", "(?<n", "x{1001}", "\\8", "a)(b", "[b-a]", "*", "a|*",
                              "(?P<a", "\xff", "((((a{1000}){1000}){1000}){1000})"}) {
    const auto matcher = Matcher::Create(MatchType::kRegexp, "name", pattern);
    ASSERT_FALSE(matcher.ok()) << pattern;
    EXPECT_EQ(matcher.status().code(), base::StatusCode::kInvalidArgument) << pattern;
  }
  EXPECT_FALSE(Matcher::Create(static_cast<MatchType>(9), "name", "a").ok());
}

TEST(MatcherTest, RefusesExpressionsThatTakeLongToCompile) {
  std::string classes;
  for (int i = 0; i < 1'000; ++i) {
    classes += "\\p{L}";
  }
  EXPECT_TRUE(IsRegexTooCostly(classes));
  EXPECT_FALSE(Matcher::Create(MatchType::kRegexp, "a", classes).ok());
  EXPECT_FALSE(IsRegexTooCostly("\\\\p\\p{L}+"));
  EXPECT_TRUE(IsRegexTooCostly(std::string(3 << 20, 'a')));
}

TEST(MatcherTest, MatchesAllLooksUpLabels) {
  const Labels labels{{"a", "1"}, {"b", "2"}};
  EXPECT_TRUE(MatchesAll({Matcher::Equal("a", "1"), Matcher::Equal("c", "")}, labels));
  EXPECT_FALSE(MatchesAll({Matcher::Equal("a", "1"), Matcher::NotEqual("b", "2")}, labels));
  EXPECT_TRUE(MatchesAll({}, labels));
}

// Patterns from the pieces the recogniser knows and some it does not, over a tiny alphabet so that matches
// are common.
class RandomRegex {
 public:
  explicit RandomRegex(std::mt19937& random) : random_(random) {}
  std::string Pattern(int depth) {
    std::string out;
    for (auto alternatives = 1 + random_() % 3; alternatives > 0; --alternatives) {
      for (auto atoms = random_() % 4; atoms > 0; --atoms) {
        out += Atom(depth);
      }
      out += alternatives > 1 ? "|" : "";
    }
    return out;
  }
  std::string Value() {
    static constexpr std::string_view kPieces[] = {"a", "b", ".", "\n", "\xc3\xa9", "ab", "c"};
    std::string out;
    for (auto pieces = random_() % 6; pieces > 0; --pieces) {
      out += kPieces[random_() % std::size(kPieces)];
    }
    return out;
  }

 private:
  std::string Atom(int depth) {
    switch (random_() % 14) {
      case 0:
      case 1:
        return ".*";
      case 2:
        return ".+";
      case 3:
        return "b";
      case 4:
        return "\\.";
      case 5:
        return "\xc3\xa9";
      case 6:
        return depth > 0 ? "(" + Pattern(depth - 1) + ")" : "c";
      case 7:
        return depth > 0 ? "(?:" + Pattern(depth - 1) + ")" : "c";
      case 8:
        return "[ab]";
      case 9:
        return "[a-c]";
      case 10:
        return random_() % 4 == 0 ? "." : "a";
      case 11:
        return random_() % 4 == 0 ? "b*" : "ab";
      case 12:
        return random_() % 8 == 0 ? "^" : "a";
      default:
        return random_() % 8 == 0 ? "$" : "a";
    }
  }
  std::mt19937& random_;
};

TEST(MatcherTest, FastPathsAgreeWithTheEngine) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  RandomRegex generator(random);
  int with_set = 0;
  int matched = 0;
  for (int round = 0; round < 20'000; ++round) {
    const std::string pattern = generator.Pattern(2);
    RE2::Options options;
    options.set_log_errors(false);
    const RE2 engine("^(?s:" + pattern + ")$", options);
    const auto matcher = Matcher::Create(MatchType::kRegexp, "name", pattern);
    ASSERT_EQ(matcher.ok(), engine.ok()) << pattern << " " << matcher.status();
    if (!matcher.ok()) {
      continue;
    }
    ASSERT_EQ(matcher->MatchesEmpty(), RE2::FullMatch("", engine)) << pattern;
    if (matcher->set_values() != nullptr) {
      ++with_set;
      for (const std::string& value : *matcher->set_values()) {
        ASSERT_TRUE(RE2::FullMatch(value, engine)) << pattern << " " << value;
      }
    }
    for (int i = 0; i < 12; ++i) {
      const std::string value = generator.Value();
      const bool want = RE2::FullMatch(value, engine);
      matched += want;
      ASSERT_EQ(matcher->Matches(value), want) << "pattern " << pattern << " value " << value;
      if (want) {
        ASSERT_TRUE(std::string_view(value).starts_with(matcher->prefix())) << pattern << " " << value;
        if (matcher->set_values() != nullptr) {
          ASSERT_THAT(*matcher->set_values(), ::testing::Contains(value)) << pattern;
        }
      }
    }
  }
  EXPECT_GT(with_set, 100);
  EXPECT_GT(matched, 1000);
}

}  // namespace
}  // namespace thanos::labels
