// The server with a web configuration, end to end.

#include <crypt.h>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <memory>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "net/http_client.h"
#include "net/http_server.h"
#include "net/test_certificates.h"
#include "net/test_socket.h"

namespace thanos::net {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string Hash(const std::string& password) {
  const auto data = std::make_unique<crypt_data>();
  return crypt_r(password.c_str(), "$2y$04$abcdefghijklmnopqrstuu", data.get());
}

class HttpsTest : public ::testing::Test {
 protected:
  HttpsTest() {
    server_certificate_.Write(stem_);
    ca_.Write(stem_ + "_ca");
    client_certificate_.Write(stem_ + "_client");
    stranger_.Write(stem_ + "_stranger");
  }
  ~HttpsTest() override {
    server_.reset();
    std::filesystem::remove_all(std::filesystem::path(stem_).parent_path());
  }
  void WriteConfig(std::string_view text) {
    WriteTextFile(path_ + ".new", text);
    std::rename((path_ + ".new").c_str(), path_.c_str());
  }
  void Start(std::string_view config) {
    WriteConfig(config);
    HttpServerOptions options;
    options.address = "127.0.0.1:0";
    options.web_config_file = path_;
    server_ = std::move(HttpServer::Create(options)).value();
    server_->AddRoute(
        {{}, "/echo", [](const HttpRequest& request) { return HttpResponse::Text(200, request.body); }});
    server_->AddRoute({{}, "/host", [](const HttpRequest& request) {
                         return HttpResponse::Text(200, *request.Header("Host"));
                       }});
    server_->AddRoute({{}, "/relative", [](const HttpRequest&) {
                         HttpResponse response = HttpResponse::Text(302, "moved");
                         response.headers.push_back({"Location", "/host"});
                         response.body = std::string(3 << 20, 'x');  // does not come with the header
                         return response;
                       }});
    server_->AddRoute({{}, "/big", [](const HttpRequest&) {
                         HttpResponse response = HttpResponse::Text(200, std::string(3 << 20, 'x'));
                         response.content_type = "application/octet-stream";
                         return response;
                       }});
    server_->AddRoute(
        {{}, "/-/healthy", [](const HttpRequest&) { return HttpResponse::Text(200, "OK"); }, true});
    const base::Status status = server_->Start();
    ASSERT_TRUE(status.ok()) << status;
  }
  HttpClientOptions ClientOptions() const {
    HttpClientOptions options;
    options.ca_file = stem_ + "_ca.crt";
    return options;
  }
  std::string Address(std::string_view path, std::string_view scheme = "https") const {
    return base::Concat(scheme, "://localhost:", server_->port(), path);
  }
  base::StatusOr<ClientResponse> Get(HttpClientOptions options, std::string_view path) const {
    return HttpClient::Create(std::move(options))->Do({}, {.url = Address(path)});
  }
  // Plain HTTP with a header.
  int StatusOf(std::string_view path, std::string_view authorization) const {
    ClientRequest request{.url = Address(path, "http")};
    if (!authorization.empty()) {
      request.headers.push_back({"Authorization", std::string(authorization)});
    }
    const auto response = HttpClient::Create({})->Do({}, request);
    return response.ok() ? response->status : -1;
  }

  // Of its own: other runs of this test may go on at the same time.
  static std::string FreshDirectory() {
    std::string pattern = ::testing::TempDir() + "/https-XXXXXX";
    EXPECT_NE(mkdtemp(pattern.data()), nullptr);
    return pattern;
  }
  const std::string stem_ = FreshDirectory() + "/https_test";
  const std::string path_ = stem_ + ".yml";
  const TestCertificate ca_{"ca", "DNS:ca", true};
  const TestCertificate server_certificate_{"server", "DNS:localhost", false, &ca_};
  const TestCertificate client_certificate_{"client", "DNS:scraper", false, &ca_};
  const TestCertificate stranger_{"stranger", "DNS:scraper", true};
  std::unique_ptr<HttpServer> server_;
};

constexpr std::string_view kTls =
    "tls_server_config:\n  cert_file: https_test.crt\n  key_file: https_test.key\n";

TEST_F(HttpsTest, ServesOverTls) {
  Start(kTls);
  const auto client = HttpClient::Create(ClientOptions());
  EXPECT_EQ(client->Do({}, {.url = Address("/-/healthy")})->body, "OK");
  const std::string body(1 << 20, 'b');
  const auto echoed = client->Do({}, {.method = "POST", .url = Address("/echo"), .body = body});
  ASSERT_TRUE(echoed.ok()) << echoed.status();
  EXPECT_EQ(echoed->body, body);
  const auto big = client->Do({}, {.url = Address("/big")});
  ASSERT_TRUE(big.ok()) << big.status();
  EXPECT_EQ(big->body.size(), size_t{3} << 20);
  EXPECT_EQ(client->Do({}, {.url = Address("/missing")})->status, 404);
  // Nobody is served in plaintext, and a client checks what it talks to.
  EXPECT_FALSE(client->Do({}, {.url = Address("/-/healthy", "http")}).ok());
  EXPECT_FALSE(Get({.ca_file = stem_ + "_stranger.crt"}, "/-/healthy").ok());
}

TEST_F(HttpsTest, VerifiesTheConfiguredServerName) {
  Start(kTls);
  const std::string address = base::Concat("127.0.0.1:", server_->port());
  const auto get = [&](const std::string& name, std::string_view path) {
    HttpClientOptions options = ClientOptions();
    options.tls_server_name = name;
    return HttpClient::Create(options)->Do({}, {.url = base::Concat("https://", address, path)});
  };
  EXPECT_EQ(get("", "/host").status().code(), base::StatusCode::kUnavailable);
  EXPECT_EQ(get("elsewhere", "/host").status().code(), base::StatusCode::kUnavailable);
  for (const std::string_view path : {"/host", "/relative"}) {
    const auto response = get("localhost", path);
    ASSERT_TRUE(response.ok()) << response.status();
    EXPECT_EQ(response->body, address) << path;
  }
}

// The version a client ends up with when it offers at most `max_version`; 0 without a connection.
int Handshake(int port, int max_version) {
  const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context(SSL_CTX_new(TLS_client_method()),
                                                                  &SSL_CTX_free);
  SSL_CTX_set_max_proto_version(context.get(), max_version);
  const std::unique_ptr<SSL, decltype(&SSL_free)> session(SSL_new(context.get()), &SSL_free);
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ConnectTo(fd, port);
  SSL_set_fd(session.get(), fd);
  const int version = SSL_connect(session.get()) == 1 ? SSL_version(session.get()) : 0;
  ERR_clear_error();
  close(fd);
  return version;
}

TEST_F(HttpsTest, HoldsToTheVersions) {
  Start(kTls);
  EXPECT_EQ(Handshake(server_->port(), TLS1_3_VERSION), TLS1_3_VERSION);
  EXPECT_EQ(Handshake(server_->port(), TLS1_2_VERSION), TLS1_2_VERSION);
  EXPECT_EQ(Handshake(server_->port(), TLS1_1_VERSION), 0);
  WriteConfig(base::Concat(kTls, "  min_version: TLS13\n"));
  EXPECT_EQ(Handshake(server_->port(), TLS1_3_VERSION), TLS1_3_VERSION);
  EXPECT_EQ(Handshake(server_->port(), TLS1_2_VERSION), 0);
  WriteConfig(base::Concat(kTls, "  max_version: TLS12\n"));
  EXPECT_EQ(Handshake(server_->port(), TLS1_3_VERSION), TLS1_2_VERSION);
}

TEST_F(HttpsTest, VerifiesClients) {
  Start(base::Concat(kTls,
                     "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: https_test_ca.crt\n"
                     "  client_allowed_sans: [scraper]\n"));
  HttpClientOptions with_certificate = ClientOptions();
  with_certificate.cert_file = stem_ + "_client.crt";
  with_certificate.key_file = stem_ + "_client.key";
  const auto served = Get(with_certificate, "/-/healthy");
  EXPECT_TRUE(served.ok()) << served.status();
  EXPECT_FALSE(Get(ClientOptions(), "/-/healthy").ok());
  HttpClientOptions stranger = ClientOptions();
  stranger.cert_file = stem_ + "_stranger.crt";
  stranger.key_file = stem_ + "_stranger.key";
  EXPECT_FALSE(Get(stranger, "/-/healthy").ok());
  WriteConfig(base::Concat(kTls,
                           "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: "
                           "https_test_ca.crt\n  client_allowed_sans: [somebody-else]\n"));
  EXPECT_FALSE(Get(with_certificate, "/-/healthy").ok());
  WriteConfig(base::Concat(kTls, "  client_auth_type: RequireAnyClientCert\n"));
  EXPECT_TRUE(Get(stranger, "/-/healthy").ok());
  EXPECT_FALSE(Get(ClientOptions(), "/-/healthy").ok());
  WriteConfig(base::Concat(
      kTls, "  client_auth_type: VerifyClientCertIfGiven\n  client_ca_file: https_test_ca.crt\n"));
  EXPECT_TRUE(Get(ClientOptions(), "/-/healthy").ok());
  EXPECT_FALSE(Get(stranger, "/-/healthy").ok());
}

TEST_F(HttpsTest, NewCertificatesAreUsedAtOnceAndBrokenOnesStopServing) {
  Start(kTls);
  ASSERT_TRUE(Get(ClientOptions(), "/-/healthy").ok());
  const TestCertificate other_ca("other ca", "DNS:ca", true);
  other_ca.Write(stem_ + "_other_ca");
  const TestCertificate renewed("server", "DNS:localhost", false, &other_ca);
  WriteTextFile(stem_ + ".crt", renewed.certificate());
  EXPECT_FALSE(Get({.insecure_skip_verify = true}, "/-/healthy").ok());  // the key is the old one
  WriteTextFile(stem_ + ".key", renewed.key());
  EXPECT_FALSE(Get(ClientOptions(), "/-/healthy").ok());
  EXPECT_TRUE(Get({.ca_file = stem_ + "_other_ca.crt"}, "/-/healthy").ok());
}

TEST_F(HttpsTest, AnswersBadRequestsBeforeClosing) {
  Start(kTls);
  const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context(SSL_CTX_new(TLS_client_method()),
                                                                  &SSL_CTX_free);
  const std::unique_ptr<SSL, decltype(&SSL_free)> session(SSL_new(context.get()), &SSL_free);
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ConnectTo(fd, server_->port());
  SSL_set_fd(session.get(), fd);
  ASSERT_EQ(SSL_connect(session.get()), 1);
  constexpr std::string_view kBad = "NONSENSE\r\n\r\n";
  SSL_write(session.get(), kBad.data(), static_cast<int>(kBad.size()));
  std::string answer;
  char buffer[1024];
  int got = 0;
  while ((got = SSL_read(session.get(), buffer, sizeof(buffer))) > 0) {
    answer.append(buffer, static_cast<size_t>(got));
  }
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 400 "));
  EXPECT_EQ(SSL_get_error(session.get(), got), SSL_ERROR_ZERO_RETURN);
  close(fd);
}

TEST_F(HttpsTest, BasicAuthCoversEveryPath) {
  Start(base::Concat("basic_auth_users: {alice: ", Hash("secret"), "}"));
  constexpr std::string_view kRight = "Basic YWxpY2U6c2VjcmV0";        // alice:secret
  constexpr std::string_view kWrong = "Basic YWxpY2U6d3Jvbmc=";        // alice:wrong
  constexpr std::string_view kUnknown = "Basic bm9ib2R5OnNlY3JldA==";  // nobody:secret
  for (const std::string_view path : {"/echo", "/-/healthy"}) {
    EXPECT_EQ(StatusOf(path, ""), 401) << path;
    EXPECT_EQ(StatusOf(path, kWrong), 401) << path;
    EXPECT_EQ(StatusOf(path, kUnknown), 401) << path;
    EXPECT_EQ(StatusOf(path, "Bearer secret"), 401) << path;
    EXPECT_EQ(StatusOf(path, kRight), 200) << path;
    EXPECT_EQ(StatusOf(path, kRight), 200) << path;
    EXPECT_EQ(StatusOf(path, kWrong), 401) << path;
  }
  EXPECT_EQ(StatusOf("/missing", ""), 401);
  EXPECT_EQ(StatusOf("/missing", kRight), 404);
  WriteConfig(base::Concat("basic_auth_users: {alice: ", Hash("other"), "}"));
  EXPECT_EQ(StatusOf("/echo", kRight), 401);
  WriteConfig("basic_auth_users: {alice: secret}");
  EXPECT_EQ(StatusOf("/echo", kRight), 500);
  EXPECT_EQ(StatusOf("/-/healthy", ""), 500);
  WriteConfig(base::Concat("basic_auth_users: {alice: ", Hash("secret"), "}"));
  EXPECT_EQ(StatusOf("/echo", kRight), 200);
}

TEST_F(HttpsTest, ConcurrentLoginsAllSucceed) {
  Start(base::Concat("basic_auth_users: {alice: ", Hash("secret"), "}"));
  std::vector<std::unique_ptr<TestSocket>> sockets;
  for (int i = 0; i < 16; ++i) {
    sockets.push_back(std::make_unique<TestSocket>(server_->port()));
    sockets.back()->Send(
        "GET /echo HTTP/1.1\r\nHost: h\r\nConnection: close\r\nAuthorization: Basic "
        "YWxpY2U6c2VjcmV0\r\n\r\n");
  }
  for (const auto& socket : sockets) {
    EXPECT_THAT(socket->ReadAll(), StartsWith("HTTP/1.1 200 "));
  }
}

TEST_F(HttpsTest, AddsHeadersToEveryAnswer) {
  Start("http_server_config: {headers: {X-Frame-Options: deny}}\nrate_limit: {burst: 2, interval: 1h}");
  const auto client = HttpClient::Create({});
  const auto found = client->Do({}, {.url = Address("/echo", "http")});
  const auto missing = client->Do({}, {.url = Address("/missing", "http")});
  const auto limited = client->Do({}, {.url = Address("/echo", "http")});
  EXPECT_EQ(found->status, 200);
  EXPECT_EQ(missing->status, 404);
  EXPECT_EQ(limited->status, 429);
  for (const auto& response : {*found, *missing, *limited}) {
    ASSERT_NE(response.Header("X-Frame-Options"), nullptr);
    EXPECT_EQ(*response.Header("X-Frame-Options"), "deny");
  }
}

TEST_F(HttpsTest, AnUnusableConfigurationStopsTheStart) {
  WriteConfig("basic_auth_users: {alice: hunter2}");
  HttpServerOptions options;
  options.address = "127.0.0.1:0";
  options.web_config_file = path_;
  const base::Status status = HttpServer::Create(options).value()->Start();
  EXPECT_EQ(status.code(), base::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(base::Message(status)), ::testing::Not(HasSubstr("hunter2")));
}

}  // namespace
}  // namespace thanos::net
