#include "query/http_api.h"

#include <gtest/gtest.h>
#include <ostream>

#include "query/page.h"
#include "query/testing.h"
#include "telemetry/metrics.h"

namespace thanos::query {
namespace {

constexpr int64_t kNowMs = 1'700'000'000'000;

const std::string* FindHeader(const net::HttpResponse& response, std::string_view name) {
  for (const net::HttpHeader& header : response.headers) {
    if (header.name == name) {
      return &header.value;
    }
  }
  return nullptr;
}

class HttpApiTest : public ::testing::Test {
 protected:
  HttpApiTest() {
    store_.series = {
        {labels::Labels{{"__name__", "up"}, {"job", "a"}},
         {MakeChunk({{kNowMs - 60'000, 1}, {kNowMs - 30'000, 2}, {kNowMs, 3}})}},
        {labels::Labels{{"__name__", "up"}, {"job", "b"}}, {MakeChunk({{kNowMs - 1'000, 0.5}})}}};
  }

  net::HttpResponse Get(const std::string& path, net::Parameters parameters,
                        std::vector<net::HttpHeader> headers = {}) {
    if (api_ == nullptr) {
      api_ = std::make_unique<HttpApi>(options_,
                                       HttpApiBackends{.store = store_,
                                                       .engine = engine_,
                                                       .clock = clock_,
                                                       .metrics = *metrics_,
                                                       .narrow =
                                                           [this](std::vector<std::vector<labels::Matcher>>) {
                                                             ++narrowed_;
                                                             return std::make_unique<storeapi::FakeStore>();
                                                           },
                                                       .statuses = [this] { return statuses_; }});
    }
    net::HttpRequest request;
    request.method = "GET";
    request.path = path;
    request.parameters = std::move(parameters);
    request.headers = std::move(headers);
    for (const net::HttpServer::Route& route : api_->Routes()) {
      if (route.pattern == path) {
        return route.handler(request);
      }
    }
    ADD_FAILURE() << "no route " << path;
    return {};
  }
  std::string Query(const std::string& query) { return Get("/api/v1/query", {{"query", query}}).body; }

  HttpApiOptions options_;
  storeapi::FakeStore store_;
  promql::Engine engine_{promql::EngineOptions{}};
  base::FakeClock clock_{kNowMs};
  std::unique_ptr<telemetry::Registry> metrics_ = telemetry::Registry::Create();
  std::map<std::string, std::vector<fanout::EndpointStatus>> statuses_;
  int narrowed_ = 0;
  std::unique_ptr<HttpApi> api_;
};

TEST_F(HttpApiTest, AnswersInstantQueries) {
  EXPECT_EQ(Query("up"),
            R"({"status":"success","data":{"resultType":"vector","result":[)"
            R"({"metric":{"__name__":"up","job":"a"},"value":[1700000000,"3"]},)"
            R"({"metric":{"__name__":"up","job":"b"},"value":[1700000000,"0.5"]}],"analysis":{}}})");
  EXPECT_EQ(
      Query("sum(up)"),
      R"({"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1700000000,"3.5"]}],)"
      R"("analysis":{}}})");
  EXPECT_EQ(Query("1 + 1"),
            R"({"status":"success","data":{"resultType":"scalar","result":[1700000000,"2"],"analysis":{}}})");
  EXPECT_EQ(Get("/api/v1/query", {{"query", "\"x\""}, {"time", "5.25"}}).body,
            R"({"status":"success","data":{"resultType":"string","result":[5.25,"x"],"analysis":{}}})");
  EXPECT_EQ(Get("/api/v1/query", {{"query", "up"}, {"limit", "1"}}).body,
            R"({"status":"success","data":{"resultType":"vector","result":[)"
            R"({"metric":{"__name__":"up","job":"a"},"value":[1700000000,"3"]}],"analysis":{}},)"
            R"("warnings":["results truncated due to limit"]})");
}

TEST_F(HttpApiTest, AnswersRangeQueries) {
  const net::HttpResponse response =
      Get("/api/v1/query_range",
          {{"query", "up{job=\"a\"}"}, {"start", "1699999940"}, {"end", "1700000000"}, {"step", "30s"}});
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.content_type, "application/json");
  EXPECT_EQ(FindHeader(response, "Cache-Control"), nullptr);
  EXPECT_EQ(*FindHeader(response, "Access-Control-Allow-Origin"), "*");
  EXPECT_EQ(
      response.body,
      R"({"status":"success","data":{"resultType":"matrix","result":[{"metric":{"__name__":"up","job":"a"},)"
      R"("values":[[1699999940,"1"],[1699999970,"2"],[1700000000,"3"]]}],"analysis":{}}})");
}

struct BadRequest {
  std::string path;
  net::Parameters parameters;
  std::string error;
  friend std::ostream& operator<<(std::ostream& out, const BadRequest& bad) {
    return out << bad.path << bad.error;
  }
};
class BadRequestTest : public HttpApiTest, public ::testing::WithParamInterface<BadRequest> {};

TEST_P(BadRequestTest, IsRefusedWithBadData) {
  const net::HttpResponse response = Get("/api/v1/" + GetParam().path, GetParam().parameters);
  ASSERT_EQ(response.status, 400);
  EXPECT_EQ(*FindHeader(response, "Cache-Control"), "no-store");
  std::string want = R"({"status":"error","errorType":"bad_data","error":")";
  for (const char c : GetParam().error) {
    want += c == '"' ? "\\\"" : std::string(1, c);
  }
  EXPECT_EQ(response.body, want + "\"}");
}

const net::Parameters kRange{{"query", "up"}, {"start", "0"}, {"end", "60"}, {"step", "30"}};
net::Parameters Changed(std::string name, std::string value) {
  net::Parameters parameters = kRange;
  parameters.insert(parameters.begin(), {std::move(name), std::move(value)});
  return parameters;
}

INSTANTIATE_TEST_SUITE_P(
    Queries, BadRequestTest,
    ::testing::Values(
        BadRequest{
            "query",
            {},
            "invalid parameter \"query\": unknown position: parse error: no expression found in input"},
        BadRequest{"query",
                   {{"query", "up +"}},
                   "invalid parameter \"query\": 1:5: parse error: unexpected end of input"},
        BadRequest{"query", Changed("time", "x"),
                   "invalid parameter \"time\": Invalid time value for 'time': cannot parse \"x\" to a valid "
                   "timestamp"},
        BadRequest{"query", Changed("timeout", "x"),
                   "'timeout' parameter: cannot parse \"x\" to a valid duration"},
        BadRequest{"query", Changed("dedup", "x"),
                   "'dedup' parameter: strconv.ParseBool: parsing \"x\": invalid syntax"},
        BadRequest{"query", Changed("partial_response", "x"),
                   "'partial_response' parameter: strconv.ParseBool: parsing \"x\": invalid syntax"},
        BadRequest{"query", Changed("max_source_resolution", "-1"),
                   "negative 'max_source_resolution' is not accepted. Try a positive integer"},
        BadRequest{"query", Changed("lookback_delta", "x"),
                   "'lookback_delta' parameter: cannot parse \"x\" to a valid duration"},
        BadRequest{"query", Changed("engine", "x"), "'engine' parameter: bad engine \"x\""},
        BadRequest{"query", Changed("limit", "-1"),
                   "invalid parameter \"limit\": limit must be non-negative"},
        BadRequest{"query", Changed("shard_info", "x"), "could not unmarshal parameter shard_info"},
        BadRequest{
            "query", Changed("storeMatch[]", "{"),
            "invalid parameter \"storeMatch[]\": 1:2: parse error: unexpected end of input inside braces"},
        BadRequest{"query_range",
                   {{"query", "up"}},
                   "invalid parameter \"start\": cannot parse \"\" to a valid timestamp"},
        BadRequest{"query_range", Changed("end", "-1"),
                   "invalid parameter \"end\": end timestamp must not be before start time"},
        BadRequest{"query_range", Changed("step", "x"),
                   "invalid parameter \"step\": cannot parse \"x\" to a valid duration"},
        BadRequest{"query_range", Changed("step", "0"),
                   "invalid parameter \"step\": zero or negative query resolution step widths are not "
                   "accepted. Try a "
                   "positive integer"},
        BadRequest{"query_range", Changed("end", "330030"),
                   "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query "
                   "resolution "
                   "(?step=XX)"},
        BadRequest{
            "query_range", Changed("query", "up[5m]"),
            "invalid parameter \"query\": invalid expression type \"range vector\" for range query, must be "
            "Scalar or instant Vector"},
        BadRequest{"format_query",
                   {{"query", "up("}},
                   "invalid parameter \"query\": 1:4: parse error: unclosed left parenthesis"}));

TEST_F(HttpApiTest, AllowsElevenThousandSteps) {
  EXPECT_EQ(Get("/api/v1/query_range", Changed("end", "330000")).status, 200);
  EXPECT_EQ(Get("/api/v1/query_range", Changed("end", "330029")).status, 200);
}

TEST_F(HttpApiTest, MapsExecutionErrors) {
  store_.open_status = base::Aborted("receive series from a: down");
  net::HttpResponse response = Get("/api/v1/query", {{"query", "up"}});
  EXPECT_EQ(response.status, 422);
  EXPECT_NE(response.body.find("\"errorType\":\"execution\""), std::string::npos) << response.body;
  store_.open_status = base::DeadlineExceeded("slow");
  response = Get("/api/v1/query", {{"query", "up"}});
  EXPECT_EQ(response.status, 503);
  EXPECT_EQ(response.body,
            R"({"status":"error","errorType":"timeout","error":"query timed out in expression evaluation"})");
  store_.open_status = base::Cancelled("gone");
  response = Get("/api/v1/query", {{"query", "up"}});
  EXPECT_EQ(response.status, 503);
  EXPECT_NE(response.body.find("\"errorType\":\"canceled\""), std::string::npos) << response.body;
  store_.open_status = base::Internal("bug");
  EXPECT_EQ(Get("/api/v1/query", {{"query", "up"}}).status, 500);
}

TEST_F(HttpApiTest, StoreWarningsForbidCaching) {
  store_.warnings = {"receive series from b: down"};
  const net::HttpResponse response = Get("/api/v1/query", {{"query", "count(up)"}});
  EXPECT_EQ(*FindHeader(response, "Cache-Control"), "no-store");
  EXPECT_NE(response.body.find(R"("warnings":["receive series from b: down"])"), std::string::npos)
      << response.body;
}

TEST_F(HttpApiTest, PassesParametersToTheStores) {
  options_.replica_labels = {"replica"};
  options_.auto_downsampling = true;
  Get("/api/v1/query_range", {{"query", "up"}, {"start", "0"}, {"end", "50000"}, {"step", "100"}});
  EXPECT_EQ(store_.last_request().max_resolution_ms, 20'000);
  EXPECT_EQ(store_.last_request().without_replica_labels, std::vector<std::string>{"replica"});
  EXPECT_EQ(store_.last_request().tenant, "default-tenant");
  Get("/api/v1/query",
      {{"query", "up"},
       {"replicaLabels[]", "a"},
       {"replicaLabels[]", "b"},
       {"max_source_resolution", "1h"},
       {"partial_response", "false"}},
      {{"THANOS-TENANT", "team"}});
  EXPECT_EQ(store_.last_request().max_resolution_ms, 3'600'000);
  EXPECT_EQ(store_.last_request().without_replica_labels, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(store_.last_request().partial_response, storeapi::PartialResponse::kAbort);
  EXPECT_EQ(store_.last_request().tenant, "team");
  Get("/api/v1/query", {{"query", "up"}, {"dedup", "false"}});
  EXPECT_TRUE(store_.last_request().without_replica_labels.empty());
  EXPECT_EQ(Get("/api/v1/query", {{"query", "up"}, {"storeMatch[]", "{__address__=~\"a.*\"}"}}).body,
            R"({"status":"success","data":{"resultType":"vector","result":[],"analysis":{}}})");
  EXPECT_EQ(narrowed_, 1);
}

TEST_F(HttpApiTest, DefaultStepFollowsTheRange) {
  const net::HttpResponse response =
      Get("/api/v1/query_range", {{"query", "1"}, {"start", "0"}, {"end", "2500"}});
  EXPECT_NE(response.body.find("[0,\"1\"],[10,\"1\"],[20"), std::string::npos) << response.body;
}

TEST_F(HttpApiTest, EnforcesTenants) {
  options_.tenancy.enforce = true;
  Get("/api/v1/query", {{"query", "up{tenant_id=~\".+\"}"}}, {{"THANOS-TENANT", "team"}});
  EXPECT_EQ(labels::ToString(store_.last_request().matchers), R"({__name__="up", tenant_id="team"})");
  EXPECT_EQ(Get("/api/v1/query", {{"query", "up"}}, {{"THANOS-TENANT", "a/b"}}).status, 400);
}

TEST_F(HttpApiTest, FormatsAndParsesQueries) {
  EXPECT_EQ(Get("/api/v1/format_query", {{"query", "sum by(a)(rate(foo{b='c'}[5m]))"}}).body,
            R"x({"status":"success","data":"sum by (a) (rate(foo{b=\"c\"}[5m]))"})x");
  EXPECT_EQ(Get("/api/v1/parse_query", {{"query", "-foo{a=\"b\"}[5m:] offset 1s"}}).status, 400);
  EXPECT_EQ(
      Get("/api/v1/parse_query", {{"query", "a * on(x) group_left b"}}).body,
      R"({"status":"success","data":{"bool":false,"lhs":{"matchers":[{"name":"__name__","type":"=","value":"a"}],)"
      R"("name":"a","offset":0,"startOrEnd":null,"timestamp":null,"type":"vectorSelector"},"matching":)"
      R"({"card":"many-to-one","include":[],"labels":["x"],"on":true},"op":"*","rhs":{"matchers":)"
      R"([{"name":"__name__","type":"=","value":"b"}],"name":"b","offset":0,"startOrEnd":null,)"
      R"("timestamp":null,"type":"vectorSelector"},"type":"binaryExpr"}})");
}

TEST_F(HttpApiTest, CountsQueriesAtTheGate) {
  Query("1");
  Get("/api/v1/query", {{"query", "up"}, {"engine", "thanos"}});
  const std::string text = metrics_->Expose();
  for (
      const std::string_view line :
      {"thanos_query_concurrent_gate_queries_max 20", "thanos_query_concurrent_gate_queries_total 2",
       "thanos_query_concurrent_gate_queries_in_flight 0",
       "thanos_query_concurrent_selects_gate_selects_max 4",
       R"(thanos_engine_queries_total{engine="thanos",mode="local"} 1)",
       R"(thanos_store_api_query_duration_seconds_count{samples_le="100",series_le="10",tenant="default-tenant"} 2)"}) {
    EXPECT_NE(text.find(line), std::string::npos) << line << "\n" << text;
  }
}

TEST_F(HttpApiTest, ListsStores) {
  EXPECT_EQ(Get("/api/v1/stores", {}).body, R"({"status":"success","data":{}})");
  fanout::EndpointStatus status;
  status.name = "a:10901";
  status.last_check_ms = kNowMs + 5;
  status.label_sets = {labels::Labels{{"cluster", "x"}}};
  status.min_time_ms = 1;
  status.max_time_ms = 2;
  statuses_["sidecar"] = {status};
  status.last_error = "down";
  status.last_check_ms = 0;
  statuses_["sidecar"].push_back(status);
  EXPECT_EQ(
      Get("/api/v1/stores", {}).body,
      R"({"status":"success","data":{"sidecar":[{"name":"a:10901","lastCheck":"2023-11-14T22:13:20.005Z",)"
      R"("lastError":null,"labelSets":[{"cluster":"x"}],"minTime":1,"maxTime":2},{"name":"a:10901",)"
      R"("lastCheck":"0001-01-01T00:00:00Z","lastError":"down","labelSets":[{"cluster":"x"}],"minTime":1,)"
      R"("maxTime":2}]}})");
}

TEST_F(HttpApiTest, AnswersOptions) {
  for (const net::HttpServer::Route& route : HttpApi(options_, {.store = store_,
                                                               .engine = engine_,
                                                               .clock = clock_,
                                                               .metrics = *metrics_,
                                                               .narrow = {},
                                                               .statuses = {}})
                                                 .Routes()) {
    if (route.methods == std::vector<std::string>{"OPTIONS"}) {
      EXPECT_EQ(route.handler({}).status, 204);
    }
  }
}

TEST_F(HttpApiTest, ExplainsAndAnalyzesForTheThanosEngine) {
  EXPECT_EQ(Get("/api/v1/query_explain", {{"query", "sum by (job) (rate(up[1m])) > 1"}}).status, 400);
  EXPECT_EQ(
      Get("/api/v1/query_explain", {{"query", "sum by (job) (rate(up[1m])) > 1"}, {"engine", "thanos"}}).body,
      R"({"status":"success","data":{"name":"[vectorScalarBinary] >","children":[)"
      R"x({"name":"[aggregate] sum by ([job])","children":[{"name":"[function] rate","children":[)x"
      R"({"name":"[matrixSelector] up[1m]"}]}]},{"name":"[numberLiteral] 1"}]}})");
  EXPECT_EQ(Get("/api/v1/query_range_explain", {{"query", "up"}, {"engine", "thanos"}}).status, 400);
  const std::string body =
      Get("/api/v1/query", {{"query", "sum(up)"}, {"engine", "thanos"}, {"analyze", "true"}}).body;
  EXPECT_NE(body.find(R"("analysis":{"name":"[aggregate] sum","executionTime":")"), std::string::npos)
      << body;
  EXPECT_NE(body.find(R"("children":[{"name":"[vectorSelector] {__name__=\"up\"}","executionTime":")"),
            std::string::npos)
      << body;
  EXPECT_NE(body.find(R"("totalSamples":4)"), std::string::npos) << body;
  EXPECT_NE(Get("/api/v1/query", {{"query", "sum(up)"}, {"analyze", "true"}}).body.find(R"("analysis":{})"),
            std::string::npos);
}

TEST_F(HttpApiTest, TheTenantMayComeFromTheClientCertificate) {
  options_.tenancy.certificate_field = "organization";
  net::HttpRequest request;
  request.method = "GET";
  request.path = "/api/v1/query";
  request.parameters = {{"query", "up"}};
  request.headers = {{"THANOS-TENANT", "mallory"}};
  EXPECT_EQ(Get("/api/v1/query", request.parameters, request.headers).status, 400);
  request.peer_subject.organization = "team-a";
  for (const net::HttpServer::Route& route : api_->Routes()) {
    if (route.pattern == request.path && route.methods.front() == "GET") {
      EXPECT_EQ(route.handler(request).status, 200);
    }
  }
  EXPECT_EQ(store_.last_request().tenant, "team-a");
}

TEST_F(HttpApiTest, TheRequestIdIsPassedOn) {
  net::HttpRequest request;
  request.parameters = {{"query", "up"}};
  request.request_id = "id-9";
  Get("/api/v1/query", {{"query", "up"}});
  for (const net::HttpServer::Route& route : api_->Routes()) {
    if (route.pattern == "/api/v1/query") {
      route.handler(request);
    }
  }
  EXPECT_EQ(store_.last_request().request_id, "id-9");
}

TEST_F(HttpApiTest, QueriesOverGrpcGoTheSameWay) {
  Query("up");
  storeapi::QueryCall call;
  call.query = "sum(up)";
  call.start_ms = kNowMs;
  call.end_ms = kNowMs;
  call.tenant = "team";
  auto answer = api_->query_api().Evaluate({}, call);
  ASSERT_TRUE(answer.ok()) << answer.status();
  ASSERT_EQ(answer->series.size(), 1U);
  EXPECT_EQ(answer->series[0].values, std::vector<double>{3.5});
  EXPECT_EQ(store_.last_request().tenant, "team");
  call.query = "1";
  answer = api_->query_api().Evaluate({}, call);
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_TRUE(answer->series.at(0).labels.empty());
  call.query = "'x'";
  EXPECT_EQ(api_->query_api().Evaluate({}, call).status().code(), base::StatusCode::kUnimplemented);
  call.query = "up{";
  EXPECT_EQ(api_->query_api().Evaluate({}, call).status().code(), base::StatusCode::kInvalidArgument);
  call.query = "up";
  call.tenant = "../x";
  EXPECT_EQ(api_->query_api().Evaluate({}, call).status().code(), base::StatusCode::kInvalidArgument);
}

TEST(PageTest, ADynamicPrefixIsAPathOnly) {
  const auto routes = PageRoutes("", "/fixed", "X-Prefix");
  net::HttpRequest request;
  const auto location = [&](const std::string& header) {
    request.headers = {{"X-Prefix", header}};
    return routes.at(0).handler(request).headers.at(0).value;
  };
  EXPECT_EQ(location(""), "/fixed/graph");
  EXPECT_EQ(location("/dynamic/"), "/dynamic/graph");
  EXPECT_EQ(location("https://evil.example/x"), "/x/graph");
  EXPECT_EQ(location("//evil.example"), "/evil.example/graph");
  EXPECT_EQ(location("https://evil.example"), "/graph");
  EXPECT_EQ(location("/a\" onload=\"x"), "/fixed/graph");
}

}  // namespace
}  // namespace thanos::query
