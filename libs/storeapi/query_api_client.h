#pragma once

// QueryApi of a remote endpoint. Free of gRPC headers.

#include <memory>

#include "storeapi/query_api.h"

namespace grpc {
class Channel;
}

namespace thanos::storeapi {

struct RemoteQueryOptions {
  // Of one answer; more fails the call with ResourceExhausted.
  size_t max_answer_bytes = size_t{512} << 20;
};

// Calls block until the answer is complete, the token is cancelled or its deadline passes.
std::unique_ptr<QueryApi> MakeRemoteQueryApi(std::shared_ptr<grpc::Channel> channel,
                                             RemoteQueryOptions options = {});

}  // namespace thanos::storeapi
