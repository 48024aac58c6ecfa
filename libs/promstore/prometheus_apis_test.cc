#include "promstore/prometheus_apis.h"

#include <gtest/gtest.h>
#include <map>

namespace thanos::promstore {
namespace {

// Answers by path; anything else is 404.
class FakePrometheusHttp final : public net::HttpClient {
 public:
  std::map<std::string, std::string> answers = {
      {"/api/v1/status/buildinfo", R"({"status":"success","data":{"version":"2.42.0"}})"},
      {"/api/v1/status/config",
       R"({"status":"success","data":{"yaml":"global:\n  external_labels:\n    replica: r1\n"}})"},
      {"/metrics", "prometheus_tsdb_lowest_timestamp_seconds 1.7e+09\n"},
      {"/api/v1/labels", R"({"status":"success","data":["__name__"]})"}};
  std::string last_url;

  base::StatusOr<net::ClientResponse> Do(const base::CancelToken&,
                                         const net::ClientRequest& request) override {
    last_url = request.url.substr(std::string_view("http://p").size());
    const auto found = answers.find(last_url.substr(0, last_url.find('?')));
    return found == answers.end() ? net::ClientResponse{404, {}, "not found"}
                                  : net::ClientResponse{200, {}, found->second};
  }
  base::StatusOr<std::unique_ptr<net::BodyStream>> Open(const base::CancelToken&,
                                                        const net::ClientRequest&) override {
    return base::Unavailable("connection refused");
  }
};

std::string Text(const ::thanos::ZLabelSet& label_set) {
  std::string text;
  for (const ::thanos::Label& label : label_set.labels()) {
    text += label.name() + "=" + label.value() + ";";
  }
  return text;
}

class PrometheusApisTest : public testing::Test {
 protected:
  FakePrometheusHttp http_;
  promapi::PrometheusClient client_{http_, "http://p"};
  base::FakeClock clock_{1'700'000'000'000};
  std::unique_ptr<telemetry::Registry> metrics_ = telemetry::Registry::Create();
  Heartbeat heartbeat_{{}, client_, clock_, *metrics_};
  PrometheusApis apis_{client_, heartbeat_};
};

TEST_F(PrometheusApisTest, IsUnavailableBeforeExternalLabelsAreKnown) {
  EXPECT_EQ(apis_.Rules({}, {}).status().code(), base::StatusCode::kUnavailable);
  EXPECT_EQ(apis_.Targets({}, {}).status().code(), base::StatusCode::kUnavailable);
  EXPECT_EQ(apis_.Exemplars({}, {}).status().code(), base::StatusCode::kUnavailable);
}

TEST_F(PrometheusApisTest, AddsExternalLabelsToRules) {
  ASSERT_TRUE(heartbeat_.Start({}).ok());
  http_.answers["/api/v1/rules"] =
      R"({"status":"success","data":{"groups":[{"name":"g","file":"f","rules":[)"
      R"({"type":"alerting","name":"a","labels":{"z":"1","replica":"own"}},{"type":"recording","name":"r"}]}]}})";
  ::thanos::RulesRequest request;
  request.set_type(::thanos::RulesRequest::RECORD);
  const auto answer = apis_.Rules({}, request);
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(http_.last_url, "/api/v1/rules?type=record");
  EXPECT_EQ(Text(answer->groups[0].rules(0).alert().labels()), "replica=r1;z=1;");
  EXPECT_EQ(Text(answer->groups[0].rules(1).recording().labels()), "replica=r1;");
  ASSERT_TRUE(apis_.Rules({}, {}).ok());
  EXPECT_EQ(http_.last_url, "/api/v1/rules");
}

TEST_F(PrometheusApisTest, AddsExternalLabelsToTargets) {
  ASSERT_TRUE(heartbeat_.Start({}).ok());
  http_.answers["/api/v1/targets"] =
      R"({"status":"success","data":{"activeTargets":[{"labels":{"job":"x"},"health":"up"}],)"
      R"("droppedTargets":[{"discoveredLabels":{"a":"b"}}]}})";
  ::thanos::TargetsRequest request;
  request.set_state(::thanos::TargetsRequest::ACTIVE);
  const auto answer = apis_.Targets({}, request);
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(http_.last_url, "/api/v1/targets?state=active");
  EXPECT_EQ(Text(answer->targets.activetargets(0).labels()), "job=x;replica=r1;");
  EXPECT_EQ(Text(answer->targets.activetargets(0).discoveredlabels()), "replica=r1;");
  EXPECT_EQ(Text(answer->targets.droppedtargets(0).discoveredlabels()), "a=b;replica=r1;");
}

TEST_F(PrometheusApisTest, PassesMetadataAndExemplarRequests) {
  ASSERT_TRUE(heartbeat_.Start({}).ok());
  http_.answers["/api/v1/metadata"] = R"({"status":"success","data":{"up":[{"type":"gauge"}]}})";
  ::thanos::MetricMetadataRequest metadata;
  metadata.set_metric("up");
  metadata.set_limit(-1);
  ASSERT_TRUE(apis_.Metadata({}, metadata).ok());
  EXPECT_EQ(http_.last_url, "/api/v1/metadata?metric=up");
  metadata.set_limit(3);
  ASSERT_TRUE(apis_.Metadata({}, metadata).ok());
  EXPECT_EQ(http_.last_url, "/api/v1/metadata?metric=up&limit=3");

  http_.answers["/api/v1/query_exemplars"] =
      R"({"status":"success","data":[{"seriesLabels":{"job":"x"},"exemplars":[]}]})";
  ::thanos::ExemplarsRequest exemplars;
  exemplars.set_query("up");
  exemplars.set_start(1500);
  exemplars.set_end(2000);
  const auto answer = apis_.Exemplars({}, exemplars);
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(http_.last_url, "/api/v1/query_exemplars?query=up&start=1.500&end=2.000");
  EXPECT_EQ(Text(answer->data[0].serieslabels()), "job=x;replica=r1;");
}

TEST_F(PrometheusApisTest, RefusalsOfPrometheusComeThrough) {
  ASSERT_TRUE(heartbeat_.Start({}).ok());
  EXPECT_FALSE(apis_.Rules({}, {}).ok());
  http_.answers["/api/v1/rules"] = "oops";
  EXPECT_EQ(apis_.Rules({}, {}).status().code(), base::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace thanos::promstore
