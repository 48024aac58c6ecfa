#pragma once

// A unary call without generated stubs, for tests.

#include <grpcpp/channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <memory>
#include <string>

#include "base/cancel.h"
#include "rpc/status.h"

namespace thanos::rpc {

inline constexpr char kHealthCheck[] = "/grpc.health.v1.Health/Check";

struct TestAnswer {
  grpc::Status status;
  std::string bytes;
};

// One unary call with an empty request message.
inline TestAnswer CallUnary(const std::shared_ptr<grpc::Channel>& channel, const std::string& method,
                            const base::CancelToken& cancel) {
  grpc::ClientContext context;
  context.set_wait_for_ready(true);
  const auto registration = SetContext(context, cancel);
  grpc::GenericStub stub(channel);
  grpc::CompletionQueue queue;
  grpc::Slice empty("");
  const grpc::ByteBuffer request(&empty, 1);
  auto reader = stub.PrepareUnaryCall(&context, method, request, &queue);
  TestAnswer answer;
  grpc::ByteBuffer response;
  reader->StartCall();
  reader->Finish(&response, &answer.status, &answer);
  void* tag = nullptr;
  bool ok = false;
  queue.Next(&tag, &ok);
  if (answer.status.ok()) {
    grpc::Slice slice;
    if (response.DumpToSingleSlice(&slice).ok()) {
      answer.bytes.assign(reinterpret_cast<const char*>(slice.begin()), slice.size());
    }
  }
  return answer;
}

}  // namespace thanos::rpc
