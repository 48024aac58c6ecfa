#pragma once

// The gRPC server of a service: TLS, health, reflection, metrics and graceful stop around service
// implementations.

#include <cstdint>
#include <memory>
#include <string>

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
  // 1.0 .. 1.3; 1.0 and 1.1 mean 1.2. That of the server made last holds for all of the process.
  std::string min_version = "1.3";
};

struct ServerOptions {
  std::string address;  // host:port; an empty host is all addresses, port 0 any free one
  ServerTlsOptions tls;
  // Older connections are asked to reconnect; their running calls go on. Zero: no limit.
  base::Duration max_connection_age = std::chrono::minutes(60);
  int max_concurrent_streams = 1000;  // per connection
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
