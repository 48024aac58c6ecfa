#pragma once

// Private: nothing a call does may end the process.

#include <exception>
#include <string_view>

#include "base/status.h"
#include "telemetry/log.h"
#include "telemetry/metrics.h"

namespace thanos::storeapi {

// The counter of what Guarded caught.
inline telemetry::Counter& AddPanicCounter(telemetry::Registry& metrics) {
  return metrics.AddCounter("grpc_req_panics_recovered_total",
                            "Total number of gRPC requests recovered from internal panic.");
}

// What `work` returns. We do not throw, but libraries below may: that is Internal, counted and logged.
template <typename Work>
auto Guarded(telemetry::Counter& panics, Work&& work) -> decltype(work()) {
  try {
    return work();
  } catch (const std::exception& error) {
    panics.Increment();
    TH_LOG(kError, "exception in gRPC call").With("err", std::string_view(error.what()));
    return base::Internal("internal error");
  }
}

}  // namespace thanos::storeapi
