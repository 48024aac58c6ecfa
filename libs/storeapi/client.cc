#include "storeapi/client.h"

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <utility>

#include "proto/thanos/info.grpc.pb.h"
#include "proto/thanos/store.grpc.pb.h"
#include "rpc/status.h"
#include "storeapi/apis_client.h"
#include "storeapi/caller_metadata.h"
#include "storeapi/query_api_client.h"
#include "storeapi/request_codec.h"
#include "storeapi/series_stream.h"

namespace thanos::storeapi {
namespace {

constexpr auto kInfoTimeout = std::chrono::seconds(5);

base::StatusOr<EndpointInfo> AskInfo(::thanos::info::Info::Stub& stub, const base::CancelToken& cancel) {
  grpc::ClientContext context;
  const base::CancelRegistration registration = rpc::SetContext(context, cancel);
  ::thanos::info::InfoResponse response;
  TH_RETURN_IF_ERROR(rpc::FromGrpc(stub.Info(&context, ::thanos::info::InfoRequest(), &response)));
  return FromProto(response);
}

}  // namespace

struct RemoteStore::Impl {
  Impl(std::shared_ptr<grpc::Channel> channel, std::string store_name, RemoteStoreOptions store_options)
      : name(std::move(store_name)),
        options(store_options),
        generic(channel),
        store(channel),
        info(std::move(channel)) {}

  // A unary call with the request's deadline, cancellation and tenant.
  template <typename Request, typename RequestMessage, typename ResponseMessage>
  base::StatusOr<LabelsResponse> Call(const base::CancelToken& cancel, const Request& request,
                                      grpc::Status (::thanos::Store::Stub::*method)(grpc::ClientContext*,
                                                                                    const RequestMessage&,
                                                                                    ResponseMessage*)) {
    TH_RETURN_IF_ERROR(CheckTenant(request.tenant));
    grpc::ClientContext context;
    const base::CancelRegistration registration = rpc::SetContext(context, cancel);
    AddCallerMetadata(context, request.tenant, request.request_id);
    RequestMessage message;
    ToProto(request, &message);
    ResponseMessage response;
    const base::Status status = rpc::FromGrpc((store.*method)(&context, message, &response));
    if (!status.ok()) {
      const base::Status reason = cancel.status();
      return reason.ok() ? status : reason;
    }
    return FromProto(response);
  }

  const std::string name;
  const RemoteStoreOptions options;
  grpc::GenericStub generic;
  ::thanos::Store::Stub store;
  ::thanos::info::Info::Stub info;
};

RemoteStore::RemoteStore(std::shared_ptr<grpc::Channel> channel, std::string name, RemoteStoreOptions options)
    : impl_(std::make_unique<Impl>(std::move(channel), std::move(name), options)) {}
RemoteStore::~RemoteStore() = default;

base::StatusOr<std::unique_ptr<series::SeriesSet>> RemoteStore::Series(const base::CancelToken& cancel,
                                                                       const SeriesRequest& request) {
  TH_RETURN_IF_ERROR(cancel.status());
  TH_RETURN_IF_ERROR(CheckTenant(request.tenant));
  ::thanos::SeriesRequest message;
  ToProto(request, &message);
  if (request.response_batch_size == 0) {
    message.set_response_batch_size(impl_->options.response_batch_size);
  }
  auto receiver = std::make_shared<SeriesReceiver>(impl_->name, impl_->options);
  base::CancelRegistration registration =
      receiver->Start(impl_->generic, cancel, {.tenant = request.tenant, .request_id = request.request_id},
                      message.SerializeAsString());
  return std::make_unique<RemoteSeriesSet>(std::move(receiver), std::move(registration));
}

base::StatusOr<LabelsResponse> RemoteStore::LabelNames(const base::CancelToken& cancel,
                                                       const LabelNamesRequest& request) {
  return impl_->Call(cancel, request, &::thanos::Store::Stub::LabelNames);
}

base::StatusOr<LabelsResponse> RemoteStore::LabelValues(const base::CancelToken& cancel,
                                                        const LabelValuesRequest& request) {
  return impl_->Call(cancel, request, &::thanos::Store::Stub::LabelValues);
}

base::StatusOr<StoreInfo> RemoteStore::Info() {
  const base::CancelSource source{base::CancelToken(), base::Duration(kInfoTimeout)};
  TH_ASSIGN_OR_RETURN(EndpointInfo info, AskInfo(impl_->info, source.token()));
  if (!info.has_store) {
    return base::Unavailable("endpoint ", impl_->name, " serves no store");
  }
  return std::move(info.store);
}

namespace {

class GrpcEndpoint final : public Endpoint {
 public:
  GrpcEndpoint(std::shared_ptr<grpc::Channel> channel, std::string name, const RemoteStoreOptions& options)
      : info_(channel),
        apis_(MakeRemoteApis(channel)),
        query_api_(MakeRemoteQueryApi(channel)),
        store_(std::move(channel), std::move(name), options) {}
  Store& store() override { return store_; }
  base::StatusOr<EndpointInfo> Info(const base::CancelToken& cancel) override {
    return AskInfo(info_, cancel);
  }
  EndpointApis* apis() override { return apis_.get(); }
  QueryApi* query_api() override { return query_api_.get(); }

 private:
  ::thanos::info::Info::Stub info_;
  const std::unique_ptr<EndpointApis> apis_;
  const std::unique_ptr<QueryApi> query_api_;
  RemoteStore store_;
};

}  // namespace

base::StatusOr<std::unique_ptr<Endpoint>> Connect(const std::string& address,
                                                  const rpc::ChannelOptions& channel,
                                                  const RemoteStoreOptions& options) {
  TH_ASSIGN_OR_RETURN(std::shared_ptr<grpc::Channel> connected, rpc::MakeChannel(address, channel));
  return MakeEndpoint(std::move(connected), address, options);
}

std::unique_ptr<Endpoint> Connect(const std::string& name, const std::string& address,
                                  const rpc::ChannelFactory& channels, const rpc::ChannelTarget& target,
                                  const RemoteStoreOptions& options) {
  return MakeEndpoint(channels.Make(address, target), name, options);
}

std::unique_ptr<Endpoint> MakeEndpoint(std::shared_ptr<grpc::Channel> channel, std::string name,
                                       const RemoteStoreOptions& options) {
  return std::make_unique<GrpcEndpoint>(std::move(channel), std::move(name), options);
}

}  // namespace thanos::storeapi
