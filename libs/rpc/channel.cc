#include "rpc/channel.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/support/channel_arguments.h>
#include <utility>
#include <vector>

#include "rpc/call_metrics.h"
#include "rpc/callback_threads.h"
#include "rpc/client_metrics.h"
#include "rpc/grpc_log.h"
#include "rpc/tls.h"

namespace thanos::rpc {
namespace {

constexpr int kMaxFrameBytes = 1 << 20;
constexpr int kWindowBytes = 1 << 20;

}  // namespace

struct ChannelFactory::Impl {
  ChannelOptions options;
  std::shared_ptr<grpc::ChannelCredentials> credentials;
  std::shared_ptr<CallMetrics> metrics;  // null: calls are not counted
};

ChannelFactory::ChannelFactory(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ChannelFactory::~ChannelFactory() = default;

base::StatusOr<std::shared_ptr<const ChannelFactory>> ChannelFactory::Create(const ChannelOptions& options) {
  UseOurLogForGrpc();
  KeepCallbackThreads();
  auto impl = std::make_unique<Impl>();
  impl->options = options;
  TH_ASSIGN_OR_RETURN(impl->credentials, MakeChannelCredentials(options.tls));
  if (options.metrics != nullptr) {
    impl->metrics = std::make_shared<CallMetrics>(*options.metrics, "grpc_client_");
  }
  return std::shared_ptr<const ChannelFactory>(new ChannelFactory(std::move(impl)));
}

std::shared_ptr<grpc::Channel> ChannelFactory::Make(std::string_view address,
                                                    const ChannelTarget& target) const {
  const ChannelOptions& options = impl_->options;
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);
  arguments.SetMaxSendMessageSize(-1);
  arguments.SetUserAgentPrefix(options.user_agent);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 10'000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 5'000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 0);
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  // Answers are long: fewer frames and window updates than for the small messages that gRPC expects.
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_FRAME_SIZE, kMaxFrameBytes);
  arguments.SetInt(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, kWindowBytes);
  // With the probe gRPC takes the wait for a busy processor for a long line and lets each stream grow by tens
  // of MiB that nobody has asked for yet.
  arguments.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 500);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 5'000);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 5'000);
  if (!target.authority.empty()) {
    arguments.SetString(GRPC_ARG_DEFAULT_AUTHORITY, target.authority);
  }
  if (!target.service_config.empty()) {
    arguments.SetServiceConfigJSON(target.service_config);
  }
  if (options.tls.enabled && !options.tls.server_name.empty()) {
    arguments.SetSslTargetNameOverride(options.tls.server_name);
  }
  if (impl_->metrics == nullptr) {
    return grpc::CreateCustomChannel(std::string(address), impl_->credentials, arguments);
  }
  std::vector<std::unique_ptr<grpc::experimental::ClientInterceptorFactoryInterface>> interceptors;
  interceptors.push_back(MakeClientMetrics(impl_->metrics));
  return grpc::experimental::CreateCustomChannelWithInterceptors(std::string(address), impl_->credentials,
                                                                 arguments, std::move(interceptors));
}

base::StatusOr<std::shared_ptr<grpc::Channel>> MakeChannel(std::string_view address,
                                                           const ChannelOptions& options) {
  auto factory = ChannelFactory::Create(options);
  if (!factory.ok()) {
    return base::Annotate(factory.status(), "channel to ", address);
  }
  return (*factory)->Make(address);
}

}  // namespace thanos::rpc
