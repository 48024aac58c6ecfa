#pragma once

// The process scaffold every main() shares: flags, logging, metrics, probes, HTTP and gRPC servers, signals,
// ordered shutdown. See services/store/main.cc for the shape.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "app/flag_groups.h"
#include "base/cancel.h"
#include "base/clock.h"
#include "base/status.h"
#include "concurrency/thread_pool.h"
#include "config/flags.h"
#include "net/http_server.h"
#include "rpc/server.h"
#include "telemetry/metrics.h"

namespace thanos::app {

// References to what a component is built from. Lives as long as the Service.
struct Deps {
  const base::Clock& clock;
  telemetry::Registry& metrics;
  concurrency::ThreadPool& cpu_pool;  // decode, merge, evaluate; never waits for network or disk
  concurrency::ThreadPool& io_pool;   // bucket, disk and upstream calls
};

enum class GrpcServer { kYes, kNo };

class Service {
 public:
  // `component` is Thanos' word: "sidecar", "store", "query", ... Signals are blocked from here on, in
  // threads started later too.
  Service(std::string component, std::string help, GrpcServer grpc = GrpcServer::kYes);
  ~Service();
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  // Add the component's own flags here before ParseFlags. Logging, tracing, HTTP and gRPC server flags are
  // already there.
  config::FlagSet& flags();
  // Parses, configures logging, and ends the process for --help, --version and errors.
  void ParseFlags(int argc, const char* const* argv);

  Deps deps();
  // Root token: cancelled when the process stops.
  base::CancelToken cancel() const;

  // Routes under the HTTP address; /-/healthy, /-/ready and /metrics are already there.
  void AddRoute(net::HttpServer::Route route);
  // A gRPC service implementation; must outlive Run().
  void AddGrpc(rpc::ServiceAdaptor& adaptor);
  // Runs `work` at once and then every `interval` on a background thread until stop. Errors are logged.
  void AddPeriodic(std::string name, base::Duration interval,
                   std::function<base::Status(const base::CancelToken&)> work);
  // Runs once all servers listen, on the thread of Run().
  void OnStarted(std::function<void()> started);
  // Runs on every SIGHUP, on the thread of Run().
  void OnReload(std::function<void()> reload);
  // Runs after the servers have stopped, in reverse order of adding.
  void OnStop(std::function<void()> stop);
  // /api/v1/status/{flags,buildinfo,runtimeinfo} below `prefix` ("" or "/prefix").
  void AddStatusRoutes(const std::string& prefix = "");
  // Adds the label tenant to the http_* metrics: the request's `header` or `default_tenant`.
  void UseTenantLabel(std::string header, std::string default_tenant);

  // Logs requests as `flags` say; without it none are. For after ParseFlags; errors are those of the
  // configuration.
  base::Status UseRequestLogging(const RequestLoggingFlags& flags);

  // Readiness (probe, gRPC health, thanos_status). Starts not ready. Thread-safe.
  void SetReady();
  void SetNotReady(base::Status reason);

  // Serves until SIGTERM or SIGINT or Fail(); returns the exit code. A second signal exits at once.
  int Run();
  // Bound ports, from OnStarted on; 0 before and without that server.
  int http_port() const;
  int grpc_port() const;
  // Ends Run() as SIGTERM does. Thread-safe.
  void Stop();
  // Ends Run() with exit code 1 and logs `status`. Thread-safe.
  void Fail(base::Status status);
  // Logs `status` and returns 1, for failures before Run().
  int ExitWith(const base::Status& status);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace thanos::app
