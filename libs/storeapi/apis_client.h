#pragma once

// EndpointApis of a remote endpoint. Free of gRPC headers.

#include <memory>

#include "storeapi/apis.h"

namespace grpc {
class Channel;
}

namespace thanos::storeapi {

struct RemoteApisOptions {
  // Of one answer; more fails the call with ResourceExhausted.
  size_t max_answer_bytes = size_t{512} << 20;
};

// Calls block until the answer is complete, the token is cancelled or its deadline passes.
std::unique_ptr<EndpointApis> MakeRemoteApis(std::shared_ptr<grpc::Channel> channel,
                                             RemoteApisOptions options = {});

}  // namespace thanos::storeapi
