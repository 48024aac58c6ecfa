#pragma once

// Flags that several services share, each group defined once. A service embeds the groups it has in its flags
// struct and calls AddTo of each before parsing.

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "config/flags.h"
#include "config/path_or_content.h"
#include "model/time_range.h"
#include "rpc/channel.h"
#include "rpc/server.h"
#include "telemetry/log.h"

namespace thanos::app {

// Every component has these.
struct LogFlags {
  std::string level = "info";
  std::string format = "logfmt";
  std::string debug_name;
  void AddTo(config::FlagSet& flags);
  base::StatusOr<telemetry::LogOptions> Options() const;
};
struct TracingFlags {
  config::PathOrContent config{"tracing.config", true};
  void AddTo(config::FlagSet& flags);
};
struct MemoryLimitFlags {  // accepted, without effect
  bool enable = false;
  double ratio = 0.9;
  void AddTo(config::FlagSet& flags);
};
struct HttpFlags {
  std::string address = "0.0.0.0:10902";
  config::PromDuration grace_period{std::chrono::minutes(2)};
  std::string config_file;
  void AddTo(config::FlagSet& flags);
};

struct GrpcServerFlags {
  std::string address = "0.0.0.0:10901";
  std::string tls_cert;
  std::string tls_key;
  std::string tls_client_ca;
  std::string tls_min_version = "1.3";
  std::string tls_ciphers;  // comma lists
  std::string tls_curves;
  config::ExtDuration max_connection_age{std::chrono::minutes(60)};
  config::ExtDuration grace_period{std::chrono::minutes(2)};
  void AddTo(config::FlagSet& flags);
  rpc::ServerOptions Options() const;
};

struct GrpcClientFlags {
  bool tls_secure = false;
  bool tls_skip_verify = false;
  std::string tls_cert;
  std::string tls_key;
  std::string tls_ca;
  std::string server_name;
  std::string compression = "none";
  void AddTo(config::FlagSet& flags);
  rpc::ChannelOptions Options() const;
};

// --objstore.config[-file]; env substitution applies.
struct ObjstoreFlags {
  config::PathOrContent config{"objstore.config", true};
  void AddTo(config::FlagSet& flags);
};
struct RequestLoggingFlags {
  config::PathOrContent config{"request.logging-config"};
  void AddTo(config::FlagSet& flags);
};
struct SelectorRelabelFlags {
  config::PathOrContent config{"selector.relabel-config", true};
  void AddTo(config::FlagSet& flags);
};
struct StoreLimitFlags {
  int64_t request_series = 0;   // 0: unlimited
  int64_t request_samples = 0;  // counted as 120 per chunk; 0: unlimited
  void AddTo(config::FlagSet& flags);
};
// --min-time, --max-time.
struct TimeRangeFlags {
  config::TimeOrDuration min_time{"0000-01-01T00:00:00Z"};
  config::TimeOrDuration max_time{"9999-12-31T23:59:59Z"};
  void AddTo(config::FlagSet& flags);
  // The range at the time of each call, because both ends may be relative to now; `clock` must outlive it.
  // InvalidArgument: a malformed time, or the end is before the beginning.
  base::StatusOr<std::function<model::ClosedRange()>> Range(const base::Clock& clock) const;
};
struct WebFlags {
  std::string route_prefix;
  std::string external_prefix;
  std::string prefix_header;
  bool disable_cors = false;
  // "/prefix" without slash at the end, or "". Without one of its own the route prefix is the external one.
  std::string RoutePrefix() const;
  std::string ExternalPrefix() const;
  // `with_route_prefix`: not every component has --web.route-prefix.
  void AddTo(config::FlagSet& flags, bool with_route_prefix);
};
struct ShipperFlags {
  bool upload_compacted = false;
  bool ignore_unequal_block_size = false;
  bool allow_out_of_order_uploads = false;
  bool skip_corrupted_blocks = false;
  std::string hash_func;
  std::string meta_file_name = "thanos.shipper.json";
  int64_t upload_concurrency = 0;
  void AddTo(config::FlagSet& flags);
};

}  // namespace thanos::app
