#pragma once

// Private: gRPC credentials from certificate files. Files are re-read while in use.

#include <grpcpp/security/credentials.h>
#include <grpcpp/security/server_credentials.h>
#include <memory>

#include "base/status.h"
#include "rpc/channel.h"
#include "rpc/server.h"

namespace thanos::rpc {

// Plaintext when no certificate is named. InvalidArgument or NotFound when files are missing, malformed, or
// the key does not belong to the certificate.
base::StatusOr<std::shared_ptr<grpc::ServerCredentials>> MakeServerCredentials(
    const ServerTlsOptions& options);
base::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> MakeChannelCredentials(
    const ClientTlsOptions& options);

}  // namespace thanos::rpc
