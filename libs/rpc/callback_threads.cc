#include "rpc/callback_threads.h"

#include <algorithm>
#include <grpc/support/cpu.h>
#include <grpcpp/alarm.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <list>
#include <memory>
#include <thread>

namespace thanos::rpc {
namespace {

// How many callback threads gRPC makes.
int NumCallbackThreads() {
  return static_cast<int>(std::clamp(gpr_cpu_num_cores() / 2, 2U, 16U));
}

// How many of them are of use. One moves some GB/s; when there are more, each event wakes another one to
// watch the sockets in place of the one that handles the event, which costs more than handling most events
// does.
int NumUsedThreads() {
  constexpr unsigned kCoresPerThread = 8;
  return static_cast<int>(std::clamp(gpr_cpu_num_cores() / kCoresPerThread, 1U, 16U));
}

// A channel that connects nowhere. A call on it fails at once, and so makes the channel a user of the threads
// and one of them run its reaction.
class Keeper {
 public:
  Keeper() : channel_(grpc::CreateChannel("", nullptr)), stub_(channel_), request_(&empty_, 1) {
    Call([](const grpc::Status&) {});
    for (int i = NumUsedThreads(); i < NumCallbackThreads(); ++i) {
      Call([](const grpc::Status&) { ParkForever(); });
    }
    StayAwake(true);
  }

 private:
  struct CallState {
    grpc::ClientContext context;
    grpc::ByteBuffer response;
  };
  static constexpr std::chrono::milliseconds kAwakeInterval{500};

  void Call(std::function<void(grpc::Status)> reaction) {
    CallState& call = calls_.emplace_back();
    stub_.UnaryCall(&call.context, "/none", grpc::StubOptions(), &request_, &call.response,
                    std::move(reaction));
  }
  [[noreturn]] static void ParkForever() {
    while (true) {
      std::this_thread::sleep_for(std::chrono::hours(1000));
    }
  }
  // A callback thread that sees no event for a second sleeps for a tenth of one, blind for what comes.
  void StayAwake(bool /*ok*/) {
    alarm_.Set(std::chrono::system_clock::now() + kAwakeInterval, [this](bool ok) { StayAwake(ok); });
  }

  std::shared_ptr<grpc::Channel> channel_;
  grpc::GenericStub stub_;
  grpc::Slice empty_;
  grpc::ByteBuffer request_;
  std::list<CallState> calls_;
  grpc::Alarm alarm_;
};

}  // namespace

void KeepCallbackThreads() {
  // Never destroyed, on purpose.
  [[maybe_unused]] static const Keeper* const keeper = new Keeper();
}

}  // namespace thanos::rpc
