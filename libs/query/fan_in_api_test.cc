#include <gtest/gtest.h>

#include "query/http_api.h"
#include "query/testing.h"
#include "storeapi/fake_apis.h"
#include "telemetry/metrics.h"

namespace thanos::query {
namespace {

using storeapi::AddLabel;

class FanInApiTest : public ::testing::Test {
 protected:
  net::HttpResponse Get(const std::string& path, net::Parameters parameters = {}) {
    HttpApi api(options_, HttpApiBackends{.store = store_,
                                          .engine = engine_,
                                          .clock = clock_,
                                          .metrics = *telemetry::Registry::Create(),
                                          .narrow = nullptr,
                                          .statuses = nullptr,
                                          .apis = apis_});
    net::HttpRequest request;
    request.method = "GET";
    request.path = "/api/v1/" + path;
    request.parameters = std::move(parameters);
    for (const net::HttpServer::Route& route : api.Routes()) {
      if (route.pattern == request.path) {
        return route.handler(request);
      }
    }
    ADD_FAILURE() << "no route " << path;
    return {};
  }

  ::thanos::RuleGroup& AddGroup() {
    ::thanos::RuleGroup& group = fake_.rules.groups.emplace_back();
    group.set_name("g");
    group.set_file("f");
    group.set_interval(15);
    group.set_evaluation_duration_seconds(0.0005);
    group.mutable_last_evaluation()->set_seconds(1714972089);
    ::thanos::Alert* const alert = group.add_rules()->mutable_alert();
    alert->set_name("Down");
    alert->set_query("up == 0");
    alert->set_state(::thanos::FIRING);
    alert->set_duration_seconds(60);
    alert->set_health("ok");
    AddLabel("replica", "r1", alert->mutable_labels());
    AddLabel("severity", "page", alert->mutable_labels());
    ::thanos::AlertInstance* const instance = alert->add_alerts();
    instance->set_state(::thanos::FIRING);
    instance->set_value("1e+00");
    instance->mutable_active_at()->set_seconds(1714972000);
    AddLabel("alertname", "Down", instance->mutable_labels());
    ::thanos::RecordingRule* const rule = group.add_rules()->mutable_recording();
    rule->set_name("r");
    rule->set_query("1");
    rule->set_health("err");
    rule->set_last_error("bad");
    return group;
  }

  HttpApiOptions options_;
  storeapi::FakeStore store_;
  promql::Engine engine_{promql::EngineOptions{}};
  base::FakeClock clock_{1'700'000'000'000};
  storeapi::FakeApis fake_;
  storeapi::EndpointApis* apis_ = &fake_;
};

constexpr std::string_view kInstance =
    R"({"labels":{"alertname":"Down"},"annotations":{},"state":"firing","activeAt":"2024-05-06T05:06:40Z",)"
    R"("value":"1e+00","partialResponseStrategy":"WARN"})";

TEST_F(FanInApiTest, AnswersRules) {
  options_.replica_labels = {"replica"};
  AddGroup();
  const net::HttpResponse response = Get("rules", {{"type", "ALERT"}});
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(fake_.last_request(), "type: ALERT");
  EXPECT_EQ(
      response.body,
      base::Concat(
          R"({"status":"success","data":{"groups":[{"name":"g","file":"f","rules":[)"
          R"({"state":"firing","name":"Down","query":"up == 0","duration":60,"labels":{"severity":"page"},)"
          R"("annotations":{},"alerts":[)",
          kInstance,
          R"(],"health":"ok","evaluationTime":0,"lastEvaluation":"0001-01-01T00:00:00Z","keepFiringFor":0,)"
          R"("type":"alerting"},)"
          R"({"name":"r","query":"1","labels":{},"health":"err","lastError":"bad","evaluationTime":0,)"
          R"("lastEvaluation":"0001-01-01T00:00:00Z","type":"recording"}],"interval":15,)"
          R"("evaluationTime":0.0005,"lastEvaluation":"2024-05-06T05:08:09Z","limit":0,)"
          R"("partialResponseStrategy":"WARN"}]}})"));
}

TEST_F(FanInApiTest, FiltersRules) {
  AddGroup();
  EXPECT_EQ(Get("rules", {{"rule_group[]", "other"}}).body, R"({"status":"success","data":{"groups":[]}})");
  EXPECT_EQ(fake_.last_request(), R"(rule_group: "other")");
  const std::string body = Get("rules", {{"match[]", R"({severity="page"})"}}).body;
  EXPECT_NE(body.find("alerting"), std::string::npos);
  EXPECT_EQ(body.find("recording"), std::string::npos);
  EXPECT_EQ(Get("rules", {{"type", "x"}}).status, 400);
  EXPECT_EQ(Get("rules", {{"match[]", "{"}}).status, 400);
}

TEST_F(FanInApiTest, AnswersAlerts) {
  AddGroup();
  EXPECT_EQ(Get("alerts").body, base::Concat(R"({"status":"success","data":{"alerts":[)", kInstance, "]}}"));
  EXPECT_EQ(fake_.last_request(), "type: ALERT");
}

TEST_F(FanInApiTest, WarningsAndErrorsFollowTheStrategy) {
  fake_.rules.warnings = {"a:1: connection refused"};
  const net::HttpResponse response = Get("rules");
  EXPECT_EQ(response.body,
            R"({"status":"success","data":{"groups":[]},"warnings":["a:1: connection refused"]})");
  EXPECT_EQ(response.headers[0].name, "Cache-Control");
  options_.apis_partial_response.rules = false;
  fake_.status = base::Aborted("a:1: connection refused");
  const net::HttpResponse strict = Get("rules");
  EXPECT_EQ(strict.status, 500);
  EXPECT_EQ(
      strict.body,
      R"({"status":"error","errorType":"internal","error":"retrieving rules: a:1: connection refused"})");
  EXPECT_EQ(fake_.last_request(), "partial_response_strategy: ABORT");
}

TEST_F(FanInApiTest, AnswersTargets) {
  ::thanos::ActiveTarget* const target = fake_.targets.targets.add_activetargets();
  target->set_scrapepool("p");
  target->set_scrapeurl("http://a/metrics");
  target->set_globalurl("http://h/metrics");
  target->set_lastscrapeduration(1e-7);
  target->set_health(::thanos::ActiveTarget::UP);
  AddLabel("job", "x", target->mutable_labels());
  AddLabel("a", "b", fake_.targets.targets.add_droppedtargets()->mutable_discoveredlabels());
  EXPECT_EQ(
      Get("targets", {{"state", "Active"}}).body,
      R"({"status":"success","data":{"activeTargets":[{"discoveredLabels":{},"labels":{"job":"x"},)"
      R"("scrapePool":"p","scrapeUrl":"http://a/metrics","globalUrl":"http://h/metrics","lastError":"",)"
      R"("lastScrape":"0001-01-01T00:00:00Z","lastScrapeDuration":1e-7,"health":"up"}],)"
      R"("droppedTargets":[{"discoveredLabels":{"a":"b"}}]}})");
  EXPECT_EQ(fake_.last_request(), "state: ACTIVE");
  EXPECT_EQ(Get("targets", {{"state", "x"}}).status, 400);
}

TEST_F(FanInApiTest, AnswersMetadata) {
  for (const std::string metric : {"up", "down"}) {
    ::thanos::Meta* const meta = (*fake_.metadata.metadata.mutable_metadata())[metric].add_metas();
    meta->set_type("gauge");
    meta->set_help("h");
  }
  EXPECT_EQ(Get("metadata").body,
            R"({"status":"success","data":{"down":[{"type":"gauge","help":"h","unit":""}],)"
            R"("up":[{"type":"gauge","help":"h","unit":""}]}})");
  EXPECT_EQ(fake_.last_request(), "limit: -1");
  EXPECT_EQ(Get("metadata", {{"limit", "1"}, {"metric", "m"}}).body,
            R"({"status":"success","data":{"down":[{"type":"gauge","help":"h","unit":""}]}})");
  EXPECT_EQ(fake_.last_request(), R"(metric: "m" limit: 1)");
  EXPECT_EQ(Get("metadata", {{"limit", "0"}}).body, R"({"status":"success","data":{}})");
  EXPECT_EQ(Get("metadata", {{"limit", "x"}}).status, 400);
}

TEST_F(FanInApiTest, AnswersExemplars) {
  ::thanos::ExemplarData& series = fake_.exemplars.data.emplace_back();
  AddLabel("__name__", "x", series.mutable_serieslabels());
  ::thanos::Exemplar* const exemplar = series.add_exemplars();
  AddLabel("trace_id", "t", exemplar->mutable_labels());
  exemplar->set_value(0.5);
  exemplar->set_ts(1600096945479);
  EXPECT_EQ(Get("query_exemplars", {{"query", "x"}, {"start", "1"}, {"end", "2.5"}}).body,
            R"({"status":"success","data":[{"seriesLabels":{"__name__":"x"},"exemplars":[)"
            R"({"labels":{"trace_id":"t"},"value":"0.5","timestamp":1600096945.479}]}]})");
  EXPECT_EQ(fake_.last_request(), R"(query: "x" start: 1000 end: 2500)");
  EXPECT_EQ(Get("query_exemplars", {{"query", "x"}, {"start", "3"}, {"end", "2"}}).status, 400);
  EXPECT_EQ(Get("query_exemplars", {{"query", "x("}}).status, 400);
}

TEST_F(FanInApiTest, EnforcesTheTenantOfExemplarsAndStatistics) {
  options_.tenancy.enforce = true;
  EXPECT_EQ(Get("query_exemplars", {{"query", "x"}, {"start", "1"}, {"end", "2"}}).status, 200);
  EXPECT_EQ(fake_.last_request(), R"(query: "x{tenant_id=\"default-tenant\"}" start: 1000 end: 2000)");
  EXPECT_EQ(Get("status/tsdb").status, 200);
  EXPECT_EQ(fake_.last_request(), R"(tenant: "default-tenant" limit: 10)");
}

TEST_F(FanInApiTest, AnswersTsdbStatus) {
  for (const std::string tenant : {"a", "b"}) {
    ::thanos::TSDBStatisticsEntry& entry = (*fake_.statistics.statistics.mutable_statistics())[tenant];
    entry.mutable_head_statistics()->set_num_series(3);
    entry.mutable_head_statistics()->set_max_time(9);
    ::thanos::Statistic* const one = entry.add_series_count_by_metric_name();
    one->set_name("up");
    one->set_value(3);
  }
  EXPECT_EQ(Get("status/tsdb", {{"limit", "2"}}).body,
            R"({"status":"success","data":{"headStats":{"numSeries":6,"numLabelPairs":0,"chunkCount":0,)"
            R"("minTime":0,"maxTime":9},"seriesCountByMetricName":[{"name":"up","value":6}],)"
            R"("labelValueCountByLabelName":[],"memoryInBytesByLabelName":[],)"
            R"("seriesCountByLabelValuePair":[]}})");
  EXPECT_EQ(Get("status/tsdb", {{"limit", "0"}}).status, 400);
}

TEST_F(FanInApiTest, WithoutEndpointsTheCallsAreNotFound) {
  apis_ = nullptr;
  EXPECT_EQ(Get("rules").status, 404);
  EXPECT_EQ(Get("status/tsdb").status, 404);
}

}  // namespace
}  // namespace thanos::query
