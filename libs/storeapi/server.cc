#include "storeapi/server.h"

#include <atomic>
#include <grpcpp/grpcpp.h>
#include <utility>

#include "proto/thanos/info.grpc.pb.h"
#include "proto/thanos/store.grpc.pb.h"
#include "rpc/status.h"
#include "storeapi/call_deadline.h"
#include "storeapi/caller_metadata.h"
#include "storeapi/guarded.h"
#include "storeapi/raw_bytes.h"
#include "storeapi/request_codec.h"
#include "storeapi/series_call.h"

namespace thanos::storeapi {
namespace {

bool WantsChunkHashes(const grpc::CallbackServerContext& context) {
  const auto& metadata = context.client_metadata();
  return metadata.find(grpc::string_ref(kNoChunkHashesMetadataKey.data(),
                                        kNoChunkHashesMetadataKey.size())) == metadata.end();
}

// A unary call answered by `work` on a pool. Deletes itself when gRPC is done with it.
class UnaryCall final : public grpc::ServerUnaryReactor {
 public:
  using Work = std::function<base::Status(const base::CancelToken&)>;
  UnaryCall(concurrency::ThreadPool& pool, telemetry::Counter& panics, base::TimePoint deadline, Work work)
      : cancel_(base::CancelToken(), deadline) {
    pool.Submit([this, &panics, work = std::move(work)] {
      base::Status status = cancel_.token().status();
      if (status.ok()) {
        status = Guarded(panics, [&] { return work(cancel_.token()); });
      }
      Finish(rpc::ToGrpc(status));
    });
  }
  void OnCancel() override { cancel_.Cancel(); }
  void OnDone() override { delete this; }

 private:
  base::CancelSource cancel_;
};

using StoreService =
    ::thanos::Store::WithRawCallbackMethod_Series<::thanos::Store::WithCallbackMethod_LabelNames<
        ::thanos::Store::WithCallbackMethod_LabelValues<::thanos::Store::Service>>>;

class StoreServiceImpl final : public StoreService {
 public:
  explicit StoreServiceImpl(const SeriesCallContext& context) : context_(context) {}

  grpc::ServerWriteReactor<grpc::ByteBuffer>* Series(grpc::CallbackServerContext* context,
                                                     const grpc::ByteBuffer* message) override {
    base::StatusOr<SeriesRequest> request = ParseSeriesRequest(*message);
    if (!request.ok()) {
      return SeriesCall::Reject(request.status());
    }
    Caller caller = CallerOf(*context);
    request->tenant = std::move(caller.tenant);
    request->request_id = std::move(caller.request_id);
    auto* const call =
        new SeriesCall(context_, *std::move(request), DeadlineOf(*context), WantsChunkHashes(*context));
    call->Start();
    return call;
  }

  grpc::ServerUnaryReactor* LabelNames(grpc::CallbackServerContext* context,
                                       const ::thanos::LabelNamesRequest* message,
                                       ::thanos::LabelNamesResponse* out) override {
    return Answer(context, message, out, &Store::LabelNames);
  }

  grpc::ServerUnaryReactor* LabelValues(grpc::CallbackServerContext* context,
                                        const ::thanos::LabelValuesRequest* message,
                                        ::thanos::LabelValuesResponse* out) override {
    return Answer(context, message, out, &Store::LabelValues);
  }

 private:
  static base::StatusOr<SeriesRequest> ParseSeriesRequest(const grpc::ByteBuffer& buffer) {
    TH_ASSIGN_OR_RETURN(const base::SharedBytes bytes, FromByteBuffer(buffer));
    ::thanos::SeriesRequest message;
    if (!message.ParseFromArray(bytes.bytes.data(), static_cast<int>(bytes.bytes.size()))) {
      return base::InvalidArgument("malformed series request");
    }
    return FromProto(message);
  }

  template <typename RequestMessage, typename ResponseMessage, typename Request>
  grpc::ServerUnaryReactor* Answer(grpc::CallbackServerContext* context, const RequestMessage* message,
                                   ResponseMessage* out,
                                   base::StatusOr<LabelsResponse> (Store::*method)(const base::CancelToken&,
                                                                                   const Request&)) {
    // Messages and context live until OnDone.
    return new UnaryCall(
        context_.pool, context_.panics, DeadlineOf(*context),
        [this, context, message, out, method](const base::CancelToken& cancel) -> base::Status {
          TH_ASSIGN_OR_RETURN(Request request, FromProto(*message));
          Caller caller = CallerOf(*context);
          request.tenant = std::move(caller.tenant);
          request.request_id = std::move(caller.request_id);
          TH_ASSIGN_OR_RETURN(const LabelsResponse response, (context_.store.*method)(cancel, request));
          ToProto(response, out);
          return base::OkStatus();
        });
  }

  SeriesCallContext context_;
};

class InfoReactor final : public grpc::ServerUnaryReactor {
 public:
  explicit InfoReactor(const base::Status& status) { Finish(rpc::ToGrpc(status)); }
  void OnDone() override { delete this; }
};

class InfoServiceImpl final
    : public ::thanos::info::Info::WithCallbackMethod_Info<::thanos::info::Info::Service> {
 public:
  explicit InfoServiceImpl(std::function<base::StatusOr<EndpointInfo>()> info) : info_(std::move(info)) {}

  grpc::ServerUnaryReactor* Info(grpc::CallbackServerContext*, const ::thanos::info::InfoRequest*,
                                 ::thanos::info::InfoResponse* out) override {
    const base::StatusOr<EndpointInfo> info = info_();
    if (info.ok()) {
      ToProto(*info, out);
    }
    return new InfoReactor(info.status());
  }

 private:
  const std::function<base::StatusOr<EndpointInfo>()> info_;
};

// A chunk counts as a fixed number of samples, so that the limit of samples is one of chunks.
telemetry::Counter& AddDropped(telemetry::Registry& metrics, std::string reason) {
  return metrics.AddCounter("thanos_store_selects_dropped_total",
                            "Number of select queries that were dropped due to configured limits.",
                            {{"reason", std::move(reason)}});
}

base::StatusOr<EndpointInfo> InfoOfStore(const std::string& component, Store& store, const ServedApis& apis) {
  TH_ASSIGN_OR_RETURN(StoreInfo info, store.Info());
  return EndpointInfo{.component = component, .has_store = true, .store = std::move(info), .apis = apis};
}

}  // namespace

struct StoreServer::Impl {
  Impl(Store& store, concurrency::ThreadPool& pool, telemetry::Registry& metrics,
       const StoreServerOptions& options)
      : service(SeriesCallContext{
            .store = store,
            .pool = pool,
            .options = options,
            .series_requested = metrics.AddHistogram("thanos_store_server_series_requested",
                                                     "Number of requested series for Series calls",
                                                     {1, 10, 100, 1e3, 1e4, 1e5, 1e6}),
            .chunks_requested = metrics.AddHistogram("thanos_store_server_chunks_requested",
                                                     "Number of requested chunks for Series calls",
                                                     {1, 100, 1e3, 1e4, 1e5, 1e7, 1e8, 1e9}),
            .pending = metrics.AddGauge("thanos_store_server_pending_series_requests",
                                        "Number of pending series requests"),
            .dropped_by_series = AddDropped(metrics, "series"),
            .dropped_by_samples = AddDropped(metrics, "chunks"),
            .panics = AddPanicCounter(metrics),
            .live_calls = live_calls}) {}
  ~Impl() { live_calls.Wait(); }
  LiveCalls live_calls;
  StoreServiceImpl service;
};

StoreServer::StoreServer(Store& store, concurrency::ThreadPool& pool, telemetry::Registry& metrics,
                         StoreServerOptions options)
    : impl_(std::make_unique<Impl>(store, pool, metrics, options)) {}
StoreServer::~StoreServer() = default;
grpc::Service& StoreServer::service() {
  return impl_->service;
}

struct InfoServer::Impl {
  explicit Impl(std::function<base::StatusOr<EndpointInfo>()> info) : service(std::move(info)) {}
  InfoServiceImpl service;
};

InfoServer::InfoServer(std::function<base::StatusOr<EndpointInfo>()> info)
    : impl_(std::make_unique<Impl>(std::move(info))) {}
InfoServer::InfoServer(std::string component, Store& store, ServedApis apis)
    : InfoServer(
          [component = std::move(component), &store, apis] { return InfoOfStore(component, store, apis); }) {}
InfoServer::~InfoServer() = default;
grpc::Service& InfoServer::service() {
  return impl_->service;
}

}  // namespace thanos::storeapi
