#include <gmock/gmock.h>
#include <grpcpp/channel.h>
#include <gtest/gtest.h>
#include <string>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "rpc/channel.h"
#include "rpc/server.h"
#include "rpc/status.h"
#include "rpc/test_call.h"
#include "telemetry/metrics.h"

namespace thanos::rpc {
namespace {

base::CancelToken Deadline() {
  return base::CancelSource(base::CancelToken(), std::chrono::seconds(20)).token();
}

class RpcTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ServerOptions options;
    options.address = "127.0.0.1:0";
    auto server = Server::Create(options, *metrics_);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    ASSERT_TRUE(server_->Start().ok());
    auto channel = MakeChannel(base::Concat("127.0.0.1:", server_->port()), ChannelOptions());
    ASSERT_TRUE(channel.ok()) << channel.status();
    channel_ = *channel;
  }

  std::unique_ptr<telemetry::Registry> metrics_ = telemetry::Registry::Create();
  std::unique_ptr<Server> server_;
  std::shared_ptr<grpc::Channel> channel_;
};

TEST_F(RpcTest, HealthFollowsSetServing) {
  EXPECT_EQ(CallUnary(channel_, kHealthCheck, Deadline()).bytes, std::string("\x08\x02"));
  server_->SetServing(true);
  EXPECT_EQ(CallUnary(channel_, kHealthCheck, Deadline()).bytes, std::string("\x08\x01"));
  server_->SetServing(false);
  EXPECT_EQ(CallUnary(channel_, kHealthCheck, Deadline()).bytes, std::string("\x08\x02"));
}

TEST_F(RpcTest, CountsCallsAndHidesUnknownMethodNames) {
  EXPECT_TRUE(CallUnary(channel_, kHealthCheck, Deadline()).status.ok());
  EXPECT_EQ(CallUnary(channel_, "/made.up.Service/Method", Deadline()).status.error_code(),
            grpc::StatusCode::UNIMPLEMENTED);
  server_->Stop(std::chrono::seconds(5));
  const std::string text = metrics_->Expose();
  EXPECT_THAT(text, ::testing::HasSubstr(
                        "grpc_server_handled_total{grpc_code=\"OK\",grpc_method=\"Check\",grpc_service=\""
                        "grpc.health.v1.Health\",grpc_type=\"unary\"} 1"));
  EXPECT_THAT(text, ::testing::HasSubstr("grpc_server_started_total{grpc_method=\"Check\""));
  EXPECT_THAT(text, ::testing::HasSubstr("grpc_server_msg_received_total{grpc_method=\"Check\""));
  EXPECT_THAT(text, ::testing::HasSubstr("grpc_server_handling_seconds_count{grpc_method=\"Check\""));
  EXPECT_THAT(text, ::testing::Not(::testing::HasSubstr("made.up")));
  // Known methods are there before their first call.
  EXPECT_THAT(
      text, ::testing::HasSubstr("grpc_server_handled_total{grpc_code=\"Unavailable\",grpc_method=\"Watch\","
                                 "grpc_service=\"grpc.health.v1.Health\",grpc_type=\"server_stream\"} 0"));
}

TEST_F(RpcTest, CountsCallsOfClients) {
  ChannelOptions options;
  options.metrics = metrics_.get();
  const auto channels = ChannelFactory::Create(options);
  ASSERT_TRUE(channels.ok()) << channels.status();
  const auto channel = (*channels)->Make(
      base::Concat("127.0.0.1:", server_->port()),
      {.authority = "store.example", .service_config = R"({"loadBalancingConfig":[{"round_robin":{}}]})"});
  EXPECT_TRUE(CallUnary(channel, kHealthCheck, Deadline()).status.ok());
  EXPECT_FALSE(CallUnary(channel, "/made.up.Service/Method", Deadline()).status.ok());
  const std::string text = metrics_->Expose();
  const std::string labels =
      "grpc_method=\"Check\",grpc_service=\"grpc.health.v1.Health\",grpc_type=\"unary\"} 1";
  EXPECT_THAT(text, ::testing::HasSubstr("grpc_client_handled_total{grpc_code=\"OK\"," + labels));
  EXPECT_THAT(text, ::testing::HasSubstr("grpc_client_started_total{" + labels));
  EXPECT_THAT(text, ::testing::HasSubstr("grpc_client_msg_sent_total{" + labels));
  EXPECT_THAT(text, ::testing::HasSubstr("grpc_client_msg_received_total{" + labels));
  EXPECT_THAT(text, ::testing::HasSubstr("grpc_client_handling_seconds_count{" + labels));
  EXPECT_THAT(text, ::testing::HasSubstr(
                        "grpc_client_handled_total{grpc_code=\"Unimplemented\",grpc_method=\"unknown\""));
}

TEST(CallLogTest, TellsBeginAndEndOfCalls) {
  base::Mutex mutex;
  std::vector<CallRecord> calls;
  ServerOptions options;
  options.address = "127.0.0.1:0";
  options.call_log = [&](const CallRecord& call) {
    base::MutexLock lock(mutex);
    calls.push_back(call);
  };
  auto server = Server::Create(options, telemetry::NullRegistry());
  ASSERT_TRUE(server.ok()) << server.status();
  ASSERT_TRUE((*server)->Start().ok());
  const auto channel = MakeChannel(base::Concat("127.0.0.1:", (*server)->port()), ChannelOptions());
  ASSERT_TRUE(channel.ok());
  EXPECT_TRUE(CallUnary(*channel, kHealthCheck, Deadline()).status.ok());
  (*server)->Stop(std::chrono::seconds(5));
  server->reset();
  base::MutexLock lock(mutex);
  ASSERT_EQ(calls.size(), 2U);
  EXPECT_EQ(calls[0].method, "Check");
  EXPECT_FALSE(calls[0].finished);
  EXPECT_THAT(calls[0].peer, ::testing::HasSubstr("127.0.0.1"));
  EXPECT_TRUE(calls[1].finished);
  EXPECT_EQ(calls[1].code, "OK");
}

TEST_F(RpcTest, RefusesAnAddressInUse) {
  ServerOptions options;
  options.address = base::Concat("127.0.0.1:", server_->port());
  auto second = Server::Create(options, telemetry::NullRegistry());
  ASSERT_TRUE(second.ok());
  EXPECT_EQ((*second)->Start().code(), base::StatusCode::kUnavailable);
}

TEST_F(RpcTest, StopIsIdempotentAndEndsCalls) {
  server_->Stop(std::chrono::milliseconds(10));
  server_->Stop(std::chrono::milliseconds(10));
  base::CancelSource source(base::CancelToken(), std::chrono::milliseconds(50));
  const TestAnswer answer = CallUnary(channel_, kHealthCheck, source.token());
  EXPECT_EQ(answer.status.error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
}

TEST_F(RpcTest, CancelTokenEndsACall) {
  server_->Stop(base::Duration::zero());  // so that the call waits
  base::CancelSource source;
  std::thread canceller([&] { source.Cancel(); });
  const TestAnswer answer = CallUnary(channel_, kHealthCheck, source.token());
  canceller.join();
  EXPECT_EQ(answer.status.error_code(), grpc::StatusCode::CANCELLED);
}

TEST(RpcStatusTest, ConvertsBothWays) {
  const base::Status limit = base::ResourceExhausted("limit 5");
  EXPECT_EQ(ToGrpc(limit).error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(FromGrpc(ToGrpc(limit)), limit);
  EXPECT_TRUE(FromGrpc(grpc::Status::OK).ok());
  EXPECT_TRUE(ToGrpc(base::OkStatus()).ok());
}

}  // namespace
}  // namespace thanos::rpc
