#pragma once

// Private: what TLS connections of the server are made from.

#include <memory>
#include <openssl/ssl.h>
#include <string>
#include <vector>

#include "base/status.h"
#include "net/http_server.h"
#include "net/web_config.h"

namespace thanos::net {

// Immutable and shared by the connections made from it. Thread-safe.
class TlsContext {
 public:
  // Loads certificates and keys. InvalidArgument or NotFound naming the file and the cause.
  static base::StatusOr<std::shared_ptr<const TlsContext>> Create(const WebTlsConfig& config);
  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

  // A server-side session, which must not outlive this; null when out of memory.
  SSL* NewSession() const;

 private:
  explicit TlsContext(const WebTlsConfig& config);
  static int VerifyClient(X509_STORE_CTX* store, void* self);
  base::Status Load(const WebTlsConfig& config);
  base::Status LoadCertificate(const WebTlsConfig& config);
  base::Status LoadClientCa(const WebTlsConfig& config);
  base::Status SetProtocol(const WebTlsConfig& config);
  void SetClientAuth(ClientAuth client_auth);

  SSL_CTX* context_;
  const bool verifies_clients_;
  const std::vector<std::string> client_allowed_sans_;
};

// Of the certificate that the peer of `session` sent; empty without one.
PeerSubject PeerSubjectOf(SSL* session);

}  // namespace thanos::net
