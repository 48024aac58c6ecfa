#pragma once

// Health and readiness of one process: the texts of /-/healthy and /-/ready and the thanos_status metric.

#include <functional>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "base/status.h"
#include "net/http_server.h"
#include "telemetry/metrics.h"

namespace thanos::app {

// Thread-safe. Starts neither healthy nor ready.
class Probe {
 public:
  Probe(const std::string& component, telemetry::Registry& metrics);

  void SetHealthy();
  void SetNotHealthy(base::Status reason);
  void SetReady();
  void SetNotReady(base::Status reason);
  bool ready() const;

  // "OK", or 503 with the reason.
  net::HttpResponse Healthy() const;
  net::HttpResponse Ready() const;

 private:
  mutable base::Mutex mutex_;
  base::Status healthy_ ABSL_GUARDED_BY(mutex_);
  base::Status ready_ ABSL_GUARDED_BY(mutex_);
  telemetry::Gauge& healthy_gauge_;
  telemetry::Gauge& ready_gauge_;
};

}  // namespace thanos::app
