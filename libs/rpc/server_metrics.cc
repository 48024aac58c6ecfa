#include "rpc/server_metrics.h"

#include <google/protobuf/descriptor.h>
#include <grpcpp/impl/server_builder_option.h>
#include <grpcpp/impl/server_builder_plugin.h>
#include <grpcpp/impl/server_initializer.h>
#include <grpcpp/server_builder.h>
#include <grpcpp/support/server_interceptor.h>
#include <map>
#include <string>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/strings.h"
#include "telemetry/metrics.h"

namespace thanos::rpc {
namespace {

using grpc::experimental::InterceptionHookPoints;
using grpc::experimental::InterceptorBatchMethods;
using grpc::experimental::ServerRpcInfo;

constexpr int kNumCodes = 17;
constexpr size_t kUnknownCode = 2;
constexpr std::string_view kCodeNames[kNumCodes] = {
    "OK",       "Canceled",       "Unknown",          "InvalidArgument",   "DeadlineExceeded",
    "NotFound", "AlreadyExists",  "PermissionDenied", "ResourceExhausted", "FailedPrecondition",
    "Aborted",  "OutOfRange",     "Unimplemented",    "Internal",          "Unavailable",
    "DataLoss", "Unauthenticated"};

std::string_view TypeName(ServerRpcInfo::Type type) {
  switch (type) {
    case ServerRpcInfo::Type::UNARY:
      return "unary";
    case ServerRpcInfo::Type::CLIENT_STREAMING:
      return "client_stream";
    case ServerRpcInfo::Type::SERVER_STREAMING:
      return "server_stream";
    case ServerRpcInfo::Type::BIDI_STREAMING:
      return "bidi_stream";
  }
  return "unknown";
}

// Instruments of one method.
class MethodMetrics {
 public:
  MethodMetrics(telemetry::Registry& registry, const std::string& service, const std::string& method,
                std::string_view type)
      : registry_(registry),
        labels_{{"grpc_method", method}, {"grpc_service", service}, {"grpc_type", std::string(type)}},
        started_(registry.AddCounter("grpc_server_started_total",
                                     "Total number of RPCs started on the server.", labels_)),
        received_(registry.AddCounter("grpc_server_msg_received_total",
                                      "Total number of RPC stream messages received on the server.",
                                      labels_)),
        sent_(registry.AddCounter("grpc_server_msg_sent_total",
                                  "Total number of gRPC stream messages sent by the server.", labels_)),
        seconds_(registry.AddHistogram("grpc_server_handling_seconds",
                                       "Histogram of response latency (seconds) of gRPC that had been "
                                       "application-level handled by the server.",
                                       {0.001, 0.01, 0.1, 0.3, 0.6, 1, 3, 6, 9, 20, 30, 60, 90, 120},
                                       labels_)) {}

  void Started() { started_.Increment(); }
  void Received() { received_.Increment(); }
  void Sent() { sent_.Increment(); }
  void Handled(int code, base::Duration duration) {
    seconds_.Observe(base::ToSeconds(duration));
    HandledCounter(code >= 0 && code < kNumCodes ? static_cast<size_t>(code) : kUnknownCode).Increment();
  }
  // Makes the counters of all codes appear.
  void AddAllCodes() {
    for (size_t code = 0; code < kNumCodes; ++code) {
      HandledCounter(code);
    }
  }

 private:
  telemetry::Counter& HandledCounter(size_t code) {
    telemetry::Counter* counter = handled_[code].load(std::memory_order_acquire);
    if (counter == nullptr) {
      telemetry::MetricLabels labels = labels_;
      labels.emplace_back("grpc_code", std::string(kCodeNames[code]));
      counter = &registry_.AddCounter(
          "grpc_server_handled_total",
          "Total number of RPCs completed on the server, regardless of success or failure.",
          std::move(labels));
      // Racing threads store the same instrument.
      handled_[code].store(counter, std::memory_order_release);
    }
    return *counter;
  }

  telemetry::Registry& registry_;
  const telemetry::MetricLabels labels_;
  telemetry::Counter& started_;
  telemetry::Counter& received_;
  telemetry::Counter& sent_;
  telemetry::Histogram& seconds_;
  std::atomic<telemetry::Counter*> handled_[kNumCodes] = {};
};

// Lives as long as its call.
class CallMetrics final : public grpc::experimental::Interceptor {
 public:
  explicit CallMetrics(MethodMetrics& method) : method_(method), start_(base::SteadyNow()) {
    method_.Started();
  }
  ~CallMetrics() override { method_.Handled(code_, base::SteadyNow() - start_); }

  void Intercept(InterceptorBatchMethods* methods) override {
    if (methods->QueryInterceptionHookPoint(InterceptionHookPoints::POST_RECV_MESSAGE) &&
        methods->GetRecvMessage() != nullptr) {
      method_.Received();
    }
    if (methods->QueryInterceptionHookPoint(InterceptionHookPoints::PRE_SEND_MESSAGE)) {
      method_.Sent();
    }
    if (methods->QueryInterceptionHookPoint(InterceptionHookPoints::PRE_SEND_STATUS)) {
      code_ = static_cast<int>(methods->GetSendStatus().error_code());
    }
    methods->Proceed();
  }

 private:
  MethodMetrics& method_;
  const base::TimePoint start_;
  // A call that ends without a status was cancelled.
  int code_ = static_cast<int>(grpc::StatusCode::CANCELLED);
};

class Factory final : public grpc::experimental::ServerInterceptorFactoryInterface {
 public:
  explicit Factory(telemetry::Registry& registry) : registry_(registry) {}

  grpc::experimental::Interceptor* CreateServerInterceptor(ServerRpcInfo* info) override {
    return new CallMetrics(Find(info->method() == nullptr ? "" : info->method(), info->type()));
  }

  // Makes the methods of a linked service appear.
  void AddService(const std::string& name) {
    if (name == kHealthService) {
      Find("/grpc.health.v1.Health/Check", ServerRpcInfo::Type::UNARY).AddAllCodes();
      Find("/grpc.health.v1.Health/Watch", ServerRpcInfo::Type::SERVER_STREAMING).AddAllCodes();
      return;
    }
    const auto* service = google::protobuf::DescriptorPool::generated_pool()->FindServiceByName(name);
    for (int i = 0; service != nullptr && i < service->method_count(); ++i) {
      const auto* method = service->method(i);
      const ServerRpcInfo::Type type =
          method->client_streaming() ? (method->server_streaming() ? ServerRpcInfo::Type::BIDI_STREAMING
                                                                   : ServerRpcInfo::Type::CLIENT_STREAMING)
                                     : (method->server_streaming() ? ServerRpcInfo::Type::SERVER_STREAMING
                                                                   : ServerRpcInfo::Type::UNARY);
      Find(base::Concat("/", name, "/", method->name()), type).AddAllCodes();
    }
  }

 private:
  static constexpr std::string_view kHealthService = "grpc.health.v1.Health";

  // Only methods of linked services become labels: the path is the client's text.
  static bool IsKnown(std::string_view service, std::string_view method) {
    if (service == kHealthService) {
      return method == "Check" || method == "Watch";
    }
    return google::protobuf::DescriptorPool::generated_pool()->FindMethodByName(
               base::Concat(service, ".", method)) != nullptr;
  }

  MethodMetrics& Find(std::string_view path, ServerRpcInfo::Type type) {
    base::MutexLock lock(mutex_);
    if (const auto it = methods_.find(path); it != methods_.end()) {
      return *it->second;
    }
    const size_t slash = path.rfind('/');
    if (path.starts_with('/') && slash > 0) {
      const std::string_view service = path.substr(1, slash - 1);
      const std::string_view method = path.substr(slash + 1);
      if (IsKnown(service, method)) {
        auto& entry = methods_[std::string(path)];
        entry = std::make_unique<MethodMetrics>(registry_, std::string(service), std::string(method),
                                                TypeName(type));
        return *entry;
      }
    }
    auto& unknown = methods_[""];
    if (unknown == nullptr) {
      unknown = std::make_unique<MethodMetrics>(registry_, "unknown", "unknown", TypeName(type));
    }
    return *unknown;
  }

  telemetry::Registry& registry_;
  base::Mutex mutex_;
  std::map<std::string, std::unique_ptr<MethodMetrics>, std::less<>> methods_ ABSL_GUARDED_BY(mutex_);
};

// Learns at the end of BuildAndStart() which services the server has.
class ServiceListPlugin final : public grpc::ServerBuilderPlugin {
 public:
  // `factory` belongs to the server being built.
  explicit ServiceListPlugin(Factory& factory) : factory_(factory) {}
  std::string name() override { return "thanos_server_metrics"; }
  void InitServer(grpc::ServerInitializer*) override {}
  void Finish(grpc::ServerInitializer* initializer) override {
    for (const std::string& service : *initializer->GetServiceList()) {
      factory_.AddService(service);
    }
  }
  void ChangeArguments(const std::string&, void*) override {}

 private:
  Factory& factory_;
};

class ServiceListOption final : public grpc::ServerBuilderOption {
 public:
  explicit ServiceListOption(Factory& factory) : factory_(factory) {}
  void UpdateArguments(grpc::ChannelArguments*) override {}
  void UpdatePlugins(std::vector<std::unique_ptr<grpc::ServerBuilderPlugin>>* plugins) override {
    plugins->push_back(std::make_unique<ServiceListPlugin>(factory_));
  }

 private:
  Factory& factory_;
};

}  // namespace

void AddServerMetrics(grpc::ServerBuilder& builder, telemetry::Registry& metrics) {
  auto factory = std::make_unique<Factory>(metrics);
  builder.SetOption(std::make_unique<ServiceListOption>(*factory));
  std::vector<std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>> factories;
  factories.push_back(std::move(factory));
  builder.experimental().SetInterceptorCreators(std::move(factories));
}

}  // namespace thanos::rpc
