#include "app/flag_groups.h"

#include "base/strings.h"

namespace thanos::app {
namespace {

// Parsed, and reported as not effective when given.
constexpr config::FlagOptions kNoEffect{.no_effect = true};
constexpr config::FlagOptions kHidden{.hidden = true};

// The parts of a comma list.
std::vector<std::string> NamesOf(std::string_view list) {
  std::vector<std::string> names;
  for (const std::string_view part : base::Split(list, ',')) {
    if (const std::string_view name = base::Trim(part); !name.empty()) {
      names.emplace_back(name);
    }
  }
  return names;
}

std::string NormalizePrefix(std::string_view prefix) {
  const size_t begin = prefix.find_first_not_of('/');
  return begin == std::string_view::npos
             ? ""
             : base::Concat("/", prefix.substr(begin, prefix.find_last_not_of('/') - begin + 1));
}

}  // namespace

void LogFlags::AddTo(config::FlagSet& flags) {
  flags.Add("debug.name", &debug_name, "Name added to each log line.", kHidden);
  flags.AddEnum("log.level", &level, {"error", "warn", "info", "debug"}, "Lowest severity that is logged.");
  flags.AddEnum("log.format", &format, {"logfmt", "json"}, "Encoding of log lines.");
}

base::StatusOr<telemetry::LogOptions> LogFlags::Options() const {
  telemetry::LogOptions options;
  TH_ASSIGN_OR_RETURN(options.level, telemetry::ParseLogLevel(level));
  TH_ASSIGN_OR_RETURN(options.format, telemetry::ParseLogFormat(format));
  options.debug_name = debug_name;
  return options;
}

void TracingFlags::AddTo(config::FlagSet& flags) {
  config.AddTo(flags, "the tracing configuration", kNoEffect);
}

void MemoryLimitFlags::AddTo(config::FlagSet& flags) {
  flags.Add("enable-auto-gomemlimit", &enable, "Accepted for compatibility: there is no Go runtime here.",
            kNoEffect);
  flags.Add("auto-gomemlimit.ratio", &ratio, "Accepted for compatibility: there is no Go runtime here.",
            kNoEffect);
}

void HttpFlags::AddTo(config::FlagSet& flags) {
  flags.Add("http-address", &address, "Listen host:port of the HTTP server: probes, metrics, API and UI.");
  flags.Add("http-grace-period", &grace_period,
            "How long running HTTP requests may go on after a stop signal.");
  flags.Add("http.config", &config_file,
            "Path of the web configuration file that turns on TLS and basic auth.");
}

void GrpcServerFlags::AddTo(config::FlagSet& flags) {
  flags.Add("grpc-address", &address, "Listen host:port of the gRPC server.");
  flags.Add("grpc-server-tls-cert", &tls_cert,
            "Certificate file of the gRPC server; without it gRPC is plaintext.");
  flags.Add("grpc-server-tls-key", &tls_key, "Key file of the gRPC server.");
  flags.Add("grpc-server-tls-client-ca", &tls_client_ca,
            "CA file that client certificates are required from and verified with.");
  flags.AddEnum("grpc-server-tls-min-version", &tls_min_version, {"1.0", "1.1", "1.2", "1.3"},
                "Lowest TLS version the gRPC server accepts; 1.0 and 1.1 mean 1.2.");
  flags.Add("grpc-server-tls-ciphers", &tls_ciphers,
            "Cipher suites of TLS 1.2 that the gRPC server takes, separated by commas; empty: the default.");
  flags.Add("grpc-server-tls-curves", &tls_curves,
            "Elliptic curves that the gRPC server takes, separated by commas; empty: the default.");
  flags.Add("grpc-server-max-connection-age", &max_connection_age,
            "Age after which clients are asked to reconnect.");
  flags.Add("grpc-grace-period", &grace_period, "How long running gRPC calls may go on after a stop signal.");
}

rpc::ServerOptions GrpcServerFlags::Options() const {
  rpc::ServerOptions options;
  options.address = address;
  options.tls = {tls_cert,           tls_key, tls_client_ca, tls_min_version, NamesOf(tls_ciphers),
                 NamesOf(tls_curves)};
  options.max_connection_age = max_connection_age.value;
  return options;
}

void GrpcClientFlags::AddTo(config::FlagSet& flags) {
  flags.Add("grpc-client-tls-secure", &tls_secure, "Use TLS towards gRPC servers.");
  flags.Add("grpc-client-tls-skip-verify", &tls_skip_verify, "Do not verify certificates of gRPC servers.");
  flags.Add("grpc-client-tls-cert", &tls_cert, "Client certificate file towards gRPC servers.");
  flags.Add("grpc-client-tls-key", &tls_key, "Key file of the client certificate.");
  flags.Add("grpc-client-tls-ca", &tls_ca,
            "CA file that gRPC servers are verified with; the system's roots by default.");
  flags.Add("grpc-client-server-name", &server_name, "Name expected in the certificates of gRPC servers.");
  flags.AddEnum("grpc-compression", &compression, {"snappy", "none"}, "Compression of outgoing gRPC calls.");
}

rpc::ChannelOptions GrpcClientFlags::Options() const {
  rpc::ChannelOptions options;
  options.tls = {tls_secure, tls_skip_verify, tls_ca, tls_cert, tls_key, server_name};
  options.compression = compression;
  return options;
}

void ObjstoreFlags::AddTo(config::FlagSet& flags) {
  config.AddTo(flags, "the object storage configuration");
}

void RequestLoggingFlags::AddTo(config::FlagSet& flags) {
  config.AddTo(flags, "the request logging configuration");
}

void SelectorRelabelFlags::AddTo(config::FlagSet& flags) {
  config.AddTo(flags, "relabel rules that select blocks by their external labels");
}

void StoreLimitFlags::AddTo(config::FlagSet& flags) {
  flags.Add("store.limits.request-series", &request_series,
            "Series that one Series call may touch; 0 means no limit. Exceeding it fails the call.");
  flags.Add("store.limits.request-samples", &request_samples,
            "Samples that one Series call may touch, counted as 120 for each chunk; 0 means no limit.");
}

void TimeRangeFlags::AddTo(config::FlagSet& flags) {
  flags.Add("min-time", &min_time,
            "Begin of the time range served: an RFC 3339 time or a duration relative to now such as -2w.");
  flags.Add("max-time", &max_time,
            "End of the time range served: an RFC 3339 time or a duration relative to now.");
}

base::StatusOr<std::function<model::ClosedRange()>> TimeRangeFlags::Range(const base::Clock& clock) const {
  TH_ASSIGN_OR_RETURN(const int64_t min_ms, min_time.ToMs(clock.NowMs()));
  TH_ASSIGN_OR_RETURN(const int64_t max_ms, max_time.ToMs(clock.NowMs()));
  if (min_ms > max_ms) {
    return base::InvalidArgument("invalid argument: --min-time '", min_time.text,
                                 "' can't be greater than --max-time '", max_time.text, "'");
  }
  return std::function<model::ClosedRange()>([begin = min_time, end = max_time, &clock] {
    const int64_t now_ms = clock.NowMs();
    return model::ClosedRange{begin.ToMs(now_ms).value_or(model::kMinTimeMs),
                              end.ToMs(now_ms).value_or(model::kMaxTimeMs)};
  });
}

std::string WebFlags::RoutePrefix() const {
  const std::string own = NormalizePrefix(route_prefix);
  return own.empty() ? ExternalPrefix() : own;
}

std::string WebFlags::ExternalPrefix() const {
  return NormalizePrefix(external_prefix);
}

void WebFlags::AddTo(config::FlagSet& flags, bool with_route_prefix) {
  if (with_route_prefix) {
    flags.Add("web.route-prefix", &route_prefix, "Path prefix below which API and UI are served.");
  }
  flags.Add("web.external-prefix", &external_prefix, "Path prefix used in links and redirects.");
  flags.Add("web.prefix-header", &prefix_header,
            "Request header that holds a path prefix for links and redirects.");
  flags.Add("web.disable-cors", &disable_cors, "Do not send CORS headers.");
}

void ShipperFlags::AddTo(config::FlagSet& flags) {
  flags.Add("shipper.upload-compacted", &upload_compacted, "Upload blocks above compaction level 1 too.");
  flags.Add("shipper.ignore-unequal-block-size", &ignore_unequal_block_size,
            "Allow the smallest and largest local block durations to differ.", kHidden);
  flags.Add("shipper.allow-out-of-order-uploads", &allow_out_of_order_uploads,
            "Upload newer blocks although an older one cannot be uploaded.", kHidden);
  flags.Add("shipper.skip-corrupted-blocks", &skip_corrupted_blocks,
            "Pass over local blocks that cannot be read.", kHidden);
  flags.AddEnum("hash-func", &hash_func, {"SHA256", ""}, "Hash of each block file that meta.json records.");
  flags.Add("shipper.meta-file-name", &meta_file_name, "File in which uploaded blocks are remembered.");
  flags.Add("shipper.upload-concurrency", &upload_concurrency,
            "Files of one block that are uploaded at once.");
}

}  // namespace thanos::app
