#pragma once

// The gRPC server of a service: TLS, health, reflection, metrics and graceful stop around service
// implementations.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "telemetry/metrics.h"

namespace grpc {
class Service;
}

namespace thanos::rpc {

// What a library that implements a gRPC service hands to the server. `service()` stays the same object for
// life.
class ServiceAdaptor {
 public:
  virtual ~ServiceAdaptor() = default;
  virtual grpc::Service& service() = 0;
};

struct ServerTlsOptions {
  std::string cert_file = {};  // empty: plaintext
  std::string key_file = {};
  std::string client_ca_file = {};  // set: client certificates are required and verified
  // The rest holds for all servers of the process, as the one made last has it.
  std::string min_version = "1.3";              // 1.0 .. 1.3; 1.0 and 1.1 mean 1.2
  std::vector<std::string> cipher_suites = {};  // names as in net/tls_names.h; empty: gRPC's
  std::vector<std::string> curves = {};         // likewise
};

// One call, for a log.
struct CallRecord {
  std::string service = {};
  std::string method = {};
  std::string peer = {};
  std::string request_id = {};  // of the client's metadata
  bool finished = false;        // else it begins, and what follows is not known
  std::string_view code = {};   // "OK", "Canceled", ...
  base::Duration duration = {};
};
// Called at the begin and at the end of each call, on gRPC's threads: must not block.
using CallLog = std::function<void(const CallRecord&)>;

struct ServerOptions {
  std::string address;  // host:port; an empty host is all addresses, port 0 any free one
  ServerTlsOptions tls;
  // Older connections are asked to reconnect; their running calls go on. Zero: no limit.
  base::Duration max_connection_age = std::chrono::minutes(60);
  int max_concurrent_streams = 1000;  // per connection
  CallLog call_log = {};              // may be empty
};

// Create, Add, Start, Stop in this order, from one thread; SetServing from any.
class Server {
 public:
  // `metrics` must outlive the server.
  static base::StatusOr<std::unique_ptr<Server>> Create(ServerOptions options, telemetry::Registry& metrics);
  virtual ~Server() = default;

  // `adaptor` must outlive the server.
  virtual void Add(ServiceAdaptor& adaptor) = 0;
  // Binds and serves; Unavailable when the address cannot be bound, InvalidArgument for unusable
  // certificates.
  virtual base::Status Start() = 0;
  // The bound port after Start().
  virtual int port() const = 0;
  // What grpc.health.v1 answers for the server as a whole and each service. Starts not serving.
  virtual void SetServing(bool serving) = 0;
  // Refuses new calls, waits up to `grace` for running ones, then cancels them. Returns when all are gone.
  virtual void Stop(base::Duration grace) = 0;
};

}  // namespace thanos::rpc
