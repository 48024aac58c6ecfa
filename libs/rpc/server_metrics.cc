#include "rpc/server_metrics.h"

#include <grpcpp/impl/server_builder_option.h>
#include <grpcpp/impl/server_builder_plugin.h>
#include <grpcpp/impl/server_initializer.h>
#include <grpcpp/server_builder.h>
#include <grpcpp/support/server_interceptor.h>
#include <string>
#include <utility>

#include "base/clock.h"
#include "rpc/call_metrics.h"
#include "rpc/channel.h"

namespace thanos::rpc {
namespace {

using grpc::experimental::InterceptionHookPoints;
using grpc::experimental::InterceptorBatchMethods;
using grpc::experimental::ServerRpcInfo;

// Lives as long as its call.
class CallObserver final : public grpc::experimental::Interceptor {
 public:
  CallObserver(MethodMetrics& method, const CallLog& log, grpc::ServerContextBase* context)
      : method_(method), log_(log), context_(context), start_(base::SteadyNow()) {
    method_.Started();
  }
  ~CallObserver() override {
    const base::Duration duration = base::SteadyNow() - start_;
    method_.Handled(code_, duration);
    if (log_ && begun_) {
      record_.finished = true;
      record_.code = CodeLabel(code_);
      record_.duration = duration;
      log_(record_);
    }
  }

  void Intercept(InterceptorBatchMethods* methods) override {
    if (methods->QueryInterceptionHookPoint(InterceptionHookPoints::POST_RECV_INITIAL_METADATA) && log_) {
      Begin();
    }
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
  // Takes what the log needs while the context is there.
  void Begin() {
    begun_ = true;
    record_.service = method_.service();
    record_.method = method_.method();
    if (context_ != nullptr) {
      record_.peer = context_->peer();
      const auto& metadata = context_->client_metadata();
      const auto id =
          metadata.find(grpc::string_ref(kRequestIdMetadataKey.data(), kRequestIdMetadataKey.size()));
      if (id != metadata.end()) {
        record_.request_id.assign(id->second.data(), id->second.size());
      }
    }
    log_(record_);
  }

  MethodMetrics& method_;
  const CallLog& log_;
  grpc::ServerContextBase* const context_;
  const base::TimePoint start_;
  bool begun_ = false;
  CallRecord record_;
  // A call that ends without a status was cancelled.
  int code_ = static_cast<int>(grpc::StatusCode::CANCELLED);
};

class Factory final : public grpc::experimental::ServerInterceptorFactoryInterface {
 public:
  Factory(telemetry::Registry& registry, CallLog call_log)
      : metrics_(registry, "grpc_server_"), call_log_(std::move(call_log)) {}

  grpc::experimental::Interceptor* CreateServerInterceptor(ServerRpcInfo* info) override {
    return new CallObserver(metrics_.Find(info->method() == nullptr ? "" : info->method()), call_log_,
                            info->server_context());
  }
  void AddService(const std::string& name) { metrics_.AddService(name); }

 private:
  CallMetrics metrics_;
  const CallLog call_log_;
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

void AddServerMetrics(grpc::ServerBuilder& builder, telemetry::Registry& metrics, CallLog call_log) {
  metrics.AddCounter("grpc_req_panics_recovered_total",
                     "Total number of gRPC requests recovered from internal panic.");
  auto factory = std::make_unique<Factory>(metrics, std::move(call_log));
  builder.SetOption(std::make_unique<ServiceListOption>(*factory));
  std::vector<std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>> factories;
  factories.push_back(std::move(factory));
  builder.experimental().SetInterceptorCreators(std::move(factories));
}

}  // namespace thanos::rpc
