#pragma once

// HTTP client on libcurl. Redirects are followed only to the same host; credentials never leave it.

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/cancel.h"
#include "base/status.h"
#include "net/http_server.h"

namespace thanos::net {

struct ClientRequest {
  std::string method = "GET";
  std::string url = {};
  std::vector<HttpHeader> headers = {};
  std::string body = {};
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
