#include "fanout/endpoint_set.h"

#include <chrono>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <limits>
#include <string_view>

#include "discovery/fake_resolver.h"
#include "fanout/endpoint_discovery.h"
#include "relabel/config.h"
#include "storeapi/fake_apis.h"
#include "storeapi/fake_store.h"

namespace thanos::fanout {
namespace {

using storeapi::EndpointInfo;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

const base::CancelToken kNever;

EndpointInfo SidecarInfo(std::string_view cluster) {
  EndpointInfo info;
  info.component = "sidecar";
  info.has_store = true;
  info.store.label_sets = {labels::Labels({{"cluster", cluster}})};
  info.store.min_time_ms = 10;
  info.store.max_time_ms = 20;
  return info;
}

// Addresses that can be dialled, with what they answer.
struct FakeWorld {
  struct Peer {
    base::StatusOr<EndpointInfo> info = base::Unavailable("connection refused");
    bool hangs = false;
    int num_checks = 0;
    int num_connects = 0;
  };
  std::map<std::string, Peer> peers;

  EndpointFactory Factory() {
    return [this](const EndpointSpec& spec) -> base::StatusOr<std::unique_ptr<storeapi::Endpoint>> {
      Peer& peer = peers[spec.target.empty() ? spec.address : spec.target];
      ++peer.num_connects;
      return std::make_unique<FakeEndpoint>(peer);
    };
  }

 private:
  class FakeEndpoint final : public storeapi::Endpoint {
   public:
    explicit FakeEndpoint(Peer& peer) : peer_(peer) {}
    storeapi::Store& store() override { return store_; }
    storeapi::EndpointApis* apis() override { return &apis_; }
    base::StatusOr<EndpointInfo> Info(const base::CancelToken& cancel) override {
      ++peer_.num_checks;
      if (peer_.hangs) {
        cancel.SleepFor(std::chrono::seconds(30));
        return cancel.status();
      }
      return peer_.info;
    }

   private:
    Peer& peer_;
    storeapi::FakeStore store_;
    storeapi::FakeApis apis_;
  };
};

class EndpointSetTest : public testing::Test {
 protected:
  std::vector<std::string> StoreNames() {
    std::vector<std::string> names;
    const auto stores = set.Stores();
    for (const StoreRef& store : *stores) {
      names.push_back(base::Concat(store.name, store.health.ok() ? "" : " down"));
    }
    return names;
  }

  FakeWorld world;
  base::FakeClock clock{1'000'000};
  concurrency::ThreadPool pool{"fanout", 4};
  std::unique_ptr<telemetry::Registry> metrics = telemetry::Registry::Create();
  EndpointSet set{
      {.connect = world.Factory(), .info_timeout = std::chrono::milliseconds(200)}, clock, pool, *metrics};
};

TEST_F(EndpointSetTest, ListsHealthyEndpointsWithTheirInfo) {
  world.peers["a:1"].info = SidecarInfo("eu1");
  world.peers["b:1"].info = SidecarInfo("us1");
  set.SetSpecs({{"a:1"}, {"b:1"}});
  EXPECT_THAT(StoreNames(), IsEmpty());
  set.Refresh(kNever);
  EXPECT_THAT(StoreNames(), ElementsAre("a:1", "b:1"));
  EXPECT_EQ(set.Stores()->at(0).info.label_sets, SidecarInfo("eu1").store.label_sets);
  EXPECT_EQ(set.Stores()->at(0).component, "sidecar");
  const auto statuses = set.Statuses();
  ASSERT_THAT(statuses, SizeIs(1));
  const EndpointStatus& status = statuses.at("sidecar").at(0);
  EXPECT_EQ(status.name, "a:1");
  EXPECT_EQ(status.last_check_ms, 1'000'000);
  EXPECT_EQ(status.last_error, "");
  EXPECT_EQ(status.min_time_ms, 10);
  EXPECT_THAT(metrics->Expose(), testing::HasSubstr("thanos_store_nodes_grpc_connections{"));
}

TEST_F(EndpointSetTest, ListsEndpointsWithOtherApis) {
  world.peers["a:1"].info = SidecarInfo("eu1");
  world.peers["a:1"].info->apis.rules = true;
  world.peers["b:1"].info = SidecarInfo("us1");
  // A stateless ruler has no store.
  world.peers["c:1"].info = EndpointInfo{.component = "rule", .store = {}, .apis = {.rules = true}};
  set.SetSpecs({{"a:1"}, {"b:1"}, {"c:1"}});
  EXPECT_THAT(*set.Apis(), IsEmpty());
  set.Refresh(kNever);
  world.peers["a:1"].info = base::Unavailable("gone");
  set.Refresh(kNever);
  const auto apis = set.Apis();
  ASSERT_THAT(*apis, SizeIs(2));
  EXPECT_EQ(apis->at(0).name, "a:1");
  EXPECT_TRUE(apis->at(0).served.rules);
  EXPECT_FALSE(apis->at(0).served.targets);
  EXPECT_EQ(apis->at(0).label_sets, SidecarInfo("eu1").store.label_sets);
  EXPECT_FALSE(apis->at(0).health.ok());
  EXPECT_EQ(apis->at(1).name, "c:1");
  EXPECT_TRUE(apis->at(1).apis->Rules(kNever, {}).ok());
}

TEST_F(EndpointSetTest, NeverSeenFailingEndpointsAreNotListed) {
  set.SetSpecs({{"a:1"}});
  set.Refresh(kNever);
  EXPECT_THAT(StoreNames(), IsEmpty());
  EXPECT_THAT(set.Statuses(), IsEmpty());
  world.peers["a:1"].info = SidecarInfo("eu1");
  set.Refresh(kNever);
  EXPECT_THAT(StoreNames(), ElementsAre("a:1"));
  EXPECT_EQ(world.peers["a:1"].num_connects, 1);
}

TEST_F(EndpointSetTest, StrictEndpointsAreAskedForAllTimesEvenWhenNeverSeen) {
  set.SetSpecs({{"a:1", true}});
  set.Refresh(kNever);
  EXPECT_THAT(StoreNames(), ElementsAre("a:1"));
  const StoreRef store = set.Stores()->at(0);
  EXPECT_EQ(store.info.min_time_ms, std::numeric_limits<int64_t>::min());
  EXPECT_EQ(store.info.max_time_ms, std::numeric_limits<int64_t>::max());
  EXPECT_EQ(set.Statuses().begin()->second.at(0).last_error, "connection refused");
}

TEST_F(EndpointSetTest, LatelyHealthyEndpointsStayAsDownUntilTheTimeout) {
  world.peers["a:1"].info = SidecarInfo("eu1");
  set.SetSpecs({{"a:1"}});
  set.Refresh(kNever);
  world.peers["a:1"].info = base::Unavailable("gone");
  clock.Advance(5 * 60 * 1000);
  set.Refresh(kNever);
  EXPECT_THAT(StoreNames(), ElementsAre("a:1 down"));
  EXPECT_EQ(set.Statuses().at("sidecar").at(0).last_error, "gone");
  EXPECT_EQ(set.Stores()->at(0).info.label_sets, SidecarInfo("eu1").store.label_sets);
  clock.Advance(1);
  set.Refresh(kNever);
  EXPECT_THAT(StoreNames(), IsEmpty());
  EXPECT_THAT(set.Statuses(), IsEmpty());
  EXPECT_THAT(metrics->Expose(), testing::Not(testing::HasSubstr("thanos_store_nodes_grpc_connections{")));
  world.peers["a:1"].info = SidecarInfo("eu1");
  set.Refresh(kNever);
  EXPECT_THAT(StoreNames(), ElementsAre("a:1"));
}

TEST_F(EndpointSetTest, RemovedEndpointsGoAtOnceButRunningCallsKeepTheirs) {
  world.peers["a:1"].info = SidecarInfo("eu1");
  set.SetSpecs({{"a:1"}});
  set.Refresh(kNever);
  const auto stores = set.Stores();
  set.SetSpecs({});
  set.Refresh(kNever);
  EXPECT_THAT(StoreNames(), IsEmpty());
  EXPECT_TRUE(stores->at(0).store->Info().ok());
}

TEST_F(EndpointSetTest, AHangingEndpointDoesNotHoldUpTheOthers) {
  world.peers["a:1"].hangs = true;
  world.peers["b:1"].info = SidecarInfo("eu1");
  set.SetSpecs({{"a:1"}, {"b:1"}});
  const base::TimePoint begin = base::SteadyNow();
  set.Refresh(kNever);
  EXPECT_LT(base::SteadyNow() - begin, std::chrono::seconds(10));
  EXPECT_THAT(StoreNames(), ElementsAre("b:1"));
}

TEST_F(EndpointSetTest, OfEqualAddressesTheLastCounts) {
  world.peers["a:1"].info = SidecarInfo("eu1");
  set.SetSpecs({{"a:1", true}, {"a:1", false}});
  set.Refresh(kNever);
  EXPECT_THAT(StoreNames(), ElementsAre("a:1"));
  EXPECT_FALSE(set.Statuses().at("sidecar").at(0).strict);
  EXPECT_EQ(metrics->AddCounter("thanos_query_duplicated_endpoint_addresses_total", "").Value(), 1);
}

TEST_F(EndpointSetTest, AStrictEndpointThatFailedIsWaitedForOnlyBriefly) {
  world.peers["a:1"].info = SidecarInfo("eu1");
  set.SetSpecs({{"a:1", true}});
  set.Refresh(kNever);
  EXPECT_EQ(set.Stores()->at(0).patience, base::Duration::zero());
  world.peers["a:1"].info = base::DeadlineExceeded("silence");
  set.Refresh(kNever);
  EXPECT_THAT(StoreNames(), ElementsAre("a:1"));
  EXPECT_GT(set.Stores()->at(0).patience, base::Duration::zero());
}

TEST_F(EndpointSetTest, TheSelectorNarrowsWhatIsAsked) {
  const auto rules = relabel::ParseRules("- {action: keep, source_labels: [cluster], regex: 'eu.*'}\n");
  ASSERT_TRUE(rules.ok());
  EndpointSet selected({.connect = world.Factory(), .selector = *rules}, clock, pool, *metrics);
  world.peers["a:1"].info = SidecarInfo("eu1");
  world.peers["a:1"].info->store.label_sets.push_back(labels::Labels({{"cluster", "us1"}}));
  world.peers["b:1"].info = SidecarInfo("us1");
  world.peers["c:1"].info = SidecarInfo("eu2");
  selected.SetSpecs({{"a:1"}, {"b:1"}, {"c:1"}});
  selected.Refresh(kNever);
  const auto stores = selected.Stores();
  ASSERT_THAT(*stores, SizeIs(2));
  EXPECT_EQ(labels::ToString(stores->at(0).selector_matchers), R"({cluster=~"eu1"})");
  EXPECT_THAT(stores->at(0).info.label_sets, SizeIs(1));
  EXPECT_EQ(stores->at(1).name, "c:1");
  EXPECT_THAT(stores->at(1).selector_matchers, IsEmpty());
  EXPECT_THAT(selected.Statuses().at("sidecar"), SizeIs(3));
}

TEST_F(EndpointSetTest, EndpointsWithoutAStoreAreListedButNotAsked) {
  EndpointInfo info;
  info.component = "rule";
  info.apis.rules = true;
  world.peers["a:1"].info = info;
  set.SetSpecs({{"a:1"}});
  set.Refresh(kNever);
  EXPECT_THAT(StoreNames(), IsEmpty());
  EXPECT_TRUE(set.Statuses().at("rule").at(0).apis.rules);
}

TEST_F(EndpointSetTest, DiscoveryJoinsAllSources) {
  for (const char* const address : {"a:1", "10.0.0.1:2", "c:3", "dns:///d:4", "e:5",
                                    "ipv4:10.0.0.3:5,10.0.0.4:5", "ipv6:[::ffff:10.0.0.5]:6,[fd00::1]:6"}) {
    world.peers[address].info = SidecarInfo("eu1");
  }
  discovery::FakeResolver resolver;
  resolver.hosts["b"] = {"10.0.0.1"};
  resolver.hosts["f"] = {"10.0.0.3", "10.0.0.4"};
  resolver.hosts["g"] = {"10.0.0.5", "fd00::1"};
  EndpointSources sources;
  sources.endpoints = {"a:1", "dns+b:2"};
  sources.strict_endpoints = {"c:3"};
  sources.endpoint_groups = {"d:4", "dns+f:5"};
  sources.strict_endpoint_groups = {"dns+g:6", "dns+unknown:7"};
  sources.read_config = [] { return std::string("endpoints: [{address: 'e:5'}]"); };
  auto discovery = EndpointDiscovery::Create(sources, resolver, *metrics, set);
  ASSERT_TRUE(discovery.ok()) << discovery.status();
  EXPECT_FALSE((*discovery)->RefreshFiles(kNever).ok());
  set.Refresh(kNever);
  const auto all = ElementsAre("10.0.0.1:2", "a:1", "c:3", "e:5", "thanos:///d:4", "thanos:///dns+f:5",
                               "thanos:///dns+g:6", "thanos:///dns+unknown:7 down");
  EXPECT_THAT(StoreNames(), all);
  // Without name service everything stays as it was.
  resolver.hosts.clear();
  EXPECT_FALSE((*discovery)->RefreshDns(kNever).ok());
  set.Refresh(kNever);
  EXPECT_THAT(StoreNames(), all);
  // A group whose addresses change is connected anew.
  world.peers["ipv4:10.0.0.9:5"].info = SidecarInfo("eu1");
  resolver.hosts["f"] = {"10.0.0.9"};
  EXPECT_FALSE((*discovery)->RefreshDns(kNever).ok());
  set.Refresh(kNever);
  EXPECT_EQ(world.peers["ipv4:10.0.0.9:5"].num_connects, 1);
  EXPECT_EQ(world.peers["ipv4:10.0.0.3:5,10.0.0.4:5"].num_connects, 1);
  sources.strict_endpoints = {"dns+c:3"};
  EXPECT_EQ(EndpointDiscovery::Create(sources, resolver, *metrics, set).status().code(),
            base::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace thanos::fanout
