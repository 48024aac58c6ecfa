#include <cstdio>
#include <grpcpp/channel.h>
#include <gtest/gtest.h>
#include <memory>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <string>

#include "rpc/channel.h"
#include "rpc/server.h"
#include "rpc/test_call.h"
#include "telemetry/metrics.h"

namespace thanos::rpc {
namespace {

struct Files {
  std::string cert;
  std::string key;
};

// A self-signed certificate for localhost, which is its own CA.
Files MakeCertificate(const std::string& name) {
  EVP_PKEY* key = EVP_EC_gen("P-256");
  X509* cert = X509_new();
  X509_set_version(cert, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
  X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
  X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
  X509_set_pubkey(cert, key);
  X509_NAME* subject = X509_get_subject_name(cert);
  X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  X509_set_issuer_name(cert, subject);
  for (const auto& [nid, value] :
       {std::pair{NID_subject_alt_name, "DNS:localhost"}, {NID_basic_constraints, "critical,CA:TRUE"}}) {
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, nid, value);
    X509_add_ext(cert, extension, -1);
    X509_EXTENSION_free(extension);
  }
  X509_sign(cert, key, EVP_sha256());
  const Files files{::testing::TempDir() + "/" + name + ".crt", ::testing::TempDir() + "/" + name + ".key"};
  FILE* file = std::fopen(files.cert.c_str(), "w");
  PEM_write_X509(file, cert);
  std::fclose(file);
  file = std::fopen(files.key.c_str(), "w");
  PEM_write_PrivateKey(file, key, nullptr, nullptr, 0, nullptr, nullptr);
  std::fclose(file);
  X509_free(cert);
  EVP_PKEY_free(key);
  return files;
}

class RpcTlsTest : public ::testing::Test {
 protected:
  void Start(ServerTlsOptions tls) {
    ServerOptions options;
    options.address = "127.0.0.1:0";
    options.tls = std::move(tls);
    auto server = Server::Create(options, telemetry::NullRegistry());
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    ASSERT_TRUE(server_->Start().ok());
    server_->SetServing(true);
  }
  grpc::Status Check(ClientTlsOptions tls, base::Duration timeout) {
    tls.enabled = true;
    ChannelOptions options;
    options.tls = std::move(tls);
    auto channel = MakeChannel(base::Concat("localhost:", server_->port()), options);
    EXPECT_TRUE(channel.ok()) << channel.status();
    return CallUnary(*channel, kHealthCheck, base::CancelSource(base::CancelToken(), timeout).token()).status;
  }

  const Files own_ = MakeCertificate("rpc_test_server");
  const Files other_ = MakeCertificate("rpc_test_other");
  std::unique_ptr<Server> server_;
};

constexpr base::Duration kLong = std::chrono::seconds(20);
constexpr base::Duration kShort =
    std::chrono::milliseconds(500);  // for calls that wait for a connection in vain

TEST_F(RpcTlsTest, VerifiesTheServer) {
  Start({own_.cert, own_.key, ""});
  EXPECT_TRUE(Check({.ca_file = own_.cert}, kLong).ok());
  EXPECT_FALSE(Check({.ca_file = other_.cert}, kShort).ok());
  EXPECT_TRUE(Check({.skip_verify = true}, kLong).ok());
  EXPECT_FALSE(Check({.ca_file = own_.cert, .server_name = "elsewhere"}, kShort).ok());
}

TEST_F(RpcTlsTest, RequiresClientCertificatesWithAClientCa) {
  Start({own_.cert, own_.key, other_.cert});
  EXPECT_TRUE(Check({.ca_file = own_.cert, .cert_file = other_.cert, .key_file = other_.key}, kLong).ok());
  EXPECT_FALSE(Check({.ca_file = own_.cert}, kShort).ok());
  EXPECT_FALSE(Check({.ca_file = own_.cert, .cert_file = own_.cert, .key_file = own_.key}, kShort).ok());
}

// The version agreed on with a client that offers at most `max_version`, and these suites (of TLS 1.2) and
// curves alone when given; 0 when refused.
int Handshake(int port, int max_version, const char* suites = nullptr, const char* curves = nullptr) {
  const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context(SSL_CTX_new(TLS_client_method()),
                                                                  &SSL_CTX_free);
  SSL_CTX_set_max_proto_version(context.get(), max_version);
  if (suites != nullptr) {
    SSL_CTX_set_cipher_list(context.get(), suites);
  }
  if (curves != nullptr) {
    SSL_CTX_set1_groups_list(context.get(), curves);
  }
  constexpr unsigned char kH2[] = {2, 'h', '2'};
  SSL_CTX_set_alpn_protos(context.get(), kH2, sizeof(kH2));
  BIO* bio = BIO_new_ssl_connect(context.get());
  BIO_set_conn_hostname(bio, base::Concat("127.0.0.1:", port).c_str());
  SSL* session = nullptr;
  BIO_get_ssl(bio, &session);
  const int version = BIO_do_handshake(bio) == 1 ? SSL_version(session) : 0;
  BIO_free_all(bio);
  ERR_clear_error();
  return version;
}

TEST_F(RpcTlsTest, HoldsToTheLowestVersion) {
  Start({own_.cert, own_.key, "", "1.3"});
  EXPECT_EQ(Handshake(server_->port(), TLS1_3_VERSION), TLS1_3_VERSION);
  EXPECT_EQ(Handshake(server_->port(), TLS1_2_VERSION), 0);
  EXPECT_TRUE(Check({.ca_file = own_.cert}, kLong).ok());
  Start({own_.cert, own_.key, "", "1.2"});
  EXPECT_EQ(Handshake(server_->port(), TLS1_3_VERSION), TLS1_3_VERSION);
  EXPECT_EQ(Handshake(server_->port(), TLS1_2_VERSION), TLS1_2_VERSION);
  Start({own_.cert, own_.key, "", "1.0"});
  EXPECT_EQ(Handshake(server_->port(), TLS1_2_VERSION), TLS1_2_VERSION);
  EXPECT_EQ(Handshake(server_->port(), TLS1_1_VERSION), 0);
}

TEST_F(RpcTlsTest, ChoosesAmongTheSuitesAndCurvesNamed) {
  ServerTlsOptions tls{own_.cert, own_.key, "", "1.2"};
  tls.cipher_suites = {"TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"};
  tls.curves = {"CurveP384"};
  Start(tls);
  EXPECT_EQ(Handshake(server_->port(), TLS1_2_VERSION, "ECDHE-ECDSA-AES256-GCM-SHA384"), TLS1_2_VERSION);
  EXPECT_EQ(Handshake(server_->port(), TLS1_2_VERSION, "ECDHE-ECDSA-AES128-GCM-SHA256"), 0);
  EXPECT_EQ(Handshake(server_->port(), TLS1_3_VERSION, nullptr, "P-384"), TLS1_3_VERSION);
  EXPECT_EQ(Handshake(server_->port(), TLS1_3_VERSION, nullptr, "X25519"), 0);
}

TEST_F(RpcTlsTest, UnknownSuitesAndCurvesStopTheStart) {
  ServerOptions options;
  options.address = "127.0.0.1:0";
  options.tls = {own_.cert, own_.key, "", "1.3", {"NONE_SUCH"}};
  auto server = Server::Create(options, telemetry::NullRegistry());
  ASSERT_FALSE(server.ok());
  EXPECT_NE(server.status().message().find("NONE_SUCH"), std::string::npos) << server.status();
  options.tls = {own_.cert, own_.key, "", "1.3", {}, {"CurveP1"}};
  EXPECT_FALSE(Server::Create(options, telemetry::NullRegistry()).ok());
}

TEST_F(RpcTlsTest, BadFilesStopTheStart) {
  ServerOptions options;
  options.address = "127.0.0.1:0";
  for (const ServerTlsOptions& tls :
       {ServerTlsOptions{"/nonexistent", own_.key, ""}, ServerTlsOptions{own_.cert, "", ""},
        ServerTlsOptions{own_.cert, other_.key, ""}, ServerTlsOptions{"", "", own_.cert}}) {
    options.tls = tls;
    EXPECT_FALSE(Server::Create(options, telemetry::NullRegistry()).ok()) << tls.cert_file << tls.key_file;
  }
  ChannelOptions channel;
  channel.tls.enabled = true;
  channel.tls.ca_file = "/nonexistent/ca.pem";
  EXPECT_FALSE(MakeChannel("localhost:1", channel).ok());
}

}  // namespace
}  // namespace thanos::rpc
