#include "net/web_guard.h"

#include <cstdio>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "net/test_certificates.h"

namespace thanos::net {
namespace {

using ::testing::HasSubstr;

class WebGuardTest : public ::testing::Test {
 protected:
  // A new file each time, so that every change is seen whatever the clock's grain is.
  void WriteConfig(std::string_view text) {
    WriteTextFile(path_ + ".new", text);
    std::rename((path_ + ".new").c_str(), path_.c_str());
  }
  const std::string directory_ = ::testing::TempDir();
  const std::string path_ = directory_ + "/web_guard_test.yml";
};

TEST_F(WebGuardTest, FollowsTheFileAndFailsClosed) {
  WriteConfig("http_server_config: {headers: {X-Frame-Options: deny}}");
  const auto guard = WebGuard::Open(path_);
  ASSERT_TRUE(guard.ok()) << guard.status();
  EXPECT_FALSE((*guard)->uses_tls());
  const auto first = (*guard)->Current();
  ASSERT_NE(first, nullptr);
  EXPECT_EQ((*guard)->Current(), first);
  EXPECT_EQ(first->headers.size(), 1u);
  WriteConfig("http_server_config: {headers: {}}");
  ASSERT_NE((*guard)->Current(), nullptr);
  EXPECT_TRUE((*guard)->Current()->headers.empty());
  WriteConfig("nonsense: 1");
  EXPECT_EQ((*guard)->Current(), nullptr);
  EXPECT_EQ((*guard)->Current(), nullptr);
  std::remove(path_.c_str());
  EXPECT_EQ((*guard)->Current(), nullptr);
  WriteConfig("");
  EXPECT_NE((*guard)->Current(), nullptr);
}

TEST_F(WebGuardTest, TlsIsNotTurnedOffByAReload) {
  TestCertificate("web", "DNS:localhost", true).Write(directory_ + "/web_guard");
  WriteConfig("tls_server_config: {cert_file: web_guard.crt, key_file: web_guard.key}");
  const auto guard = WebGuard::Open(path_);
  ASSERT_TRUE(guard.ok()) << guard.status();
  EXPECT_TRUE((*guard)->uses_tls());
  WriteConfig("");
  EXPECT_EQ((*guard)->Current(), nullptr);
  // A key of another certificate.
  WriteConfig("tls_server_config: {cert_file: web_guard.crt, key_file: web_guard.key}");
  EXPECT_NE((*guard)->Current(), nullptr);
  const TestCertificate other("other", "DNS:localhost", true);
  WriteTextFile(directory_ + "/web_guard.key.new", other.key());
  std::rename((directory_ + "/web_guard.key.new").c_str(), (directory_ + "/web_guard.key").c_str());
  EXPECT_EQ((*guard)->Current(), nullptr);
  WriteTextFile(directory_ + "/web_guard.crt.new", other.certificate());
  std::rename((directory_ + "/web_guard.crt.new").c_str(), (directory_ + "/web_guard.crt").c_str());
  EXPECT_NE((*guard)->Current(), nullptr);
}

TEST_F(WebGuardTest, OpenNamesTheMistake) {
  EXPECT_FALSE(WebGuard::Open(directory_ + "/missing.yml").ok());
  WriteConfig("tls_server_config: {cert_file: missing.crt, key_file: missing.key}");
  EXPECT_THAT(std::string(base::Message(WebGuard::Open(path_).status())), HasSubstr("missing.crt"));
}

TEST(RateLimitTest, AllowsABurstThenOnePerInterval) {
  RateLimit limit(2, std::chrono::seconds(1));
  const base::TimePoint start = base::SteadyNow();
  EXPECT_TRUE(limit.Take(start));
  EXPECT_TRUE(limit.Take(start));
  EXPECT_FALSE(limit.Take(start));
  EXPECT_TRUE(limit.Take(start + std::chrono::seconds(1)));
  EXPECT_FALSE(limit.Take(start + std::chrono::seconds(1)));
  EXPECT_TRUE(limit.Take(start + std::chrono::seconds(100)));
  EXPECT_TRUE(limit.Take(start + std::chrono::seconds(100)));
  EXPECT_FALSE(limit.Take(start + std::chrono::seconds(100)));
  EXPECT_TRUE(RateLimit(0, base::Duration::zero()).Take(start));
  EXPECT_FALSE(RateLimit(0, std::chrono::seconds(1)).Take(start));
}

}  // namespace
}  // namespace thanos::net
