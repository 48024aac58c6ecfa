#include "net/web_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/ssl.h>

namespace thanos::net {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

std::string ErrorOf(std::string_view yaml) {
  const auto config = ParseWebConfig(yaml, "/etc");
  return config.ok() ? "no error" : std::string(base::Message(config.status()));
}

TEST(WebConfigTest, ReadsEverything) {
  const auto config = ParseWebConfig(R"(
tls_server_config:
  cert_file: web.crt
  key_file: /keys/web.key
  client_auth_type: RequireAndVerifyClientCert
  client_ca_file: ca.crt
  client_allowed_sans: [scraper]
  cipher_suites: [TLS_AES_128_GCM_SHA256, TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256]
  curve_preferences: [CurveP256, X25519]
  min_version: TLS13
  prefer_server_cipher_suites: false
http_server_config:
  http2: false
  headers:
    X-Frame-Options: DENY
    Strict-Transport-Security: max-age=31536000
basic_auth_users:
  alice: $2y$04$0123456789012345678901u123456789012345678901234567890
rate_limit: {burst: 3, interval: 1s}
)",
                                     "/etc");
  ASSERT_TRUE(config.ok()) << config.status();
  const WebTlsConfig& tls = *config->tls;
  EXPECT_EQ(tls.cert_file, "/etc/web.crt");
  EXPECT_EQ(tls.key_file, "/keys/web.key");
  EXPECT_EQ(tls.client_ca_file, "/etc/ca.crt");
  EXPECT_EQ(tls.client_auth, ClientAuth::kRequireAndVerify);
  EXPECT_THAT(tls.client_allowed_sans, ElementsAre("scraper"));
  EXPECT_EQ(tls.cipher_suites, "ECDHE-RSA-AES128-GCM-SHA256");
  EXPECT_EQ(tls.curves, "P-256:X25519");
  EXPECT_EQ(tls.min_version, TLS1_3_VERSION);
  EXPECT_EQ(tls.max_version, TLS1_3_VERSION);
  EXPECT_FALSE(tls.prefer_server_cipher_suites);
  ASSERT_EQ(config->headers.size(), 2u);
  EXPECT_EQ(config->headers[0].value, "DENY");
  ASSERT_EQ(config->users.size(), 1u);
  EXPECT_EQ(config->users[0].first, "alice");
  EXPECT_EQ(config->rate_burst, 3);
  EXPECT_EQ(config->rate_interval, std::chrono::seconds(1));
}

TEST(WebConfigTest, AnEmptyFileConfiguresNothing) {
  const auto config = ParseWebConfig("", "");
  ASSERT_TRUE(config.ok());
  EXPECT_FALSE(config->tls.has_value());
  EXPECT_TRUE(config->users.empty());
}

TEST(WebConfigTest, RefusesMistakes) {
  EXPECT_THAT(ErrorOf("tls_config: {}"), HasSubstr("unknown key \"tls_config\""));
  EXPECT_THAT(ErrorOf("tls_server_config: {cert_file: a, key_file: b, ciphers: []}"), HasSubstr("ciphers"));
  EXPECT_THAT(ErrorOf("tls_server_config: {key_file: b}"), HasSubstr("certificate is needed"));
  EXPECT_THAT(ErrorOf("tls_server_config: {cert_file: b}"), HasSubstr("key is needed"));
  EXPECT_THAT(ErrorOf("tls_server_config: {cert_file: a, key_file: b, client_ca_file: c}"),
              HasSubstr("not asked for"));
  EXPECT_THAT(ErrorOf("tls_server_config: {cert_file: a, key_file: b, client_auth_type: Maybe}"),
              HasSubstr("Maybe"));
  EXPECT_THAT(ErrorOf("tls_server_config: {cert_file: a, key_file: b, min_version: SSL3}"),
              HasSubstr("SSL3"));
  EXPECT_THAT(
      ErrorOf("tls_server_config: {cert_file: a, key_file: b, min_version: TLS13, max_version: TLS12}"),
      HasSubstr("below min_version"));
  EXPECT_THAT(ErrorOf("tls_server_config: {cert_file: a, key_file: b, cipher_suites: [RC4]}"),
              HasSubstr("RC4"));
  EXPECT_THAT(ErrorOf("http_server_config: {headers: {Server: x}}"), HasSubstr("Server"));
  EXPECT_THAT(ErrorOf("http_server_config: {headers: {X-Frame-Options: allow}}"),
              HasSubstr("X-Frame-Options"));
  EXPECT_THAT(ErrorOf("- a"), HasSubstr("expected a map"));
}

TEST(WebConfigTest, APlainPasswordIsRefusedAndNotRepeated) {
  for (const std::string_view yaml :
       {"basic_auth_users: {alice: hunter2}", "basic_auth_users: {alice: [hunter2]}",
        "basic_auth_users: hunter2", "basic_auth_users: [hunter2]",
        "basic_auth_users: {alice: $2y$04$hunter2}"}) {
    EXPECT_THAT(ErrorOf(yaml), testing::AllOf(HasSubstr("bcrypt"), Not(HasSubstr("hunter2")))) << yaml;
  }
}

}  // namespace
}  // namespace thanos::net
