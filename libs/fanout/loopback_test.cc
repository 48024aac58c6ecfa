#include <arpa/inet.h>
#include <chrono>
#include <cstdint>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <limits>
#include <memory>
#include <netinet/in.h>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>
#include <vector>

#include "fanout/endpoint_set.h"
#include "fanout/proxy_store.h"
#include "storeapi/loopback_fixture.h"

namespace thanos::fanout {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using storeapi::Collect;
using storeapi::Collected;
using storeapi::FakeStore;

const base::CancelToken kNever;

// A store with its own server.
struct Peer {
  Peer(std::vector<storeapi::FakeSeries> series, std::string_view cluster) {
    store.series = std::move(series);
    store.info->label_sets = {labels::Labels({{"cluster", cluster}})};
    store.info->min_time_ms = 0;
    store.info->max_time_ms = std::numeric_limits<int64_t>::max();
    store.info->supports_sharding = true;
    store.info->supports_without_replica_labels = true;
  }
  FakeStore store;
  concurrency::ThreadPool pool{"series", 2};
  storeapi::StoreServer server{store, pool, telemetry::NullRegistry()};
  storeapi::InfoServer info{"sidecar", store};
  std::unique_ptr<storeapi::LoopbackServer> loopback =
      std::make_unique<storeapi::LoopbackServer>(std::vector{&server.service(), &info.service()});
};

// A listening socket that never answers, as a stopped process has.
class SilentListener {
 public:
  SilentListener() : socket_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    bind(socket_, reinterpret_cast<sockaddr*>(&address), size);
    listen(socket_, 16);
    getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
  }
  ~SilentListener() { close(socket_); }
  std::string address() const { return base::Concat("127.0.0.1:", port_); }

 private:
  int socket_;
  int port_ = 0;
};

class FanoutLoopbackTest : public testing::Test {
 protected:
  FanoutLoopbackTest() { request.matchers = {labels::Matcher::Equal("__name__", "up")}; }

  EndpointSetOptions Options(storeapi::RemoteStoreOptions remote = {}) {
    return {
        .connect = [remote](const EndpointSpec& spec) { return storeapi::Connect(spec.address, {}, remote); },
        .info_timeout = seconds(1)};
  }

  Peer a{storeapi::MakeSeries(300, 50), "a"};
  Peer b{storeapi::MakeSeries(200, 60), "b"};
  base::SystemClock clock;
  concurrency::ThreadPool pool{"fanout", 8};
  storeapi::SeriesRequest request;
};

TEST_F(FanoutLoopbackTest, MergesLiveStoresAndIgnoresNeverSeenOnes) {
  SilentListener silent;
  EndpointSet set(Options(), clock, pool, telemetry::NullRegistry());
  set.SetSpecs({{a.loopback->address()}, {b.loopback->address()}, {"127.0.0.1:1"}, {silent.address()}});
  set.Refresh(kNever);
  EXPECT_EQ(set.Stores()->size(), 2U);
  ProxyStore proxy(set, pool, telemetry::NullRegistry());
  const Collected got = Collect(kNever, proxy, request);
  ASSERT_TRUE(got.status.ok()) << got.status;
  EXPECT_EQ(storeapi::Instances(got.series), storeapi::Instances(a.store.series));
  EXPECT_EQ(got.series[0].chunks.size(), 2U);
  EXPECT_EQ(got.series[299].chunks.size(), 1U);
  EXPECT_THAT(got.warnings, testing::IsEmpty());
  EXPECT_EQ(proxy.Info()->label_sets.size(), 2U);
}

TEST_F(FanoutLoopbackTest, AStoreThatDiesIsToldUntilItIsForgotten) {
  EndpointSet set(Options(), clock, pool, telemetry::NullRegistry());
  set.SetSpecs({{a.loopback->address()}, {b.loopback->address()}});
  set.Refresh(kNever);
  const std::string dead = b.loopback->address();
  b.loopback.reset();
  ProxyStore proxy(set, pool, telemetry::NullRegistry());
  for (const bool noticed : {false, true}) {
    if (noticed) {
      set.Refresh(kNever);
    }
    request.partial_response = storeapi::PartialResponse::kWarn;
    const Collected got = Collect(kNever, proxy, request);
    ASSERT_TRUE(got.status.ok()) << got.status;
    EXPECT_EQ(got.series.size(), 300U);
    EXPECT_THAT(got.warnings, testing::ElementsAre(testing::HasSubstr(dead)));
    request.partial_response = storeapi::PartialResponse::kAbort;
    EXPECT_EQ(Collect(kNever, proxy, request).status.code(), base::StatusCode::kAborted);
  }
}

TEST_F(FanoutLoopbackTest, AStrictSilentEndpointWarnsWithinTheDeadline) {
  SilentListener silent;
  EndpointSet set(Options(), clock, pool, telemetry::NullRegistry());
  set.SetSpecs({{a.loopback->address()}, {silent.address(), true}});
  set.Refresh(kNever);
  ASSERT_EQ(set.Stores()->size(), 2U);
  ProxyStore proxy(set, pool, telemetry::NullRegistry());
  const base::CancelSource source(kNever, base::Duration(seconds(2)));
  const Collected got = Collect(source.token(), proxy, request);
  ASSERT_TRUE(got.status.ok()) << got.status;
  EXPECT_EQ(got.series.size(), 300U);
  EXPECT_EQ(got.warnings.size(), 1U);
}

TEST_F(FanoutLoopbackTest, AStoreSilentMidStreamHitsTheResponseTimeout) {
  b.store.before_batch = [this](const base::CancelToken& cancel) {
    if (b.store.num_batches < 3) {
      return base::OkStatus();
    }
    cancel.SleepFor(seconds(30));
    return cancel.status();
  };
  EndpointSet set(Options({.response_timeout = milliseconds(200), .response_batch_size = 2}), clock, pool,
                  telemetry::NullRegistry());
  set.SetSpecs({{a.loopback->address()}, {b.loopback->address()}});
  set.Refresh(kNever);
  ProxyStore proxy(set, pool, telemetry::NullRegistry());
  const Collected got = Collect(kNever, proxy, request);
  ASSERT_TRUE(got.status.ok()) << got.status;
  EXPECT_EQ(got.series.size(), 300U);
  EXPECT_THAT(got.warnings, testing::ElementsAre(testing::HasSubstr("no data received within 200ms")));
  EXPECT_TRUE(storeapi::Eventually([&] { return b.store.open_sets == 0; }));
}

TEST_F(FanoutLoopbackTest, ProxiesCompose) {
  EndpointSet leaf_set(Options(), clock, pool, telemetry::NullRegistry());
  leaf_set.SetSpecs({{a.loopback->address()}, {b.loopback->address()}});
  leaf_set.Refresh(kNever);
  ProxyStore leaf(leaf_set, pool, telemetry::NullRegistry());
  concurrency::ThreadPool serving("serve", 4);
  storeapi::StoreServer server(leaf, serving, telemetry::NullRegistry());
  storeapi::InfoServer info("query", leaf);
  const storeapi::LoopbackServer loopback({&server.service(), &info.service()});
  EndpointSet set(Options(), clock, pool, telemetry::NullRegistry());
  set.SetSpecs({{loopback.address()}});
  set.Refresh(kNever);
  ASSERT_EQ(set.Stores()->size(), 1U);
  EXPECT_EQ(set.Stores()->at(0).component, "query");
  ProxyStore top(set, pool, telemetry::NullRegistry());
  const Collected got = Collect(kNever, top, request);
  ASSERT_TRUE(got.status.ok()) << got.status;
  EXPECT_EQ(storeapi::Instances(got.series), storeapi::Instances(a.store.series));
}

}  // namespace
}  // namespace thanos::fanout
