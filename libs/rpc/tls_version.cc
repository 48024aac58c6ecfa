#include "rpc/tls_version.h"

#include <atomic>
#include <mutex>
#include <openssl/ssl.h>

#include "base/check.h"

namespace thanos::rpc {
namespace {

// gRPC 1.51 fixes the range 1.2 to 1.3 and exports no way to change it, nor its OpenSSL contexts. OpenSSL
// itself lets a program take part in the making of every session, which is done here: gRPC's sessions get an
// observer of handshake messages, and when one turns out to be a server's, its range is narrowed before the
// version is chosen.
std::atomic<int> min_server_version{TLS1_2_VERSION};

void OnMessage(int is_write, int, int content_type, const void* data, size_t size, SSL* session, void*) {
  if (is_write == 0 && content_type == SSL3_RT_HANDSHAKE && size > 0 &&
      *static_cast<const unsigned char*>(data) == SSL3_MT_CLIENT_HELLO && SSL_is_server(session) == 1) {
    SSL_set_min_proto_version(session, min_server_version.load(std::memory_order_relaxed));
  }
}

void OnNewSession(void* parent, void*, CRYPTO_EX_DATA*, int, long, void*) {
  auto* session = static_cast<SSL*>(parent);
  // Only gRPC makes both of its sides with this method.
  if (const SSL_CTX* context = SSL_get_SSL_CTX(session);
      context != nullptr && SSL_CTX_get_ssl_method(context) == TLS_method()) {
    SSL_set_msg_callback(session, &OnMessage);
  }
}

}  // namespace

void SetServerTlsMinVersion(const std::string& min_version) {
  static std::once_flag once;
  std::call_once(once,
                 [] { TH_CHECK(SSL_get_ex_new_index(0, nullptr, &OnNewSession, nullptr, nullptr) >= 0); });
  min_server_version.store(min_version == "1.3" ? TLS1_3_VERSION : TLS1_2_VERSION, std::memory_order_relaxed);
}

}  // namespace thanos::rpc
