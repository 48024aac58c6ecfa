#include "rpc/status.h"

#include <string>

namespace thanos::rpc {

grpc::Status ToGrpc(const base::Status& status) {
  if (status.ok()) {
    return grpc::Status::OK;
  }
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()), std::string(base::Message(status)));
}

base::Status FromGrpc(const grpc::Status& status) {
  if (status.ok()) {
    return base::OkStatus();
  }
  const int code = static_cast<int>(status.error_code());
  const bool known = code > 0 && code <= static_cast<int>(grpc::StatusCode::UNAUTHENTICATED);
  return base::MakeStatus(known ? static_cast<base::StatusCode>(code) : base::StatusCode::kUnknown,
                          status.error_message());
}

base::CancelRegistration SetContext(grpc::ClientContext& context, const base::CancelToken& cancel) {
  if (cancel.deadline() != base::kNoDeadline) {
    // The steady clock is the monotonic clock of gRPC, so wall clock jumps do not move the deadline.
    const auto since_start = cancel.deadline().time_since_epoch();
    const auto seconds = std::chrono::floor<std::chrono::seconds>(since_start);
    gpr_timespec deadline{};
    deadline.clock_type = GPR_CLOCK_MONOTONIC;
    deadline.tv_sec = seconds.count();
    deadline.tv_nsec = static_cast<int32_t>(
        std::chrono::duration_cast<std::chrono::nanoseconds>(since_start - seconds).count());
    context.set_deadline(deadline);
  }
  return cancel.OnCancel([&context] { context.TryCancel(); });
}

}  // namespace thanos::rpc
