#include "rpc/tls_range.h"

#include <memory>
#include <mutex>
#include <openssl/ssl.h>
#include <string>
#include <utility>

#include "base/check.h"
#include "base/mutex.h"
#include "net/tls_names.h"

namespace thanos::rpc {
namespace {

struct TlsRange {
  int min_version = TLS1_2_VERSION;
  std::string suites;  // OpenSSL's lists; empty: gRPC's
  std::string curves;
};

base::Mutex range_mutex;
std::shared_ptr<const TlsRange> current_range ABSL_GUARDED_BY(range_mutex);

std::shared_ptr<const TlsRange> CurrentRange() {
  base::MutexLock lock(range_mutex);
  return current_range;
}

// gRPC 1.51 fixes versions, suites and curves and exports no way to change them, nor its OpenSSL contexts.
// OpenSSL itself lets a program take part in the making of every session, which is done here: gRPC's sessions
// get an observer of handshake messages, and when one turns out to be a server's, its range is narrowed
// before anything is chosen.
void OnMessage(int is_write, int, int content_type, const void* data, size_t size, SSL* session, void*) {
  if (is_write == 0 && content_type == SSL3_RT_HANDSHAKE && size > 0 &&
      *static_cast<const unsigned char*>(data) == SSL3_MT_CLIENT_HELLO && SSL_is_server(session) == 1) {
    const auto range = CurrentRange();
    SSL_set_min_proto_version(session, range->min_version);
    if (!range->suites.empty()) {
      SSL_set_cipher_list(session, range->suites.c_str());
    }
    if (!range->curves.empty()) {
      SSL_set1_groups_list(session, range->curves.c_str());
    }
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

base::Status RestrictServerTls(const ServerTlsOptions& options) {
  TlsRange range;
  range.min_version = options.min_version == "1.3" ? TLS1_3_VERSION : TLS1_2_VERSION;
  auto suites = net::OpenSslSuites(options.cipher_suites);
  if (!suites.ok()) {
    return base::Annotate(suites.status(), "cipher suites");
  }
  auto curves = net::OpenSslCurves(options.curves);
  if (!curves.ok()) {
    return base::Annotate(curves.status(), "curves");
  }
  range.suites = *std::move(suites);
  range.curves = *std::move(curves);
  {
    base::MutexLock lock(range_mutex);
    current_range = std::make_shared<const TlsRange>(std::move(range));
  }
  static std::once_flag once;
  std::call_once(once,
                 [] { TH_CHECK(SSL_get_ex_new_index(0, nullptr, &OnNewSession, nullptr, nullptr) >= 0); });
  return base::OkStatus();
}

}  // namespace thanos::rpc
