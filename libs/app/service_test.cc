#include "app/service.h"

#include <future>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <thread>
#include <unistd.h>

#include "net/http_client.h"
#include "net/listen.h"

namespace thanos::app {
namespace {

using ::testing::HasSubstr;

// A service on free ports, running on a thread of its own.
class ServiceTest : public ::testing::Test {
 protected:
  void Start() {
    const char* arguments[] = {"thanos-store",
                               "store",
                               "--http-address=127.0.0.1:0",
                               "--grpc-address=127.0.0.1:0",
                               "--http-grace-period=5s",
                               "--grpc-grace-period=5s"};
    service_.ParseFlags(std::size(arguments), arguments);
    std::promise<void> started;
    service_.OnStarted([&] { started.set_value(); });
    runner_ = std::thread([this] { exit_code_ = service_.Run(); });
    started.get_future().wait();
  }
  int Wait() {
    runner_.join();
    return exit_code_;
  }
  net::ClientResponse Get(const std::string& path) {
    base::CancelSource limit(base::CancelToken(), std::chrono::seconds(20));
    auto got =
        client_->Do(limit.token(), {.url = base::Concat("http://127.0.0.1:", service_.http_port(), path)});
    EXPECT_TRUE(got.ok()) << got.status();
    return got.ok() ? *std::move(got) : net::ClientResponse();
  }

  // False too when the server does not accept any more.
  bool IsReady() {
    base::CancelSource limit(base::CancelToken(), std::chrono::seconds(20));
    const auto got = client_->Do(
        limit.token(), {.url = base::Concat("http://127.0.0.1:", service_.http_port(), "/-/ready")});
    return got.ok() && got->status == 200;
  }

  Service service_{"store", "Serves blocks."};
  std::unique_ptr<net::HttpClient> client_ = net::HttpClient::Create({});
  std::thread runner_;
  int exit_code_ = -1;
};

TEST_F(ServiceTest, ServesProbesMetricsAndStatus) {
  service_.AddStatusRoutes();
  service_.AddRoute(
      {{"GET"}, "/api/v1/query", [](const net::HttpRequest&) { return net::HttpResponse::Text(422, "no"); }});
  service_.UseTenantLabel("THANOS-TENANT", "default-tenant");
  Start();
  EXPECT_EQ(Get("/-/healthy").body, "OK");
  EXPECT_EQ(Get("/-/ready").status, 503);
  service_.SetReady();
  EXPECT_EQ(Get("/-/ready").status, 200);
  service_.SetNotReady(base::Unavailable("lost it"));
  EXPECT_THAT(Get("/-/ready").body, HasSubstr("lost it"));
  EXPECT_EQ(Get("/api/v1/query").status, 422);
  const std::string metrics = Get("/metrics").body;
  EXPECT_THAT(metrics, HasSubstr("thanos_build_info{"));
  EXPECT_THAT(metrics, HasSubstr("thanos_status{check=\"healthy\",component=\"store\"} 1"));
  EXPECT_THAT(
      metrics,
      HasSubstr(
          "http_requests_total{code=\"422\",handler=\"query\",method=\"get\",tenant=\"default-tenant\"} 1"));
  EXPECT_THAT(
      metrics,
      HasSubstr("http_inflight_requests{handler=\"query\",method=\"get\",tenant=\"default-tenant\"} 0"));
  EXPECT_THAT(Get("/api/v1/status/flags").body, HasSubstr("\"http-address\":\"127.0.0.1:0\""));
  EXPECT_THAT(Get("/api/v1/status/flags").body, ::testing::StartsWith("{\"status\":\"success\",\"data\":{"));
  EXPECT_THAT(Get("/api/v1/status/buildinfo").body, HasSubstr("\"version\":\""));
  EXPECT_THAT(Get("/api/v1/status/runtimeinfo").body, HasSubstr("\"startTime\":\"20"));
  EXPECT_GT(service_.grpc_port(), 0);
  service_.Fail(base::Internal("test ends"));
  EXPECT_EQ(Wait(), 1);
}

TEST_F(ServiceTest, SigtermDrainsAndStopsInOrder) {
  std::promise<void> entered;
  std::vector<std::string> order;
  service_.AddRoute({{"GET"}, "/hold", [&](const net::HttpRequest&) {
                       entered.set_value();
                       // The request goes on until readiness is off, and ends before the rest stops.
                       while (IsReady()) {
                         std::this_thread::yield();
                       }
                       order.push_back("request");
                       return net::HttpResponse::Text(200, "drained");
                     }});
  std::promise<void> worked;
  service_.AddPeriodic("task", std::chrono::hours(1), [&](const base::CancelToken& cancel) {
    worked.set_value();
    cancel.SleepFor(std::chrono::hours(1));
    order.push_back("periodic");
    return cancel.status();
  });
  service_.OnStop([&] { order.push_back("first"); });
  service_.OnStop([&] { order.push_back("second"); });
  Start();
  service_.SetReady();
  worked.get_future().wait();
  auto held = std::async(std::launch::async, [&] { return Get("/hold"); });
  entered.get_future().wait();
  kill(getpid(), SIGTERM);
  EXPECT_EQ(Wait(), 0);
  EXPECT_EQ(held.get().body, "drained");
  EXPECT_THAT(order, ::testing::ElementsAre("request", "periodic", "second", "first"));
}

TEST_F(ServiceTest, SighupReloadsAndGoesOn) {
  std::promise<void> reloaded;
  service_.OnReload([&] { reloaded.set_value(); });
  Start();
  kill(getpid(), SIGHUP);
  reloaded.get_future().wait();
  EXPECT_EQ(Get("/-/healthy").status, 200);
  service_.Fail(base::Internal("test ends"));
  EXPECT_EQ(Wait(), 1);
}

TEST(ServiceStartTest, AnAddressInUseEndsRunWithOne) {
  const auto taken = net::ListenOn("127.0.0.1:0");
  ASSERT_TRUE(taken.ok());
  Service service("query", "", GrpcServer::kNo);
  const std::string address = base::Concat("--http-address=127.0.0.1:", taken->port);
  const char* arguments[] = {"thanos-query", address.c_str()};
  service.ParseFlags(std::size(arguments), arguments);
  EXPECT_EQ(service.Run(), 1);
  close(taken->fd);
}

TEST(ServiceStartTest, AnUnusableWebConfigurationEndsRunWithOne) {
  Service service("query", "", GrpcServer::kNo);
  const char* arguments[] = {"thanos-query", "--http-address=127.0.0.1:0", "--http.config=/etc/web.yaml"};
  service.ParseFlags(std::size(arguments), arguments);
  EXPECT_EQ(service.Run(), 1);
}

TEST(ServiceExitTest, HelpAndErrorsEndTheProcess) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const char* help[] = {"thanos-store", "--help"};
  EXPECT_EXIT(Service("store", "").ParseFlags(std::size(help), help), ::testing::ExitedWithCode(0),
              "usage: thanos store");
  const char* unknown[] = {"thanos-store", "--bogus", "--help"};
  EXPECT_EXIT(Service("store", "").ParseFlags(std::size(unknown), unknown), ::testing::ExitedWithCode(1),
              "unknown long flag '--bogus'");
}

}  // namespace
}  // namespace thanos::app
