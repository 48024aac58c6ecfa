#include "hashring/internal/glob.h"

#include <gtest/gtest.h>

namespace thanos::hashring::internal {
namespace {

struct GlobCase {
  std::string_view pattern;
  std::string_view name;
  bool want;
};

// Results of Go's filepath.Match, from its documentation and its own cases.
constexpr GlobCase kCases[] = {
    {"abc", "abc", true},
    {"*", "abc", true},
    {"*c", "abc", true},
    {"a*", "a", true},
    {"a*", "abc", true},
    {"a*", "ab/c", false},
    {"a*/b", "abc/b", true},
    {"a*/b", "a/c/b", false},
    {"a*b*c*d*e*/f", "axbxcxdxe/f", true},
    {"a*b*c*d*e*/f", "axbxcxdxexxx/f", true},
    {"a*b*c*d*e*/f", "axbxcxdxe/xxx/f", false},
    {"a*b?c*x", "abxbbxdbxebxczzx", true},
    {"a*b?c*x", "abxbbxdbxebxczzy", false},
    {"ab[c]", "abc", true},
    {"ab[b-d]", "abc", true},
    {"ab[e-g]", "abc", false},
    {"ab[^c]", "abc", false},
    {"ab[^b-d]", "abc", false},
    {"ab[^e-g]", "abc", true},
    {"a\\*b", "a*b", true},
    {"a\\*b", "ab", false},
    {"a?b",
     "a\xe2\x98\xba"
     "b",
     true},
    {"a[^a]b",
     "a\xe2\x98\xba"
     "b",
     true},
    {"a???b",
     "a\xe2\x98\xba"
     "b",
     false},
    {"a[^a][^a][^a]b",
     "a\xe2\x98\xba"
     "b",
     false},
    {"[a-\xce\xb6]*", "\xce\xb1", true},
    {"*[a-\xce\xb6]", "A", false},
    {"a?b", "a/b", false},
    {"a*b", "a/b", false},
    {"[\\]a]", "]", true},
    {"[\\-]", "-", true},
    {"[x\\-]", "x", true},
    {"[x\\-]", "-", true},
    {"[x\\-]", "z", false},
    {"[\\-x]", "x", true},
    {"[\\-x]", "a", false},
    {"*x", "xxx", true},
    {"", "", true},
    {"", "a", false},
};

TEST(GlobTest, MatchesLikeGo) {
  for (const GlobCase& one : kCases) {
    const auto got = GlobMatch(one.pattern, one.name);
    ASSERT_TRUE(got.ok()) << one.pattern;
    EXPECT_EQ(*got, one.want) << one.pattern << " " << one.name;
    EXPECT_TRUE(IsValidGlob(one.pattern)) << one.pattern;
  }
}

TEST(GlobTest, RefusesMalformedPatterns) {
  for (const std::string_view pattern :
       {"[]a]", "[-]", "[x-]", "[-x]", "\\", "[a-b-c]", "[", "[^", "[^bc", "a["}) {
    EXPECT_FALSE(IsValidGlob(pattern)) << pattern;
  }
}

TEST(GlobTest, ManyStarsTakeNoTime) {
  std::string pattern;
  for (int i = 0; i < 40; ++i) {
    pattern += "*a";
  }
  const auto got = GlobMatch(pattern + "b", std::string(4000, 'a'));
  ASSERT_TRUE(got.ok());
  EXPECT_FALSE(*got);
}

}  // namespace
}  // namespace thanos::hashring::internal
