#include "rpc/tls.h"

#include <grpcpp/security/tls_certificate_provider.h>
#include <grpcpp/security/tls_certificate_verifier.h>
#include <grpcpp/security/tls_credentials_options.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <string>

#include "rpc/tls_range.h"

namespace thanos::rpc {
namespace {

// How often certificate files are looked at again.
constexpr unsigned kRefreshSeconds = 2;

std::string OpenSslError() {
  char text[256];
  ERR_error_string_n(ERR_get_error(), text, sizeof(text));
  ERR_clear_error();
  return text;
}

// Loads the files once the way a handshake would, so that mistakes stop the start instead of each connection.
base::Status CheckFiles(const std::string& cert_file, const std::string& key_file,
                        const std::string& ca_file) {
  const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context(SSL_CTX_new(TLS_method()), &SSL_CTX_free);
  if (context == nullptr) {
    return base::Internal("creating TLS context: ", OpenSslError());
  }
  if (cert_file.empty() != key_file.empty()) {
    return base::InvalidArgument("both a TLS certificate and a key are needed, or none");
  }
  if (!cert_file.empty()) {
    if (SSL_CTX_use_certificate_chain_file(context.get(), cert_file.c_str()) != 1) {
      return base::InvalidArgument("loading TLS certificate ", cert_file, ": ", OpenSslError());
    }
    if (SSL_CTX_use_PrivateKey_file(context.get(), key_file.c_str(), SSL_FILETYPE_PEM) != 1) {
      return base::InvalidArgument("loading TLS key ", key_file, ": ", OpenSslError());
    }
    if (SSL_CTX_check_private_key(context.get()) != 1) {
      return base::InvalidArgument("TLS key ", key_file, " does not belong to certificate ", cert_file);
    }
  }
  if (!ca_file.empty() && SSL_CTX_load_verify_locations(context.get(), ca_file.c_str(), nullptr) != 1) {
    return base::InvalidArgument("loading TLS CA ", ca_file, ": ", OpenSslError());
  }
  return base::OkStatus();
}

// Accepts every peer; for clients told to skip verification.
class AcceptAllVerifier final : public grpc::experimental::ExternalCertificateVerifier {
 public:
  bool Verify(grpc::experimental::TlsCustomVerificationCheckRequest*, std::function<void(grpc::Status)>,
              grpc::Status* sync_status) override {
    *sync_status = grpc::Status::OK;
    return true;
  }
  void Cancel(grpc::experimental::TlsCustomVerificationCheckRequest*) override {}
};

std::shared_ptr<grpc::experimental::CertificateProviderInterface> WatchFiles(const std::string& cert_file,
                                                                             const std::string& key_file,
                                                                             const std::string& ca_file) {
  if (cert_file.empty()) {
    return std::make_shared<grpc::experimental::FileWatcherCertificateProvider>(ca_file, kRefreshSeconds);
  }
  return std::make_shared<grpc::experimental::FileWatcherCertificateProvider>(key_file, cert_file, ca_file,
                                                                              kRefreshSeconds);
}

}  // namespace

base::StatusOr<std::shared_ptr<grpc::ServerCredentials>> MakeServerCredentials(
    const ServerTlsOptions& options) {
  if (options.cert_file.empty() && options.key_file.empty()) {
    if (!options.client_ca_file.empty()) {
      return base::InvalidArgument("a client CA needs a server certificate and key");
    }
    return grpc::InsecureServerCredentials();
  }
  TH_RETURN_IF_ERROR(CheckFiles(options.cert_file, options.key_file, options.client_ca_file));
  TH_RETURN_IF_ERROR(RestrictServerTls(options));
  grpc::experimental::TlsServerCredentialsOptions tls(
      WatchFiles(options.cert_file, options.key_file, options.client_ca_file));
  tls.watch_identity_key_cert_pairs();
  if (options.client_ca_file.empty()) {
    tls.set_cert_request_type(GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE);
  } else {
    tls.watch_root_certs();
    tls.set_cert_request_type(GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
    // The chain is verified by the handshake; names in client certificates are not tied to addresses.
    tls.set_certificate_verifier(
        grpc::experimental::ExternalCertificateVerifier::Create<AcceptAllVerifier>());
  }
  return grpc::experimental::TlsServerCredentials(tls);
}

base::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> MakeChannelCredentials(
    const ClientTlsOptions& options) {
  if (!options.enabled) {
    return grpc::InsecureChannelCredentials();
  }
  TH_RETURN_IF_ERROR(CheckFiles(options.cert_file, options.key_file, options.ca_file));
  grpc::experimental::TlsChannelCredentialsOptions tls;
  if (!options.cert_file.empty() || !options.ca_file.empty()) {
    tls.set_certificate_provider(WatchFiles(options.cert_file, options.key_file, options.ca_file));
  }
  if (!options.cert_file.empty()) {
    tls.watch_identity_key_cert_pairs();
  }
  if (!options.ca_file.empty()) {
    tls.watch_root_certs();
  }
  if (options.skip_verify) {
    tls.set_verify_server_certs(false);
    tls.set_check_call_host(false);
    tls.set_certificate_verifier(
        grpc::experimental::ExternalCertificateVerifier::Create<AcceptAllVerifier>());
  }
  return grpc::experimental::TlsCredentials(tls);
}

}  // namespace thanos::rpc
