#pragma once

// Private: what the server sides of this library share.

#include <grpcpp/grpcpp.h>

#include "base/clock.h"

namespace thanos::storeapi {

// When the client stops waiting; kNoDeadline when it does not say.
inline base::TimePoint DeadlineOf(const grpc::CallbackServerContext& context) {
  constexpr auto kEndless = std::chrono::hours(24 * 365);
  const auto left = context.deadline() - std::chrono::system_clock::now();
  if (context.deadline() == std::chrono::system_clock::time_point::max() || left > kEndless) {
    return base::kNoDeadline;
  }
  return base::SteadyNow() + std::chrono::duration_cast<base::Duration>(left);
}

}  // namespace thanos::storeapi
