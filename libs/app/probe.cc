#include "app/probe.h"

#include "base/strings.h"

namespace thanos::app {
namespace {

net::HttpResponse Answer(const base::Status& status, std::string_view what) {
  if (status.ok()) {
    return net::HttpResponse::Text(200, "OK");
  }
  return net::HttpResponse::Text(
      503, base::Concat("thanos is not ", what, ". Reason: ", base::Message(status), "\n"));
}

telemetry::Gauge& StatusGauge(telemetry::Registry& metrics, const std::string& component, std::string check) {
  return metrics.AddGauge("thanos_status",
                          "Represents status (0 indicates failure, 1 indicates success) of the component.",
                          {{"check", std::move(check)}, {"component", component}});
}

}  // namespace

Probe::Probe(const std::string& component, telemetry::Registry& metrics)
    : healthy_(base::Unavailable("starting")),
      ready_(base::Unavailable("starting")),
      healthy_gauge_(StatusGauge(metrics, component, "healthy")),
      ready_gauge_(StatusGauge(metrics, component, "ready")) {}

void Probe::SetHealthy() {
  base::MutexLock lock(mutex_);
  healthy_ = base::OkStatus();
  healthy_gauge_.Set(1);
}

void Probe::SetNotHealthy(base::Status reason) {
  base::MutexLock lock(mutex_);
  healthy_ = std::move(reason);
  healthy_gauge_.Set(0);
}

void Probe::SetReady() {
  base::MutexLock lock(mutex_);
  ready_ = base::OkStatus();
  ready_gauge_.Set(1);
}

void Probe::SetNotReady(base::Status reason) {
  base::MutexLock lock(mutex_);
  ready_ = std::move(reason);
  ready_gauge_.Set(0);
}

bool Probe::ready() const {
  base::MutexLock lock(mutex_);
  return ready_.ok();
}

net::HttpResponse Probe::Healthy() const {
  base::MutexLock lock(mutex_);
  return Answer(healthy_, "healthy");
}

net::HttpResponse Probe::Ready() const {
  base::MutexLock lock(mutex_);
  return Answer(ready_, "ready");
}

}  // namespace thanos::app
