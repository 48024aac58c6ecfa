#include "promapi/client_config.h"

#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <string>

namespace thanos::promapi {
namespace {

TEST(ClientConfigTest, EmptyIsTheDefault) {
  const auto config = ParseClientConfig("");
  ASSERT_TRUE(config.ok());
  EXPECT_TRUE(config->authorization.Headers()->empty());
}

TEST(ClientConfigTest, BasicAuthAndTls) {
  const auto config = ParseClientConfig(
      "basic_auth:\n  username: Aladdin\n  password: open sesame\n"
      "tls_config:\n  ca_file: /ca\n  server_name: prometheus\n  insecure_skip_verify: "
      "true\ntransport_config:\n  max_idle_conns: 5\n  dial_timeout: 3s\nproxy_url: http://proxy:3128\n");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->http.ca_file, "/ca");
  EXPECT_EQ(config->http.tls_server_name, "prometheus");
  EXPECT_TRUE(config->http.insecure_skip_verify);
  EXPECT_EQ(config->http.max_idle_connections, 5U);
  EXPECT_EQ(config->http.connect_timeout, std::chrono::seconds(3));
  EXPECT_EQ(config->http.proxy_url, "http://proxy:3128");
  const auto headers = config->authorization.Headers();
  ASSERT_EQ(headers->size(), 1U);
  EXPECT_EQ(headers->front().value, "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
  Authorization padded;
  padded.username = "a";
  padded.password = "b";
  EXPECT_EQ(padded.Headers()->front().value, "Basic YTpi");
  padded.password = "bc";
  EXPECT_EQ(padded.Headers()->front().value, "Basic YTpiYw==");
}

TEST(ClientConfigTest, BearerTokenFileIsReadEachTime) {
  const std::string path = testing::TempDir() + "/client_config_test_token";
  const auto config = ParseClientConfig("bearer_token_file: " + path + "\n");
  ASSERT_TRUE(config.ok()) << config.status();
  std::ofstream(path) << "one\n";
  EXPECT_EQ(config->authorization.Headers()->front().value, "Bearer one");
  std::ofstream(path) << "two\n";
  EXPECT_EQ(config->authorization.Headers()->front().value, "Bearer two");
  std::filesystem::remove(path);
  EXPECT_FALSE(config->authorization.Headers().ok());
}

TEST(ClientConfigTest, RefusesWhatItDoesNotKnow) {
  for (const std::string_view yaml :
       {"nonsense: 1", "proxy_url: nowhere", "oauth2: {client_id: x}",
        "transport_config: {max_idle_conns: -1}", "tls_config: {colour: x}",
        "basic_auth: {username: a}\nbearer_token: b", "transport_config: {other: 1}"}) {
    EXPECT_EQ(ParseClientConfig(yaml).status().code(), base::StatusCode::kInvalidArgument) << yaml;
  }
}

}  // namespace
}  // namespace thanos::promapi
