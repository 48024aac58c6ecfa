#pragma once

// A Gate with Thanos' gate metrics.

#include <string>

#include "base/clock.h"
#include "concurrency/gate.h"
#include "telemetry/metrics.h"

namespace thanos::query {

// Thread-safe.
class RequestGate {
 public:
  // `prefix` is the part of the metric names before _duration_seconds, _in_flight, _max and _total.
  RequestGate(int capacity, const std::string& prefix, telemetry::Registry& metrics);

  // Held while inside; counts itself out.
  class Pass {
   public:
    Pass() = default;
    Pass(concurrency::Gate::Pass pass, telemetry::Gauge* in_flight)
        : pass_(std::move(pass)), in_flight_(in_flight) {}
    ~Pass();
    Pass(Pass&& other) noexcept;
    Pass& operator=(Pass&& other) noexcept;

   private:
    concurrency::Gate::Pass pass_;
    telemetry::Gauge* in_flight_ = nullptr;
  };

  // Waits for a place; the token's status when it ends first.
  base::StatusOr<Pass> Enter(const base::CancelToken& cancel);

 private:
  concurrency::Gate gate_;
  telemetry::Histogram& duration_;
  telemetry::Gauge& in_flight_;
  telemetry::Counter& total_;
};

}  // namespace thanos::query
