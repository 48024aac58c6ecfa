#pragma once

// What a sidecar knows about its Prometheus, read again and again.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "base/status.h"
#include "config/flags.h"
#include "labels/labels.h"
#include "promapi/client.h"
#include "telemetry/metrics.h"

namespace thanos::promstore {

// One reading. Immutable.
struct PrometheusState {
  std::string version;
  labels::Labels external_labels;  // never empty
  // Oldest sample time, raised to the configured minimum; the maximum of int64 when there is no data.
  int64_t min_time_ms = 0;
  // Names of all labels of stored series, sorted; null when Prometheus did not tell.
  std::unique_ptr<const std::vector<std::string>> label_names;
};

// Thread-safe; Start and Beat are for one thread at a time.
class Heartbeat {
 public:
  struct Options {
    base::Duration timeout = std::chrono::seconds(30);        // of one reading
    base::Duration ready_timeout = std::chrono::minutes(10);  // of all attempts of Start
    base::Duration retry_interval = std::chrono::seconds(2);
    config::TimeOrDuration min_time{"0000-01-01T00:00:00Z"};
  };
  // References must outlive this.
  Heartbeat(Options options, promapi::PrometheusClient& client, const base::Clock& clock,
            telemetry::Registry& metrics);

  // Reads until it succeeds. The last error when it never does within the ready timeout; FailedPrecondition
  // at once when Prometheus has no external labels.
  base::Status Start(const base::CancelToken& cancel);
  // Reads once. After an error state() keeps the last reading and healthy() is false until the next success.
  base::Status Beat(const base::CancelToken& cancel);

  // Null before the first success.
  std::shared_ptr<const PrometheusState> state() const;
  bool healthy() const;

 private:
  base::StatusOr<PrometheusState> Read(const base::CancelToken& cancel);

  const Options options_;
  promapi::PrometheusClient& client_;
  const base::Clock& clock_;
  telemetry::Gauge& up_;
  telemetry::Gauge& last_success_;
  mutable base::Mutex mutex_;
  std::shared_ptr<const PrometheusState> state_ ABSL_GUARDED_BY(mutex_);
  bool healthy_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace thanos::promstore
