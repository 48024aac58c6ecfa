#include "storeapi/apis.h"

#include "storeapi/apis_client.h"
#include "storeapi/apis_server.h"
#include "storeapi/fake_apis.h"
#include "storeapi/loopback_fixture.h"

namespace thanos::storeapi {
namespace {

constexpr ServedApis kAll{
    .rules = true, .metric_metadata = true, .targets = true, .exemplars = true, .status = true};

void AddMeta(const std::string& metric, const std::string& help, ::thanos::MetricMetadata* metadata) {
  ::thanos::Meta* const meta = (*metadata->mutable_metadata())[metric].add_metas();
  meta->set_type("counter");
  meta->set_help(help);
}

class ApisLoopbackTest : public testing::Test {
 protected:
  void Serve(const ServedApis& served) {
    servers_ = MakeApiServers(served, apis_, pool_);
    std::vector<grpc::Service*> services;
    for (const auto& server : servers_) {
      services.push_back(&server->service());
    }
    loopback_ = std::make_unique<LoopbackServer>(services);
    remote_ = MakeRemoteApis(loopback_->channel(), {.max_answer_bytes = 1000});
  }

  FakeApis apis_;
  concurrency::ThreadPool pool_{"apis", 2};
  std::vector<std::unique_ptr<rpc::ServiceAdaptor>> servers_;
  std::unique_ptr<LoopbackServer> loopback_;
  std::unique_ptr<EndpointApis> remote_;
};

TEST_F(ApisLoopbackTest, EveryApiArrivesAsItWasSent) {
  apis_.rules.groups.resize(2);
  apis_.rules.groups[0].set_name("a");
  apis_.rules.groups[1].add_rules()->mutable_alert()->set_state(::thanos::FIRING);
  apis_.rules.warnings = {"careful"};
  apis_.targets.targets.add_activetargets()->set_scrapeurl("http://a");
  AddLabel("job", "x", apis_.targets.targets.add_droppedtargets()->mutable_discoveredlabels());
  AddMeta("up", "help", &apis_.metadata.metadata);
  apis_.exemplars.data.resize(1);
  apis_.exemplars.data[0].add_exemplars()->set_ts(5);
  (*apis_.statistics.statistics.mutable_statistics())["t"].mutable_head_statistics()->set_num_series(7);
  Serve(kAll);

  ::thanos::RulesRequest request;
  request.set_type(::thanos::RulesRequest::ALERT);
  const auto rules = remote_->Rules({}, request);
  ASSERT_TRUE(rules.ok()) << rules.status();
  EXPECT_EQ(apis_.last_request(), "type: ALERT");
  ASSERT_EQ(rules->groups.size(), 2U);
  EXPECT_EQ(rules->groups[0].name(), "a");
  EXPECT_EQ(rules->groups[1].rules(0).alert().state(), ::thanos::FIRING);
  EXPECT_EQ(rules->warnings, std::vector<std::string>{"careful"});

  const auto targets = remote_->Targets({}, {});
  ASSERT_TRUE(targets.ok()) << targets.status();
  EXPECT_EQ(targets->targets.SerializeAsString(), apis_.targets.targets.SerializeAsString());
  const auto metadata = remote_->Metadata({}, {});
  ASSERT_TRUE(metadata.ok()) << metadata.status();
  EXPECT_EQ(metadata->metadata.metadata().at("up").metas(0).help(), "help");
  const auto exemplars = remote_->Exemplars({}, {});
  ASSERT_TRUE(exemplars.ok()) << exemplars.status();
  ASSERT_EQ(exemplars->data.size(), 1U);
  EXPECT_EQ(exemplars->data[0].exemplars(0).ts(), 5);
  const auto statistics = remote_->Statistics({}, {});
  ASSERT_TRUE(statistics.ok()) << statistics.status();
  EXPECT_EQ(statistics->statistics.statistics().at("t").head_statistics().num_series(), 7U);
}

TEST_F(ApisLoopbackTest, ErrorsAndApisThatAreNotServedFailTheCall) {
  apis_.status = base::InvalidArgument("no such thing");
  Serve({.rules = true});
  const auto rules = remote_->Rules({}, {});
  EXPECT_EQ(rules.status().code(), base::StatusCode::kInvalidArgument);
  EXPECT_EQ(base::Message(rules.status()), "no such thing");
  EXPECT_EQ(remote_->Targets({}, {}).status().code(), base::StatusCode::kUnimplemented);
}

TEST_F(ApisLoopbackTest, ClientsThatGiveUpCancelTheWork) {
  std::atomic<bool> stopped{false};
  base::CancelSource client;
  apis_.before_answer = [&](const base::CancelToken& cancel) {
    client.Cancel();
    cancel.SleepFor(std::chrono::seconds(60));
    stopped = true;
    return cancel.status();
  };
  Serve(kAll);
  EXPECT_EQ(remote_->Rules(client.token(), {}).status().code(), base::StatusCode::kCancelled);
  EXPECT_TRUE(Eventually([&] { return stopped.load(); }));
}

TEST_F(ApisLoopbackTest, AnswersThatAreTooLargeAreRefused) {
  for (int i = 0; i < 3; ++i) {
    apis_.rules.groups.emplace_back().set_name(std::string(400, 'x'));
  }
  Serve(kAll);
  EXPECT_EQ(remote_->Rules({}, {}).status().code(), base::StatusCode::kResourceExhausted);
}

TEST(InfoTest, AnnouncesTheServedApis) {
  FakeStore store;
  InfoServer info("sidecar", store, kAll);
  const LoopbackServer loopback({&info.service()});
  const auto endpoint = MakeEndpoint(loopback.channel(), "a", {});
  ASSERT_NE(endpoint->apis(), nullptr);
  const auto answer = endpoint->Info({});
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->apis, kAll);
}

TEST(EndpointApisTest, CallsThatAreNotOverriddenAreUnimplemented) {
  EndpointApis apis;
  EXPECT_EQ(apis.Rules({}, {}).status().code(), base::StatusCode::kUnimplemented);
  EXPECT_EQ(apis.Statistics({}, {}).status().code(), base::StatusCode::kUnimplemented);
}

TEST(MergeMetadataTest, KeepsDifferentEntriesOnce) {
  ::thanos::MetricMetadata a;
  AddMeta("up", "one", &a);
  ::thanos::MetricMetadata b;
  AddMeta("up", "one", &b);
  AddMeta("up", "two", &b);
  AddMeta("down", "x", &b);
  MergeMetadata(b, &a);
  ASSERT_EQ(a.metadata().size(), 2U);
  EXPECT_EQ(a.metadata().at("up").metas_size(), 2);
}

TEST(MergeStatisticsTest, SumsHeadsAndListsByTenant) {
  const auto make = [](uint64_t series, int64_t min_time, int64_t max_time) {
    ::thanos::TSDBStatistics statistics;
    ::thanos::TSDBStatisticsEntry& entry = (*statistics.mutable_statistics())["t"];
    entry.mutable_head_statistics()->set_num_series(series);
    entry.mutable_head_statistics()->set_min_time(min_time);
    entry.mutable_head_statistics()->set_max_time(max_time);
    ::thanos::Statistic* const one = entry.add_series_count_by_metric_name();
    one->set_name("up");
    one->set_value(series);
    return statistics;
  };
  ::thanos::TSDBStatistics sum;
  MergeStatistics(make(2, 10, 20), &sum);
  MergeStatistics(make(3, 5, 15), &sum);
  const ::thanos::TSDBStatisticsEntry& entry = sum.statistics().at("t");
  EXPECT_EQ(entry.head_statistics().num_series(), 5U);
  EXPECT_EQ(entry.head_statistics().min_time(), 5);
  EXPECT_EQ(entry.head_statistics().max_time(), 20);
  ASSERT_EQ(entry.series_count_by_metric_name_size(), 1);
  EXPECT_EQ(entry.series_count_by_metric_name(0).value(), 5U);
}

}  // namespace
}  // namespace thanos::storeapi
