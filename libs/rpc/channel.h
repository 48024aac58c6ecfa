#pragma once

// Client channels with the settings every caller of a Thanos component needs.

#include <memory>
#include <string>
#include <string_view>

#include "base/status.h"
#include "telemetry/metrics.h"

namespace grpc {
class Channel;
}

namespace thanos::rpc {

// The metadata that carries a request's X-Request-ID between components.
inline constexpr std::string_view kRequestIdMetadataKey = "request-id";

struct ClientTlsOptions {
  bool enabled = false;
  bool skip_verify = false;
  std::string ca_file = {};    // empty: the system's roots
  std::string cert_file = {};  // with key_file: client certificate
  std::string key_file = {};
  std::string server_name = {};  // expected name in the peer's certificate instead of the address
};

struct ChannelOptions {
  ClientTlsOptions tls;
  // "none" or "snappy". This gRPC cannot register snappy, so it is sent uncompressed; receivers accept that.
  std::string compression = "none";
  std::string user_agent = "thanos";
  // Counts the calls as grpc_client_*; must outlive the channels. Null counts nothing.
  telemetry::Registry* metrics = nullptr;
};

// How one channel differs from others of equal options.
struct ChannelTarget {
  std::string authority =
      {};  // name sent to the server and expected in its certificate; empty: from the address
  std::string service_config = {};  // gRPC's JSON: load balancing and retries; empty: none
};

// Makes channels that share credentials, so that certificate files are watched once. Thread-safe; may be
// destroyed before its channels.
class ChannelFactory {
 public:
  // InvalidArgument or NotFound for unusable certificate files.
  static base::StatusOr<std::shared_ptr<const ChannelFactory>> Create(const ChannelOptions& options);
  ~ChannelFactory();

  // As MakeChannel below.
  std::shared_ptr<grpc::Channel> Make(std::string_view address, const ChannelTarget& target = {}) const;

 private:
  struct Impl;
  explicit ChannelFactory(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// A lazily connecting channel: unlimited message sizes, keepalive 10 s / 5 s while streams are active,
// reconnect backoff up to 5 s. `address` is host:port or a gRPC URI such as unix:/path. Every call makes a
// channel with its own connection. InvalidArgument or NotFound for unreadable certificate files.
base::StatusOr<std::shared_ptr<grpc::Channel>> MakeChannel(std::string_view address,
                                                           const ChannelOptions& options);

}  // namespace thanos::rpc
