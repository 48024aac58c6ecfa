#include "net/router.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace thanos::net {
namespace {

class RouterTest : public ::testing::Test {
 protected:
  RouterTest() {
    for (const char* pattern : {"/*", "/api/v1/*", "/api/v1/label/:name/values", "/api/v1/query", "/:page"}) {
      router_.Add({{"GET"}, pattern, nullptr});
    }
    router_.Add({{"POST", "PUT"}, "/api/v1/query", nullptr});
    router_.Add({{}, "/any", nullptr});
  }
  std::string Pattern(std::string_view method, std::string_view path) {
    const auto match = router_.Find(method, path);
    return !match.ok() ? "error" : match->route == nullptr ? "none" : match->route->pattern;
  }
  Router router_;
};

TEST_F(RouterTest, MoreExactPatternsWin) {
  EXPECT_EQ(Pattern("GET", "/api/v1/query"), "/api/v1/query");
  EXPECT_EQ(Pattern("POST", "/api/v1/query"), "/api/v1/query");
  EXPECT_EQ(Pattern("GET", "/api/v1/label/job/values"), "/api/v1/label/:name/values");
  EXPECT_EQ(Pattern("GET", "/api/v1/label/job"), "/api/v1/*");
  EXPECT_EQ(Pattern("GET", "/api/v1/label//values"), "/api/v1/*");
  EXPECT_EQ(Pattern("GET", "/graph"), "/:page");
  EXPECT_EQ(Pattern("GET", "/"), "/*");
  EXPECT_EQ(Pattern("GET", "/a/b"), "/*");
  EXPECT_EQ(Pattern("DELETE", "/any"), "/any");
}

TEST_F(RouterTest, HeadUsesGet) {
  EXPECT_EQ(Pattern("HEAD", "/graph"), "/:page");
}

TEST_F(RouterTest, WrongMethodListsTheAllowedOnes) {
  const auto match = router_.Find("PATCH", "/api/v1/query");
  ASSERT_TRUE(match.ok());
  EXPECT_EQ(match->route, nullptr);
  EXPECT_TRUE(match->path_known);
  EXPECT_THAT(match->allowed, ::testing::IsSupersetOf({"GET", "POST", "PUT"}));
}

TEST_F(RouterTest, DecodesValuesAfterSplitting) {
  const auto match = router_.Find("GET", "/api/v1/label/a%2Fb%20c/values");
  ASSERT_TRUE(match.ok());
  EXPECT_EQ(match->path_values, (Parameters{{"name", "a/b c"}}));
  EXPECT_EQ(router_.Find("GET", "/api/v1/x/y")->path_values, (Parameters{{"*", "x/y"}}));
  EXPECT_FALSE(router_.Find("GET", "/api/v1/label/%zz/values").ok());
}

TEST(RouterEmptyTest, FindsNothing) {
  EXPECT_FALSE(Router().Find("GET", "/")->path_known);
}

}  // namespace
}  // namespace thanos::net
