#include "rpc/grpc_log.h"

#include <absl/synchronization/mutex.h>
#include <grpc/support/log.h>
#include <mutex>

#include "telemetry/log.h"

namespace thanos::rpc {
namespace {

// Peers can provoke gRPC's errors (failed handshakes, closed connections), so they are warnings of ours.
void WriteLine(gpr_log_func_args* args) {
  const auto level =
      args->severity == GPR_LOG_SEVERITY_ERROR ? telemetry::LogLevel::kWarn : telemetry::LogLevel::kDebug;
  if (telemetry::LogEnabled(level)) {
    telemetry::LogLine(level, args->file, args->line, "gRPC library")
        .With("detail", std::string_view(args->message));
  }
}

}  // namespace

void UseOurLogForGrpc() {
  static std::once_flag once;
  std::call_once(once, [] {
    gpr_set_log_function(&WriteLine);
    // On by default in distributions that build abseil with assertions, and dear: every lock of gRPC is
    // entered into a graph.
    absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  });
}

}  // namespace thanos::rpc
