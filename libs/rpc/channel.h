#pragma once

// Client channels with the settings every caller of a Thanos component needs.

#include <memory>
#include <string>
#include <string_view>

#include "base/status.h"

namespace grpc {
class Channel;
}

namespace thanos::rpc {

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
};

// A lazily connecting channel: unlimited message sizes, keepalive 10 s / 5 s while streams are active,
// reconnect backoff up to 5 s. `address` is host:port or a gRPC URI such as unix:/path. Every call makes a
// channel with its own connection. InvalidArgument or NotFound for unreadable certificate files.
base::StatusOr<std::shared_ptr<grpc::Channel>> MakeChannel(std::string_view address,
                                                           const ChannelOptions& options);

}  // namespace thanos::rpc
