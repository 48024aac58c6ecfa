#include "promstore/heartbeat.h"

#include <algorithm>
#include <utility>

#include "telemetry/log.h"

namespace thanos::promstore {

Heartbeat::Heartbeat(Options options, promapi::PrometheusClient& client, const base::Clock& clock,
                     telemetry::Registry& metrics)
    : options_(std::move(options)),
      client_(client),
      clock_(clock),
      up_(metrics.AddGauge("thanos_sidecar_prometheus_up",
                           "Boolean indicator whether the sidecar can reach its Prometheus peer.")),
      last_success_(metrics.AddGauge("thanos_sidecar_last_heartbeat_success_time_seconds",
                                     "Timestamp of the last successful heartbeat in seconds.")) {}

base::StatusOr<PrometheusState> Heartbeat::Read(const base::CancelToken& cancel) {
  const base::CancelSource limited(cancel, options_.timeout);
  const base::CancelToken token = limited.token();
  PrometheusState state;
  TH_ASSIGN_OR_RETURN(state.version, client_.BuildVersion(token));
  TH_ASSIGN_OR_RETURN(state.external_labels, client_.ExternalLabels(token));
  if (state.external_labels.empty()) {
    return base::FailedPrecondition(
        "no external labels configured on Prometheus server, uniquely identifying external labels must be "
        "configured; "
        "see https://thanos.io/tip/thanos/storage.md#external-labels for details.");
  }
  TH_ASSIGN_OR_RETURN(const int64_t oldest_ms, client_.LowestTimestampMs(token));
  TH_ASSIGN_OR_RETURN(const int64_t configured_ms, options_.min_time.ToMs(clock_.NowMs()));
  // An empty Prometheus says "the far future"; its first samples come before the next reading of this, so
  // that until then any time is possible.
  const bool is_empty = oldest_ms > clock_.NowMs();
  state.min_time_ms = is_empty ? configured_ms : std::max(oldest_ms, configured_ms);
  auto names = client_.LabelNames(token, {.min_time_ms = INT64_MIN, .max_time_ms = INT64_MAX});
  if (names.ok()) {
    std::sort(names->begin(), names->end());
    state.label_names = std::make_unique<const std::vector<std::string>>(*std::move(names));
  }
  return state;
}

base::Status Heartbeat::Beat(const base::CancelToken& cancel) {
  auto read = Read(cancel);
  up_.Set(read.ok() ? 1 : 0);
  if (read.ok()) {
    last_success_.Set(static_cast<double>(clock_.NowMs()) / 1000.0);
  }
  base::MutexLock lock(mutex_);
  healthy_ = read.ok();
  if (!read.ok()) {
    return base::Annotate(read.status(), "reading Prometheus");
  }
  state_ = std::make_shared<const PrometheusState>(*std::move(read));
  return base::OkStatus();
}

base::Status Heartbeat::Start(const base::CancelToken& cancel) {
  const base::CancelSource limited(cancel, options_.ready_timeout);
  base::Status last;
  while (true) {
    const base::Status status = Beat(limited.token());
    if (status.ok() || status.code() == base::StatusCode::kFailedPrecondition) {
      return status;
    }
    if (!last.ok() && limited.token().cancelled()) {
      return last;  // says more than that an attempt was cut short
    }
    last = status;
    TH_LOG(kWarn, "Prometheus is not ready, retrying").With("err", status);
    if (!limited.token().SleepFor(options_.retry_interval)) {
      return status;
    }
  }
}

std::shared_ptr<const PrometheusState> Heartbeat::state() const {
  base::MutexLock lock(mutex_);
  return state_;
}

bool Heartbeat::healthy() const {
  base::MutexLock lock(mutex_);
  return healthy_;
}

}  // namespace thanos::promstore
