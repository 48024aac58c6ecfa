#include "rpc/server.h"

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <limits>
#include <mutex>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/mutex.h"
#include "rpc/callback_threads.h"
#include "rpc/grpc_log.h"
#include "rpc/server_metrics.h"
#include "rpc/tls.h"

namespace thanos::rpc {
namespace {

// Health and reflection are plugins that gRPC keeps per process and adds to every server built afterwards.
void EnablePlugins() {
  static std::once_flag once;
  std::call_once(once, [] {
    grpc::EnableDefaultHealthCheckService(true);
    grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  });
}

int ToMilliseconds(base::Duration duration) {
  const int64_t ms = std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
  return ms <= 0 || ms > std::numeric_limits<int>::max() ? std::numeric_limits<int>::max()
                                                         : static_cast<int>(ms);
}

class ServerImpl final : public Server {
 public:
  ServerImpl(ServerOptions options, std::shared_ptr<grpc::ServerCredentials> credentials,
             telemetry::Registry& metrics)
      : options_(std::move(options)), credentials_(std::move(credentials)), metrics_(metrics) {}
  ~ServerImpl() override { Stop(base::Duration::zero()); }

  void Add(ServiceAdaptor& adaptor) override {
    base::MutexLock lock(mutex_);
    TH_CHECK(server_ == nullptr);
    services_.push_back(&adaptor.service());
  }

  base::Status Start() override {
    grpc::ServerBuilder builder;
    Configure(builder);
    std::string address = options_.address;
    if (address.starts_with(':')) {
      address.insert(0, "[::]");
    }
    builder.AddListeningPort(address, credentials_, &port_);
    for (grpc::Service* service : services_) {
      builder.RegisterService(service);
    }
    AddServerMetrics(builder, metrics_, options_.call_log);
    auto server = builder.BuildAndStart();
    if (server == nullptr || port_ == 0) {
      return base::Unavailable("listen gRPC on address ", options_.address);
    }
    base::MutexLock lock(mutex_);
    server_ = std::move(server);
    server_->GetHealthCheckService()->SetServingStatus(serving_);
    return base::OkStatus();
  }

  int port() const override { return port_; }

  void SetServing(bool serving) override {
    base::MutexLock lock(mutex_);
    serving_ = serving;
    if (server_ != nullptr && !stopped_) {
      server_->GetHealthCheckService()->SetServingStatus(serving);
    }
  }

  void Stop(base::Duration grace) override {
    grpc::Server* server = nullptr;
    {
      base::MutexLock lock(mutex_);
      if (server_ == nullptr || stopped_) {
        return;
      }
      stopped_ = true;
      server_->GetHealthCheckService()->SetServingStatus(false);
      server = server_.get();
    }
    server->Shutdown(std::chrono::system_clock::now() +
                     std::chrono::duration_cast<std::chrono::system_clock::duration>(grace));
    server->Wait();
  }

 private:
  void Configure(grpc::ServerBuilder& builder) const {
    builder.SetMaxReceiveMessageSize(-1);
    builder.SetMaxSendMessageSize(-1);
    builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
    builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, options_.max_concurrent_streams);
    builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_MS, ToMilliseconds(options_.max_connection_age));
    builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_GRACE_MS, std::numeric_limits<int>::max());
    // Clients ping every 10 s: they must not be taken for attackers.
    builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
    builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 1'000);
    builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PING_STRIKES, 0);
    // The library's threads for synchronous services; only reflection is one.
    builder.SetSyncServerOption(grpc::ServerBuilder::NUM_CQS, 1);
    builder.SetSyncServerOption(grpc::ServerBuilder::MIN_POLLERS, 1);
    builder.SetSyncServerOption(grpc::ServerBuilder::MAX_POLLERS, 1);
  }

  const ServerOptions options_;
  const std::shared_ptr<grpc::ServerCredentials> credentials_;
  telemetry::Registry& metrics_;
  std::vector<grpc::Service*> services_;
  int port_ = 0;
  base::Mutex mutex_;
  std::unique_ptr<grpc::Server> server_ ABSL_GUARDED_BY(mutex_);
  bool serving_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace

base::StatusOr<std::unique_ptr<Server>> Server::Create(ServerOptions options, telemetry::Registry& metrics) {
  KeepCallbackThreads();
  UseOurLogForGrpc();
  EnablePlugins();
  auto credentials = MakeServerCredentials(options.tls);
  if (!credentials.ok()) {
    return base::Annotate(credentials.status(), "gRPC server");
  }
  return std::unique_ptr<Server>(std::make_unique<ServerImpl>(std::move(options), *credentials, metrics));
}

}  // namespace thanos::rpc
