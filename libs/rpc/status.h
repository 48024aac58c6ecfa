#pragma once

// Between gRPC's and our statuses, and from a CancelToken to a client call. Includes gRPC headers: for rpc
// and storeapi only.

#include <grpcpp/client_context.h>
#include <grpcpp/support/status.h>

#include "base/cancel.h"
#include "base/status.h"

namespace thanos::rpc {

// Same code, same message.
grpc::Status ToGrpc(const base::Status& status);
base::Status FromGrpc(const grpc::Status& status);

// Puts the token's deadline on `context` and cancels the call when the token is cancelled. Keep the
// registration until the call has ended, and no longer than `context`.
[[nodiscard]] base::CancelRegistration SetContext(grpc::ClientContext& context,
                                                  const base::CancelToken& cancel);

}  // namespace thanos::rpc
