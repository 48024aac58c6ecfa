#include "query/request_gate.h"

#include <utility>

namespace thanos::query {

RequestGate::RequestGate(int capacity, const std::string& prefix, telemetry::Registry& metrics)
    : gate_(capacity),
      duration_(metrics.AddHistogram(prefix + "_duration_seconds",
                                     "How many seconds it took for queries to wait at the gate.",
                                     {0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 60, 120})),
      in_flight_(metrics.AddGauge(prefix + "_in_flight", "Number of queries that are currently in flight.")),
      total_(metrics.AddCounter(prefix + "_total", "Total number of queries.")) {
  metrics.AddGauge(prefix + "_max", "Maximum number of concurrent queries.").Set(capacity);
}

base::StatusOr<RequestGate::Pass> RequestGate::Enter(const base::CancelToken& cancel) {
  const base::TimePoint start = base::SteadyNow();
  auto pass = gate_.Enter(cancel);
  duration_.Observe(base::ToSeconds(base::SteadyNow() - start));
  TH_RETURN_IF_ERROR(pass.status());
  total_.Increment();
  in_flight_.Add(1);
  return Pass(*std::move(pass), &in_flight_);
}

RequestGate::Pass::~Pass() {
  if (in_flight_ != nullptr) {
    in_flight_->Add(-1);
  }
}

RequestGate::Pass::Pass(Pass&& other) noexcept
    : pass_(std::move(other.pass_)), in_flight_(std::exchange(other.in_flight_, nullptr)) {}

RequestGate::Pass& RequestGate::Pass::operator=(Pass&& other) noexcept {
  if (this != &other) {
    if (in_flight_ != nullptr) {
      in_flight_->Add(-1);
    }
    pass_ = std::move(other.pass_);
    in_flight_ = std::exchange(other.in_flight_, nullptr);
  }
  return *this;
}

}  // namespace thanos::query
