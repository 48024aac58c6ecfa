#pragma once

// A TCP or TLS connection with deadlines, for the request-reply protocols of caches.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/cancel.h"
#include "base/status.h"
#include "cache/remote_config.h"

struct ssl_st;
struct ssl_ctx_st;

namespace thanos::cache::internal {

// What TLS connections are made from. Immutable, thread-safe.
class TlsClient {
 public:
  // InvalidArgument naming a file that cannot be used.
  static base::StatusOr<std::shared_ptr<const TlsClient>> Create(const RemoteTlsConfig& config);
  ~TlsClient();
  TlsClient(const TlsClient&) = delete;
  TlsClient& operator=(const TlsClient&) = delete;

  // A client session that checks the certificate of `host`; null when out of memory.
  ssl_st* NewSession(const std::string& host) const;

 private:
  TlsClient(ssl_ctx_st* context, const RemoteTlsConfig& config) : context_(context), config_(config) {}
  ssl_ctx_st* const context_;
  const RemoteTlsConfig config_;
};

// One user at a time, except for Interrupt. Every call returns by the token's deadline; after an error the
// connection is of no use any more.
class Connection {
 public:
  // Tries the numeric addresses `ips` in turn. `tls` null: plain text; else the certificate must be `host`'s.
  static base::StatusOr<std::unique_ptr<Connection>> Dial(const base::CancelToken& cancel,
                                                          const std::vector<std::string>& ips,
                                                          const std::string& port, const TlsClient* tls,
                                                          const std::string& host);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  base::Status Write(const base::CancelToken& cancel, std::string_view bytes);
  // The next line without its CR LF. DataLoss: longer than any line of a cache's protocol.
  base::StatusOr<std::string> ReadLine(const base::CancelToken& cancel);
  // Exactly `num_bytes`. The caller bounds them.
  base::StatusOr<std::string> ReadBytes(const base::CancelToken& cancel, size_t num_bytes);
  // True when the peer has closed, or sent what nobody asked for: then an idle connection cannot be used.
  bool IsStale() const;
  // Wakes a call that waits, which then fails. From any thread.
  void Interrupt();

 private:
  explicit Connection(int fd) : fd_(fd) {}
  static base::StatusOr<int> Connect(const base::CancelToken& cancel, const std::string& ip,
                                     const std::string& port);
  base::Status StartTls(const base::CancelToken& cancel, const TlsClient& tls, const std::string& host);
  // Waits until the socket can be read or written; what a TLS call wanted.
  base::Status WaitFor(const base::CancelToken& cancel, int16_t events) const;
  base::Status WaitForTls(const base::CancelToken& cancel, int result, std::string_view doing) const;
  // Appends what has arrived, at least one byte.
  base::Status Fill(const base::CancelToken& cancel);

  const int fd_;
  ssl_st* session_ = nullptr;
  std::string received_;
  size_t position_ = 0;  // in received_: what was not taken yet
};

}  // namespace thanos::cache::internal
