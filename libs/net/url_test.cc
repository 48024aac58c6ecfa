#include "net/url.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace thanos::net {
namespace {

TEST(UrlTest, SplitsAndJoins) {
  const auto url = ParseUrl("HTTPS://user:p@Example.org:8443/a/b%20c?x=1&y=2#part");
  ASSERT_TRUE(url.ok()) << url.status();
  EXPECT_EQ(url->scheme, "https");
  EXPECT_EQ(url->user_info, "user:p");
  EXPECT_EQ(url->host, "Example.org");
  EXPECT_EQ(url->port, "8443");
  EXPECT_EQ(url->path, "/a/b%20c");
  EXPECT_EQ(url->query, "x=1&y=2");
  EXPECT_EQ(url->ToString(), "https://user:p@Example.org:8443/a/b%20c?x=1&y=2");
  EXPECT_EQ(ParseUrl("http://[::1]:80/")->host, "::1");
  EXPECT_EQ(ParseUrl("http://[::1]:80/")->Authority(), "[::1]:80");
  EXPECT_EQ(ParseUrl("http://h?q=1")->query, "q=1");
}

TEST(UrlTest, RefusesWhatIsNoAbsoluteUrl) {
  for (const std::string_view text :
       {"", "localhost:9090", "/path", "http://", "http://:80", "http://h:99999", "http://h:x", "http://[::1",
        "http://[::1]x", "http://a b/", "http://a\r\nb/"}) {
    EXPECT_FALSE(ParseUrl(text).ok()) << text;
  }
}

TEST(UrlTest, EscapesAndUnescapes) {
  std::string all;
  for (int i = 0; i < 256; ++i) {
    all += static_cast<char>(i);
  }
  EXPECT_EQ(Unescape(QueryEscape(all), true).value(), all);
  EXPECT_EQ(Unescape(PathEscape(all), false).value(), all);
  EXPECT_EQ(QueryEscape("a b/ü+"), "a+b%2F%C3%BC%2B");
  EXPECT_EQ(PathEscape("a b/+"), "a%20b%2F+");
  for (const std::string_view text : {"%", "%1", "%zz", "a%f"}) {
    EXPECT_FALSE(Unescape(text, true).ok()) << text;
  }
}

TEST(UrlTest, QueriesKeepOrderAndRepeats) {
  const std::vector<std::pair<std::string, std::string>> pairs = {
      {"match[]", "a=\"b\""}, {"match[]", "c"}, {"x", ""}};
  EXPECT_EQ(EncodeQuery(pairs), "match%5B%5D=a%3D%22b%22&match%5B%5D=c&x=");
  EXPECT_EQ(ParseQuery(EncodeQuery(pairs)).value(), pairs);
  EXPECT_EQ(ParseQuery("&&a&b=1=2&").value().size(), 2u);
  EXPECT_EQ(ParseQuery("b=1=2").value()[0].second, "1=2");
  EXPECT_FALSE(ParseQuery("a=%").ok());
}

TEST(UrlTest, JoinsPaths) {
  EXPECT_EQ(JoinUrl("http://h/p/", "/api"), "http://h/p/api");
  EXPECT_EQ(JoinUrl("http://h", "/api"), "http://h/api");
}

}  // namespace
}  // namespace thanos::net
