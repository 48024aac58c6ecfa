#include <gtest/gtest.h>
#include <map>

#include "query/http_api.h"
#include "query/page.h"
#include "query/params.h"
#include "query/testing.h"
#include "telemetry/metrics.h"

namespace thanos::query {
namespace {

constexpr int64_t kNowMs = 1'700'000'000'000;

class MetadataApiTest : public ::testing::Test {
 protected:
  net::HttpResponse Get(const std::string& pattern, net::Parameters parameters,
                        net::Parameters path_values = {}) {
    HttpApi api(options_, {.store = store_,
                           .engine = engine_,
                           .clock = clock_,
                           .metrics = telemetry::NullRegistry(),
                           .narrow = {},
                           .statuses = {}});
    net::HttpRequest request;
    request.parameters = std::move(parameters);
    request.path_values = std::move(path_values);
    for (const net::HttpServer::Route& route : api.Routes()) {
      if (route.pattern == pattern) {
        return route.handler(request);
      }
    }
    ADD_FAILURE() << "no route " << pattern;
    return {};
  }

  HttpApiOptions options_;
  storeapi::FakeStore store_;
  promql::Engine engine_{promql::EngineOptions{}};
  base::FakeClock clock_{kNowMs};
};

TEST_F(MetadataApiTest, ListsSeriesOnceAndSorted) {
  const labels::Labels a{{"__name__", "a"}};
  const labels::Labels b{{"__name__", "b"}, {"x", "y"}};
  store_.series = {{a, {}}, {a, {}}, {b, {}}};
  EXPECT_EQ(Get("/api/v1/series", {{"match[]", "{__name__=~\"a|b\"}"}, {"match[]", "b"}}).body,
            R"({"status":"success","data":[{"__name__":"a"},{"__name__":"b","x":"y"}]})");
  EXPECT_TRUE(store_.last_request().skip_chunks);
  EXPECT_EQ(store_.last_request().min_time_ms, kMinTimeMs);
  EXPECT_EQ(store_.last_request().max_time_ms, kMaxTimeMs);
  EXPECT_EQ(
      Get("/api/v1/series", {{"match[]", "{__name__=~\"a|b\"}"}, {"limit", "1"}}).body,
      R"({"status":"success","data":[{"__name__":"a"}],"warnings":["results truncated due to limit"]})");
  EXPECT_EQ(Get("/api/v1/series", {{"match[]", "nothing"}}).body, R"({"status":"success","data":[]})");
}

TEST_F(MetadataApiTest, RefusesBadCalls) {
  EXPECT_EQ(Get("/api/v1/series", {}).body,
            R"({"status":"error","errorType":"bad_data","error":"no match[] parameter provided"})");
  EXPECT_EQ(
      Get("/api/v1/series", {{"match[]", "a"}, {"start", "2"}, {"end", "1"}}).body,
      R"({"status":"error","errorType":"bad_data","error":"end timestamp must not be before start time"})");
  EXPECT_EQ(Get("/api/v1/labels", {{"match[]", "{a=\"\"}"}}).status, 400);
  EXPECT_EQ(Get("/api/v1/labels", {{"limit", "x"}}).status, 400);
  EXPECT_EQ(Get("/api/v1/label/:name/values", {}, {{"name", "\xff"}}).status, 400);
}

TEST_F(MetadataApiTest, ListsLabelNamesAndValues) {
  store_.label_names.values = {"a", "b", "c"};
  store_.label_values.values = {"x"};
  store_.label_values.warnings = {"store down"};
  EXPECT_EQ(Get("/api/v1/labels", {{"limit", "2"}}).body,
            R"({"status":"success","data":["a","b"],"warnings":["results truncated due to limit"]})");
  const net::HttpResponse response = Get("/api/v1/label/:name/values", {}, {{"name", "U__service_2e_name"}});
  EXPECT_EQ(response.body, R"({"status":"success","data":["x"],"warnings":["store down"]})");
  EXPECT_EQ(response.headers[0].name, "Cache-Control");
}

TEST_F(MetadataApiTest, LooksBackAsConfigured) {
  options_.metadata_time_range_ms = 3'600'000;
  Get("/api/v1/series", {{"match[]", "a"}});
  EXPECT_EQ(store_.last_request().min_time_ms, kNowMs - 3'600'000);
  EXPECT_EQ(store_.last_request().max_time_ms, kNowMs);
}

TEST_F(MetadataApiTest, MapsStoreErrors) {
  store_.open_status = base::Unavailable("down");
  EXPECT_EQ(Get("/api/v1/labels", {}).body, R"({"status":"error","errorType":"execution","error":"down"})");
}

TEST(PageTest, ServesAFormUnderThePrefix) {
  const auto routes = PageRoutes("/thanos", "/outside");
  std::map<std::string, net::HttpResponse> pages;
  for (const net::HttpServer::Route& route : routes) {
    pages[route.pattern] = route.handler({});
  }
  EXPECT_EQ(pages.at("/").status, 302);
  EXPECT_EQ(pages.at("/").headers[0].value, "/outside/graph");
  EXPECT_EQ(pages.at("/thanos").status, 302);
  EXPECT_NE(pages.at("/thanos/graph").body.find("action=\"/outside/api/v1/query\""), std::string::npos);
}

}  // namespace
}  // namespace thanos::query
