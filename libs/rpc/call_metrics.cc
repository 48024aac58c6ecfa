#include "rpc/call_metrics.h"

#include <google/protobuf/descriptor.h>
#include <utility>

#include "base/strings.h"

namespace thanos::rpc {
namespace {

constexpr std::string_view kHealthService = "grpc.health.v1.Health";
constexpr size_t kUnknownCode = 2;
constexpr std::string_view kCodeNames[kNumCodes] = {
    "OK",       "Canceled",       "Unknown",          "InvalidArgument",   "DeadlineExceeded",
    "NotFound", "AlreadyExists",  "PermissionDenied", "ResourceExhausted", "FailedPrecondition",
    "Aborted",  "OutOfRange",     "Unimplemented",    "Internal",          "Unavailable",
    "DataLoss", "Unauthenticated"};

std::string_view TypeOf(const google::protobuf::MethodDescriptor& method) {
  if (method.client_streaming()) {
    return method.server_streaming() ? "bidi_stream" : "client_stream";
  }
  return method.server_streaming() ? "server_stream" : "unary";
}

// The type of a method of a linked service; empty when there is none of that name.
std::string_view TypeOf(std::string_view service, std::string_view method) {
  if (service == kHealthService) {
    return method == "Check" ? "unary" : method == "Watch" ? "server_stream" : "";
  }
  const auto* descriptor = google::protobuf::DescriptorPool::generated_pool()->FindMethodByName(
      base::Concat(service, ".", method));
  return descriptor == nullptr ? "" : TypeOf(*descriptor);
}

bool IsServer(std::string_view prefix) {
  return prefix == "grpc_server_";
}

}  // namespace

std::string_view CodeLabel(int code) {
  return kCodeNames[code >= 0 && code < kNumCodes ? static_cast<size_t>(code) : kUnknownCode];
}

MethodMetrics::MethodMetrics(telemetry::Registry& registry, std::string_view prefix, std::string service,
                             std::string method, std::string_view type)
    : registry_(registry),
      prefix_(prefix),
      service_(std::move(service)),
      method_(std::move(method)),
      labels_{{"grpc_method", method_}, {"grpc_service", service_}, {"grpc_type", std::string(type)}},
      started_(registry.AddCounter(prefix_ + "started_total",
                                   IsServer(prefix) ? "Total number of RPCs started on the server."
                                                    : "Total number of RPCs started on the client.",
                                   labels_)),
      received_(registry.AddCounter(prefix_ + "msg_received_total",
                                    IsServer(prefix)
                                        ? "Total number of RPC stream messages received on the server."
                                        : "Total number of RPC stream messages received by the client.",
                                    labels_)),
      sent_(registry.AddCounter(prefix_ + "msg_sent_total",
                                IsServer(prefix) ? "Total number of gRPC stream messages sent by the server."
                                                 : "Total number of gRPC stream messages sent by the client.",
                                labels_)),
      seconds_(registry.AddHistogram(
          prefix_ + "handling_seconds",
          IsServer(prefix) ? "Histogram of response latency (seconds) of gRPC that had been "
                             "application-level handled by the server."
                           : "Histogram of response latency (seconds) of the gRPC until it is "
                             "finished by the application.",
          {0.001, 0.01, 0.1, 0.3, 0.6, 1, 3, 6, 9, 20, 30, 60, 90, 120}, labels_)) {}

void MethodMetrics::Handled(int code, base::Duration duration) {
  seconds_.Observe(base::ToSeconds(duration));
  HandledCounter(code >= 0 && code < kNumCodes ? static_cast<size_t>(code) : kUnknownCode).Increment();
}

void MethodMetrics::AddAllCodes() {
  for (size_t code = 0; code < kNumCodes; ++code) {
    HandledCounter(code);
  }
}

telemetry::Counter& MethodMetrics::HandledCounter(size_t code) {
  telemetry::Counter* counter = handled_[code].load(std::memory_order_acquire);
  if (counter == nullptr) {
    telemetry::MetricLabels labels = labels_;
    labels.emplace_back("grpc_code", std::string(kCodeNames[code]));
    counter = &registry_.AddCounter(
        prefix_ + "handled_total",
        IsServer(prefix_) ? "Total number of RPCs completed on the server, regardless of success or failure."
                          : "Total number of RPCs completed by the client, regardless of success or failure.",
        std::move(labels));
    // Racing threads store the same instrument.
    handled_[code].store(counter, std::memory_order_release);
  }
  return *counter;
}

MethodMetrics& CallMetrics::Find(std::string_view path) {
  base::MutexLock lock(mutex_);
  if (const auto it = methods_.find(path); it != methods_.end()) {
    return *it->second;
  }
  const size_t slash = path.rfind('/');
  if (path.starts_with('/') && slash > 0) {
    const std::string_view service = path.substr(1, slash - 1);
    const std::string_view method = path.substr(slash + 1);
    if (const std::string_view type = TypeOf(service, method); !type.empty()) {
      auto& entry = methods_[std::string(path)];
      entry = std::make_unique<MethodMetrics>(registry_, prefix_, std::string(service), std::string(method),
                                              type);
      return *entry;
    }
  }
  auto& unknown = methods_[""];
  if (unknown == nullptr) {
    unknown = std::make_unique<MethodMetrics>(registry_, prefix_, "unknown", "unknown", "unknown");
  }
  return *unknown;
}

void CallMetrics::AddService(const std::string& name) {
  if (name == kHealthService) {
    Find("/grpc.health.v1.Health/Check").AddAllCodes();
    Find("/grpc.health.v1.Health/Watch").AddAllCodes();
    return;
  }
  const auto* service = google::protobuf::DescriptorPool::generated_pool()->FindServiceByName(name);
  for (int i = 0; service != nullptr && i < service->method_count(); ++i) {
    Find(base::Concat("/", name, "/", service->method(i)->name())).AddAllCodes();
  }
}

}  // namespace thanos::rpc
