#include "rpc/client_metrics.h"

#include <utility>

#include "base/clock.h"

namespace thanos::rpc {
namespace {

using grpc::experimental::ClientRpcInfo;
using grpc::experimental::InterceptionHookPoints;
using grpc::experimental::InterceptorBatchMethods;

// Lives as long as the context of its call.
class CallObserver final : public grpc::experimental::Interceptor {
 public:
  CallObserver(std::shared_ptr<CallMetrics> metrics, MethodMetrics& method)
      : metrics_(std::move(metrics)), method_(method), start_(base::SteadyNow()) {
    method_.Started();
  }

  void Intercept(InterceptorBatchMethods* methods) override {
    if (methods->QueryInterceptionHookPoint(InterceptionHookPoints::PRE_SEND_MESSAGE)) {
      method_.Sent();
    }
    if (methods->QueryInterceptionHookPoint(InterceptionHookPoints::POST_RECV_MESSAGE) &&
        methods->GetRecvMessage() != nullptr) {
      method_.Received();
    }
    if (methods->QueryInterceptionHookPoint(InterceptionHookPoints::POST_RECV_STATUS)) {
      const grpc::Status* status = methods->GetRecvStatus();
      method_.Handled(status == nullptr ? -1 : static_cast<int>(status->error_code()),
                      base::SteadyNow() - start_);
    }
    methods->Proceed();
  }

 private:
  const std::shared_ptr<CallMetrics> metrics_;  // a call may outlive its channel
  MethodMetrics& method_;
  const base::TimePoint start_;
};

class Factory final : public grpc::experimental::ClientInterceptorFactoryInterface {
 public:
  explicit Factory(std::shared_ptr<CallMetrics> metrics) : metrics_(std::move(metrics)) {}
  grpc::experimental::Interceptor* CreateClientInterceptor(ClientRpcInfo* info) override {
    return new CallObserver(metrics_, metrics_->Find(info->method() == nullptr ? "" : info->method()));
  }

 private:
  const std::shared_ptr<CallMetrics> metrics_;
};

}  // namespace

std::unique_ptr<grpc::experimental::ClientInterceptorFactoryInterface> MakeClientMetrics(
    std::shared_ptr<CallMetrics> metrics) {
  return std::make_unique<Factory>(std::move(metrics));
}

}  // namespace thanos::rpc
