#include "net/tls_context.h"

#include <algorithm>
#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/check.h"
#include "base/strings.h"
#include "config/path_or_content.h"
#include "telemetry/log.h"

namespace thanos::net {
namespace {

using BioPtr = std::unique_ptr<BIO, decltype(&BIO_free)>;
using X509Ptr = std::unique_ptr<X509, decltype(&X509_free)>;
using KeyPtr = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;

std::string OpenSslError() {
  char text[256];
  ERR_error_string_n(ERR_peek_last_error(), text, sizeof(text));
  ERR_clear_error();
  return text;
}

// The PEM text and what to call it in errors.
struct Pem {
  std::string text;
  std::string name;
};

base::StatusOr<Pem> ReadPem(const std::string& path, const std::string& text, std::string_view what) {
  if (path.empty()) {
    return Pem{text, base::Concat("inline ", what)};
  }
  TH_ASSIGN_OR_RETURN(std::string content, config::ReadFile(path));
  return Pem{std::move(content), base::Concat(what, " ", path)};
}

BioPtr Reader(const Pem& pem) {
  return BioPtr(BIO_new_mem_buf(pem.text.data(), static_cast<int>(pem.text.size())), &BIO_free);
}

X509Ptr NextCertificate(BIO* bio) {
  return X509Ptr(PEM_read_bio_X509(bio, nullptr, nullptr, nullptr), &X509_free);
}

// Encrypted keys are refused instead of asking a terminal.
int NoPassphrase(char*, int, int, void*) {
  return -1;
}

std::string AddressText(const ASN1_OCTET_STRING& address) {
  char text[INET6_ADDRSTRLEN];
  const int family = ASN1_STRING_length(&address) == 4 ? AF_INET : AF_INET6;
  const int length = ASN1_STRING_length(&address);
  if ((length != 4 && length != 16) ||
      inet_ntop(family, ASN1_STRING_get0_data(&address), text, sizeof(text)) == nullptr) {
    return "";
  }
  return text;
}

// The subject alternative names of kinds DNS, e-mail, URI and IP address.
std::vector<std::string> AlternativeNames(const X509* certificate) {
  std::vector<std::string> out;
  auto* names =
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr));
  for (int i = 0; i < sk_GENERAL_NAME_num(names); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names, i);
    if (name->type == GEN_DNS || name->type == GEN_EMAIL || name->type == GEN_URI) {
      const ASN1_IA5STRING* text = name->d.ia5;
      out.emplace_back(reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
                       static_cast<size_t>(ASN1_STRING_length(text)));
    } else if (name->type == GEN_IPADD) {
      out.push_back(AddressText(*name->d.iPAddress));
    }
  }
  GENERAL_NAMES_free(names);
  return out;
}

// HTTP/1.1 is all that is spoken here.
int ChooseProtocol(SSL*, const unsigned char** out, unsigned char* out_length, const unsigned char* in,
                   unsigned in_length, void*) {
  static constexpr unsigned char kHttp11[] = {8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
  unsigned char* chosen = nullptr;
  if (SSL_select_next_proto(&chosen, out_length, kHttp11, sizeof(kHttp11), in, in_length) !=
      OPENSSL_NPN_NEGOTIATED) {
    return SSL_TLSEXT_ERR_NOACK;
  }
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

}  // namespace

TlsContext::TlsContext(const WebTlsConfig& config)
    : context_(SSL_CTX_new(TLS_server_method())),
      verifies_clients_(config.client_auth == ClientAuth::kVerifyIfGiven ||
                        config.client_auth == ClientAuth::kRequireAndVerify),
      client_allowed_sans_(config.client_allowed_sans) {
  TH_CHECK(context_ != nullptr);
}

TlsContext::~TlsContext() {
  SSL_CTX_free(context_);
}

base::StatusOr<std::shared_ptr<const TlsContext>> TlsContext::Create(const WebTlsConfig& config) {
  ERR_clear_error();
  const std::shared_ptr<TlsContext> context(new TlsContext(config));
  const base::Status status = context->Load(config);
  ERR_clear_error();
  if (!status.ok()) {
    return status;
  }
  return std::shared_ptr<const TlsContext>(context);
}

SSL* TlsContext::NewSession() const {
  return SSL_new(context_);
}

base::Status TlsContext::Load(const WebTlsConfig& config) {
  TH_RETURN_IF_ERROR(SetProtocol(config));
  TH_RETURN_IF_ERROR(LoadCertificate(config));
  TH_RETURN_IF_ERROR(LoadClientCa(config));
  SetClientAuth(config.client_auth);
  return base::OkStatus();
}

base::Status TlsContext::SetProtocol(const WebTlsConfig& config) {
  if (config.min_version < TLS1_2_VERSION) {
    TH_LOG(kWarn, "TLS versions below 1.2 are not served");
  }
  if (config.max_version < TLS1_2_VERSION) {
    return base::InvalidArgument("max_version: TLS versions below 1.2 are not served");
  }
  uint64_t options = SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_NO_TICKET;
  options |= config.prefer_server_cipher_suites ? SSL_OP_CIPHER_SERVER_PREFERENCE : 0;
  SSL_CTX_set_options(context_, options);
  SSL_CTX_set_mode(context_, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  // A resumed session would keep rights that a reload took away.
  SSL_CTX_set_session_cache_mode(context_, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(context_, 0);
  SSL_CTX_set_alpn_select_cb(context_, &ChooseProtocol, nullptr);
  if (SSL_CTX_set_min_proto_version(context_, std::max(config.min_version, TLS1_2_VERSION)) != 1 ||
      SSL_CTX_set_max_proto_version(context_, config.max_version) != 1) {
    return base::InvalidArgument("TLS versions: ", OpenSslError());
  }
  if (!config.cipher_suites.empty() && SSL_CTX_set_cipher_list(context_, config.cipher_suites.c_str()) != 1) {
    return base::InvalidArgument("cipher_suites: ", OpenSslError());
  }
  if (!config.curves.empty() && SSL_CTX_set1_groups_list(context_, config.curves.c_str()) != 1) {
    return base::InvalidArgument("curve_preferences: ", OpenSslError());
  }
  return base::OkStatus();
}

base::Status TlsContext::LoadCertificate(const WebTlsConfig& config) {
  TH_ASSIGN_OR_RETURN(const Pem certificates, ReadPem(config.cert_file, config.cert, "TLS certificate"));
  const BioPtr bio = Reader(certificates);
  const X509Ptr leaf = NextCertificate(bio.get());
  if (leaf == nullptr || SSL_CTX_use_certificate(context_, leaf.get()) != 1) {
    return base::InvalidArgument("loading ", certificates.name, ": ", OpenSslError());
  }
  while (X509Ptr next = NextCertificate(bio.get())) {
    if (SSL_CTX_add1_chain_cert(context_, next.get()) != 1) {
      return base::InvalidArgument("loading ", certificates.name, ": ", OpenSslError());
    }
  }
  ERR_clear_error();  // of the end of the file
  TH_ASSIGN_OR_RETURN(const Pem key_pem, ReadPem(config.key_file, config.key, "TLS key"));
  const KeyPtr key(PEM_read_bio_PrivateKey(Reader(key_pem).get(), nullptr, &NoPassphrase, nullptr),
                   &EVP_PKEY_free);
  if (key == nullptr) {
    return base::InvalidArgument("loading ", key_pem.name, ": ", OpenSslError());
  }
  if (SSL_CTX_use_PrivateKey(context_, key.get()) != 1 || SSL_CTX_check_private_key(context_) != 1) {
    ERR_clear_error();
    return base::InvalidArgument(key_pem.name, " does not belong to ", certificates.name);
  }
  return base::OkStatus();
}

base::Status TlsContext::LoadClientCa(const WebTlsConfig& config) {
  if (config.client_ca_file.empty() && config.client_ca.empty()) {
    if (verifies_clients_ && SSL_CTX_set_default_verify_paths(context_) != 1) {
      return base::Internal("loading system roots: ", OpenSslError());
    }
    return base::OkStatus();
  }
  TH_ASSIGN_OR_RETURN(const Pem authorities, ReadPem(config.client_ca_file, config.client_ca, "client CA"));
  const BioPtr bio = Reader(authorities);
  int count = 0;
  while (const X509Ptr authority = NextCertificate(bio.get())) {
    if (X509_STORE_add_cert(SSL_CTX_get_cert_store(context_), authority.get()) != 1 ||
        SSL_CTX_add_client_CA(context_, authority.get()) != 1) {
      return base::InvalidArgument("loading ", authorities.name, ": ", OpenSslError());
    }
    ++count;
  }
  if (count == 0) {
    return base::InvalidArgument("loading ", authorities.name, ": no certificate in it");
  }
  ERR_clear_error();
  return base::OkStatus();
}

void TlsContext::SetClientAuth(ClientAuth client_auth) {
  if (client_auth == ClientAuth::kNone) {
    SSL_CTX_set_verify(context_, SSL_VERIFY_NONE, nullptr);
    return;
  }
  int mode = SSL_VERIFY_PEER;
  if (client_auth == ClientAuth::kRequireAny || client_auth == ClientAuth::kRequireAndVerify ||
      !client_allowed_sans_.empty()) {
    mode |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
  }
  SSL_CTX_set_verify(context_, mode, nullptr);
  SSL_CTX_set_cert_verify_callback(context_, &TlsContext::VerifyClient, this);
}

int TlsContext::VerifyClient(X509_STORE_CTX* store, void* self) {
  const auto& context = *static_cast<const TlsContext*>(self);
  if (context.verifies_clients_ && X509_verify_cert(store) != 1) {
    return 0;
  }
  const auto& allowed = context.client_allowed_sans_;
  if (allowed.empty()) {
    return 1;
  }
  for (const std::string& name : AlternativeNames(X509_STORE_CTX_get0_cert(store))) {
    if (std::find(allowed.begin(), allowed.end(), name) != allowed.end()) {
      return 1;
    }
  }
  X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION);
  return 0;
}

namespace {

std::string SubjectField(const X509_NAME& subject, int field) {
  const int index = X509_NAME_get_index_by_NID(const_cast<X509_NAME*>(&subject), field, -1);
  if (index < 0) {
    return "";
  }
  const ASN1_STRING* const value = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(&subject, index));
  unsigned char* utf8 = nullptr;
  const int size = ASN1_STRING_to_UTF8(&utf8, value);
  if (size < 0) {
    return "";
  }
  std::string text(reinterpret_cast<const char*>(utf8), static_cast<size_t>(size));
  OPENSSL_free(utf8);
  return text;
}

}  // namespace

PeerSubject PeerSubjectOf(SSL* session) {
  const std::unique_ptr<X509, decltype(&X509_free)> certificate(SSL_get1_peer_certificate(session),
                                                                &X509_free);
  if (certificate == nullptr) {
    return {};
  }
  const X509_NAME* const subject = X509_get_subject_name(certificate.get());
  return {.organization = SubjectField(*subject, NID_organizationName),
          .organizational_unit = SubjectField(*subject, NID_organizationalUnitName),
          .common_name = SubjectField(*subject, NID_commonName)};
}

}  // namespace thanos::net
