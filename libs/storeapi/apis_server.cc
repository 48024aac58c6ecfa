#include "storeapi/apis_server.h"

#include <grpcpp/grpcpp.h>
#include <utility>

#include "proto/thanos/exemplars.grpc.pb.h"
#include "proto/thanos/metadata.grpc.pb.h"
#include "proto/thanos/rules.grpc.pb.h"
#include "proto/thanos/status.grpc.pb.h"
#include "proto/thanos/targets.grpc.pb.h"
#include "storeapi/call_deadline.h"
#include "storeapi/frames_call.h"

namespace thanos::storeapi {
namespace {

struct Backend {
  EndpointApis& apis;
  concurrency::ThreadPool& pool;
  telemetry::Counter& panics;

  // The request lives until the call is done.
  template <typename Frame, typename Request, typename Answer>
  grpc::ServerWriteReactor<Frame>* Serve(
      const grpc::CallbackServerContext& context, const Request* request,
      base::StatusOr<Answer> (EndpointApis::*method)(const base::CancelToken&, const Request&)) const {
    return new FramesCall<Frame>(pool, panics, DeadlineOf(context),
                                 [target = &apis, request, method](
                                     const base::CancelToken& cancel) -> base::StatusOr<std::vector<Frame>> {
                                   TH_ASSIGN_OR_RETURN(Answer answer, (target->*method)(cancel, *request));
                                   return Split(std::move(answer));
                                 });
  }
};

class RulesService final : public ::thanos::Rules::WithCallbackMethod_Rules<::thanos::Rules::Service> {
 public:
  explicit RulesService(const Backend& backend) : backend_(backend) {}
  grpc::ServerWriteReactor<::thanos::RulesResponse>* Rules(grpc::CallbackServerContext* context,
                                                           const ::thanos::RulesRequest* request) override {
    return backend_.Serve<::thanos::RulesResponse>(*context, request, &EndpointApis::Rules);
  }

 private:
  const Backend backend_;
};

class TargetsService final
    : public ::thanos::Targets::WithCallbackMethod_Targets<::thanos::Targets::Service> {
 public:
  explicit TargetsService(const Backend& backend) : backend_(backend) {}
  grpc::ServerWriteReactor<::thanos::TargetsResponse>* Targets(
      grpc::CallbackServerContext* context, const ::thanos::TargetsRequest* request) override {
    return backend_.Serve<::thanos::TargetsResponse>(*context, request, &EndpointApis::Targets);
  }

 private:
  const Backend backend_;
};

class MetadataService final
    : public ::thanos::Metadata::WithCallbackMethod_MetricMetadata<::thanos::Metadata::Service> {
 public:
  explicit MetadataService(const Backend& backend) : backend_(backend) {}
  grpc::ServerWriteReactor<::thanos::MetricMetadataResponse>* MetricMetadata(
      grpc::CallbackServerContext* context, const ::thanos::MetricMetadataRequest* request) override {
    return backend_.Serve<::thanos::MetricMetadataResponse>(*context, request, &EndpointApis::Metadata);
  }

 private:
  const Backend backend_;
};

class ExemplarsService final
    : public ::thanos::Exemplars::WithCallbackMethod_Exemplars<::thanos::Exemplars::Service> {
 public:
  explicit ExemplarsService(const Backend& backend) : backend_(backend) {}
  grpc::ServerWriteReactor<::thanos::ExemplarsResponse>* Exemplars(
      grpc::CallbackServerContext* context, const ::thanos::ExemplarsRequest* request) override {
    return backend_.Serve<::thanos::ExemplarsResponse>(*context, request, &EndpointApis::Exemplars);
  }

 private:
  const Backend backend_;
};

class StatusService final
    : public ::thanos::Status::WithCallbackMethod_TSDBStatistics<::thanos::Status::Service> {
 public:
  explicit StatusService(const Backend& backend) : backend_(backend) {}
  grpc::ServerWriteReactor<::thanos::TSDBStatisticsResponse>* TSDBStatistics(
      grpc::CallbackServerContext* context, const ::thanos::TSDBStatisticsRequest* request) override {
    return backend_.Serve<::thanos::TSDBStatisticsResponse>(*context, request, &EndpointApis::Statistics);
  }

 private:
  const Backend backend_;
};

template <typename Service>
class ApiServer final : public rpc::ServiceAdaptor {
 public:
  explicit ApiServer(const Backend& backend) : service_(backend) {}
  grpc::Service& service() override { return service_; }

 private:
  Service service_;
};

}  // namespace

std::vector<std::unique_ptr<rpc::ServiceAdaptor>> MakeApiServers(const ServedApis& served, EndpointApis& apis,
                                                                 concurrency::ThreadPool& pool,
                                                                 telemetry::Registry& metrics) {
  const Backend backend{apis, pool, AddPanicCounter(metrics)};
  std::vector<std::unique_ptr<rpc::ServiceAdaptor>> servers;
  if (served.rules) {
    servers.push_back(std::make_unique<ApiServer<RulesService>>(backend));
  }
  if (served.targets) {
    servers.push_back(std::make_unique<ApiServer<TargetsService>>(backend));
  }
  if (served.metric_metadata) {
    servers.push_back(std::make_unique<ApiServer<MetadataService>>(backend));
  }
  if (served.exemplars) {
    servers.push_back(std::make_unique<ApiServer<ExemplarsService>>(backend));
  }
  if (served.status) {
    servers.push_back(std::make_unique<ApiServer<StatusService>>(backend));
  }
  return servers;
}

}  // namespace thanos::storeapi
