#pragma once

// HTTP client on libcurl. Redirects are followed only to the same host; credentials never leave it.

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/cancel.h"
#include "base/status.h"
#include "net/http_server.h"

namespace thanos::net {

// A request body that is read piece by piece while it is sent, and again from its start when it must be sent
// again.
class BodySource {
 public:
  virtual ~BodySource() = default;
  virtual int64_t size_bytes() const = 0;
  // Fills `out` with the bytes from `offset`, which are all below size_bytes().
  virtual base::Status Read(int64_t offset, std::span<char> out) const = 0;
};

struct ClientRequest {
  std::string method = "GET";
  std::string url = {};
  std::vector<HttpHeader> headers = {};
  std::string body = {};
  // Sent instead of `body` unless null or empty. Must outlive the call and the stream it returns.
  const BodySource* body_source = nullptr;
};

struct ClientResponse {
  int status = 0;
  std::vector<HttpHeader> headers;
  std::string body;
  const std::string* Header(std::string_view name) const;
};

struct HttpClientOptions {
  std::string user_agent = "Thanos";
  size_t max_response_bytes = size_t{1} << 30;  // after decompression
  base::Duration connect_timeout = std::chrono::seconds(10);
  base::Duration default_timeout = std::chrono::minutes(2);  // when the token has no deadline
  bool insecure_skip_verify = false;
  bool disable_compression = false;  // do not ask for gzip
  std::string ca_file = {};
  std::string cert_file = {};
  std::string key_file = {};
  // Asked for (SNI) and verified in the server's certificate instead of the URL's host. Empty: that host.
  std::string tls_server_name = {};
  bool use_proxy = true;  // that of the environment; never for loopback
  // Asked instead of the URL's host, whatever the environment says; with `use_proxy`. May hold a user name
  // and a password.
  std::string proxy_url = {};
  // Connections that wait for their next request: how many, and how long. A timeout of zero is no limit.
  size_t max_idle_connections = 100;
  base::Duration idle_timeout = std::chrono::seconds(90);
  // Requests at a time; more wait for their turn. Zero is no limit.
  size_t max_connections = 0;
};

// A response whose body is read piece by piece, on the caller's thread.
class BodyStream {
 public:
  virtual ~BodyStream() = default;
  virtual int status() const = 0;
  virtual const std::vector<HttpHeader>& headers() const = 0;
  // Appends the next bytes to `out` (at most about 64 KiB); false at the end of a complete body. Unavailable
  // when the connection ends early. Does not read ahead without bound while nobody calls.
  virtual base::StatusOr<bool> Read(const base::CancelToken& cancel, std::string* out) = 0;
};

// Thread-safe; keeps connections alive between calls.
class HttpClient {
 public:
  static std::unique_ptr<HttpClient> Create(HttpClientOptions options);
  virtual ~HttpClient() = default;
  // Any HTTP status is a response; errors are for requests that got none (Unavailable, DeadlineExceeded,
  // Cancelled) and for bodies over the limit (ResourceExhausted). Wakes on cancellation.
  virtual base::StatusOr<ClientResponse> Do(const base::CancelToken& cancel,
                                            const ClientRequest& request) = 0;
  // Returns when the response's header has arrived. The stream must not outlive the client.
  virtual base::StatusOr<std::unique_ptr<BodyStream>> Open(const base::CancelToken& cancel,
                                                           const ClientRequest& request) = 0;
};

}  // namespace thanos::net
