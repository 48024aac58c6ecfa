#pragma once

// Private: the grpc_server_* and grpc_client_* metrics of calls, by method.

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/mutex.h"
#include "telemetry/metrics.h"

namespace thanos::rpc {

inline constexpr int kNumCodes = 17;

// "OK", "Canceled", ...; "Unknown" for what is no code.
std::string_view CodeLabel(int code);

// Instruments of one method. Thread-safe.
class MethodMetrics {
 public:
  // `prefix` is "grpc_server_" or "grpc_client_".
  MethodMetrics(telemetry::Registry& registry, std::string_view prefix, std::string service,
                std::string method, std::string_view type);

  const std::string& service() const { return service_; }
  const std::string& method() const { return method_; }
  void Started() { started_.Increment(); }
  void Received() { received_.Increment(); }
  void Sent() { sent_.Increment(); }
  void Handled(int code, base::Duration duration);
  // Makes the counters of all codes appear.
  void AddAllCodes();

 private:
  telemetry::Counter& HandledCounter(size_t code);

  telemetry::Registry& registry_;
  const std::string prefix_;
  const std::string service_;
  const std::string method_;
  const telemetry::MetricLabels labels_;
  telemetry::Counter& started_;
  telemetry::Counter& received_;
  telemetry::Counter& sent_;
  telemetry::Histogram& seconds_;
  std::atomic<telemetry::Counter*> handled_[kNumCodes] = {};
};

// The methods of linked services; all others share the name "unknown", because paths are a client's text.
// Thread-safe; what it returns lives as long as this.
class CallMetrics {
 public:
  CallMetrics(telemetry::Registry& registry, std::string_view prefix)
      : registry_(registry), prefix_(prefix) {}

  // `path` is "/package.Service/Method".
  MethodMetrics& Find(std::string_view path);
  // Makes the methods of a linked service appear with zeros.
  void AddService(const std::string& name);

 private:
  telemetry::Registry& registry_;
  const std::string prefix_;
  base::Mutex mutex_;
  std::map<std::string, std::unique_ptr<MethodMetrics>, std::less<>> methods_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace thanos::rpc
