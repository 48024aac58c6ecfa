#pragma once

// HTTP/1.1 server on libevent. Handlers run on a worker pool, never on the event loops; probes and metrics
// are answered by handlers marked `inline_on_loop`, which must not block.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/cancel.h"
#include "base/status.h"

namespace thanos::net {

struct HttpHeader {
  std::string name;
  std::string value;
};

// The first of each field in the subject of a client's certificate; empty where there is none.
struct PeerSubject {
  std::string organization = {};
  std::string organizational_unit = {};
  std::string common_name = {};
};

using Parameters = std::vector<std::pair<std::string, std::string>>;

// Everything of one request, decoded. Parameters of the query string come after those of a form body, as in
// Go.
struct HttpRequest {
  std::string method;
  std::string path;  // decoded, without query
  Parameters parameters;
  // The part of the path a route's trailing "*" matched, or the values of ":name" segments.
  Parameters path_values;
  std::vector<HttpHeader> headers;
  std::string body;  // empty when it was a form
  std::string remote_address;
  std::string target;        // path and query as sent
  PeerSubject peer_subject;  // of the client's certificate, which is verified as the web configuration asks
  std::string request_id;    // the header X-Request-ID, or a new ULID
  base::CancelToken cancel;  // tripped when the client leaves or the server stops

  // First value or null.
  const std::string* Parameter(std::string_view name) const;
  std::vector<std::string> ParameterList(std::string_view name) const;
  // Case-insensitive; null when absent.
  const std::string* Header(std::string_view name) const;
  const std::string* PathValue(std::string_view name) const;
};

struct HttpResponse {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::vector<HttpHeader> headers;
  std::string body;

  static HttpResponse Text(int status, std::string body);
};

using HttpHandler = std::function<HttpResponse(const HttpRequest&)>;

struct HttpServerOptions {
  std::string address;  // host:port; an empty host is all addresses, port 0 any free one
  int num_loops = 2;
  int num_workers = 16;           // handlers running at once
  int max_queued_requests = 512;  // beyond: 503
  size_t max_body_bytes = 64 << 20;
  size_t max_header_bytes = 64 << 10;
  // Path of a web configuration: TLS, basic authentication, headers and rate limit for every path. Files are
  // re-read when they change; while they are not valid, nothing is served. Empty: plaintext for everybody.
  std::string web_config_file = {};
  base::Duration idle_timeout = std::chrono::minutes(2);
};

// Routes are added before Start(). Thread-safe afterwards.
class HttpServer {
 public:
  static base::StatusOr<std::unique_ptr<HttpServer>> Create(HttpServerOptions options);
  virtual ~HttpServer() = default;

  struct Route {
    std::vector<std::string> methods;  // empty: any method
    // Exact, or with ":name" segments ("/api/v1/label/:name/values"), or ending in "*". More exact routes
    // win.
    std::string pattern;
    HttpHandler handler;
    bool inline_on_loop = false;
  };
  virtual void AddRoute(Route route) = 0;
  // Called for every finished request: handler pattern, method, status code, request and response bytes,
  // duration.
  struct Observation {
    std::string_view pattern;
    std::string_view method;
    int status = 0;
    size_t request_bytes = 0;
    size_t response_bytes = 0;
    base::Duration duration{};
  };
  virtual void SetObserver(std::function<void(const Observation&)> observer) = 0;

  // Binds and serves. InvalidArgument or NotFound for an unusable web configuration.
  virtual base::Status Start() = 0;
  virtual int port() const = 0;
  // Stops accepting, waits up to `grace` for running requests, cancels the rest and returns when all are
  // gone.
  virtual void Stop(base::Duration grace) = 0;
};

}  // namespace thanos::net
