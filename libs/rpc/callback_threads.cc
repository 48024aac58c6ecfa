#include "rpc/callback_threads.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <memory>

namespace thanos::rpc {
namespace {

// A channel that connects nowhere, and one call on it, which fails at once but makes the channel a user of
// the threads.
struct Keeper {
  Keeper() : channel(grpc::CreateChannel("", nullptr)), stub(channel), request(&empty, 1) {
    stub.UnaryCall(&context, "/none", grpc::StubOptions(), &request, &response, [](const grpc::Status&) {});
  }
  std::shared_ptr<grpc::Channel> channel;
  grpc::GenericStub stub;
  grpc::ClientContext context;
  grpc::Slice empty;
  grpc::ByteBuffer request;
  grpc::ByteBuffer response;
};

}  // namespace

void KeepCallbackThreads() {
  // Never destroyed, on purpose.
  [[maybe_unused]] static const Keeper* const keeper = new Keeper();
}

}  // namespace thanos::rpc
