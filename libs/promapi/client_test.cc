#include "promapi/client.h"

#include <gtest/gtest.h>
#include <limits>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace thanos::promapi {
namespace {

// Answers by URL; anything else is 404.
class FakeHttpClient final : public net::HttpClient {
 public:
  void Answer(const std::string& url, std::string body, int status = 200) {
    answers_[url] = {status, {}, std::move(body)};
  }
  base::StatusOr<net::ClientResponse> Do(const base::CancelToken&,
                                         const net::ClientRequest& request) override {
    urls.push_back(request.method + " " + request.url);
    const auto found = answers_.find(request.url);
    return found == answers_.end() ? net::ClientResponse{404, {}, "404 page not found\n"} : found->second;
  }
  base::StatusOr<std::unique_ptr<net::BodyStream>> Open(const base::CancelToken&,
                                                        const net::ClientRequest&) override {
    return base::Unavailable("connection refused");
  }
  std::vector<std::string> urls;

 private:
  std::map<std::string, net::ClientResponse> answers_;
};

constexpr std::string_view kConfig =
    R"({"status":"success","data":{"yaml":"global:\n  scrape_interval: 1s\n  external_labels:\n    replica: \"01\"\n    cluster: east\nscrape_configs:\n- job_name: a\n"}})";

struct Fixture {
  FakeHttpClient http;
  PrometheusClient client{http, "http://prom:9090/prefix/"};
};

TEST(PrometheusClientTest, ReadsVersionFlagsAndExternalLabels) {
  Fixture f;
  EXPECT_EQ(*f.client.BuildVersion({}), "");
  f.http.Answer("http://prom:9090/prefix/api/v1/status/buildinfo",
                R"({"status":"success","data":{"version":"2.42.0"}})");
  f.http.Answer("http://prom:9090/prefix/api/v1/status/flags",
                R"({"status":"success","data":{"storage.tsdb.min-block-duration":"2h","x":"1"}})");
  f.http.Answer("http://prom:9090/prefix/api/v1/status/config", std::string(kConfig));
  EXPECT_EQ(*f.client.BuildVersion({}), "2.42.0");
  const auto flags = f.client.Flags({});
  ASSERT_TRUE(flags.ok());
  EXPECT_EQ(flags->find("storage.tsdb.min-block-duration")->second, "2h");
  const auto external = f.client.ExternalLabels({});
  ASSERT_TRUE(external.ok()) << external.status();
  EXPECT_EQ(*external, (labels::Labels{{"cluster", "east"}, {"replica", "01"}}));
}

TEST(PrometheusClientTest, NoExternalLabelsIsAnEmptySet) {
  Fixture f;
  f.http.Answer("http://prom:9090/prefix/api/v1/status/config",
                R"({"status":"success","data":{"yaml":"global:\n  scrape_interval: 1m\n"}})");
  const auto external = f.client.ExternalLabels({});
  ASSERT_TRUE(external.ok());
  EXPECT_TRUE(external->empty());
}

TEST(PrometheusClientTest, LowestTimestampComesFromTheGauge) {
  Fixture f;
  const std::string url = "http://prom:9090/prefix/metrics";
  f.http.Answer(
      url,
      "# TYPE prometheus_tsdb_lowest_timestamp_seconds gauge\nprometheus_tsdb_lowest_timestamp 1.7e+12\n"
      "prometheus_tsdb_lowest_timestamp_seconds 1.700006400123e+09\n");
  EXPECT_EQ(*f.client.LowestTimestampMs({}), 1700006400123);
  f.http.Answer(url, "prometheus_tsdb_lowest_timestamp_seconds 9.223372036854776e+15\n");
  EXPECT_EQ(*f.client.LowestTimestampMs({}), std::numeric_limits<int64_t>::max());
  f.http.Answer(url, "prometheus_tsdb_lowest_timestamp_seconds x\n");
  EXPECT_EQ(f.client.LowestTimestampMs({}).status().code(), base::StatusCode::kDataLoss);
  f.http.Answer(url, "");
  EXPECT_EQ(f.client.LowestTimestampMs({}).status().code(), base::StatusCode::kNotFound);
}

TEST(PrometheusClientTest, LabelCallsSendMatchersAndTimes) {
  Fixture f;
  const std::vector<labels::Matcher> matchers = {labels::Matcher::Equal("job", "a b")};
  const LabelQuery query{.matchers = matchers, .min_time_ms = 1500, .max_time_ms = 2000, .limit = 7};
  f.client.LabelNames({}, query).status().IgnoreError();
  f.client
      .LabelNames({}, {.min_time_ms = std::numeric_limits<int64_t>::min(),
                       .max_time_ms = std::numeric_limits<int64_t>::max()})
      .status()
      .IgnoreError();
  f.client.LabelValues({}, "host.name", query).status().IgnoreError();
  ASSERT_EQ(f.http.urls.size(), 3U);
  EXPECT_EQ(f.http.urls[0],
            "GET "
            "http://prom:9090/prefix/api/v1/"
            "labels?match%5B%5D=%7Bjob%3D%22a+b%22%7D&start=1.500&end=2.000&limit=7");
  EXPECT_EQ(f.http.urls[1], "GET http://prom:9090/prefix/api/v1/labels");
  EXPECT_TRUE(f.http.urls[2].starts_with("GET http://prom:9090/prefix/api/v1/label/U__host_2e_name/values?"));
}

TEST(PrometheusClientTest, SeriesAreSortedLabelSets) {
  Fixture f;
  f.http.Answer("http://prom:9090/prefix/api/v1/series",
                R"({"status":"success","data":[{"b":"2","__name__":"up","a":"","c":"ü"}]})");
  const LabelQuery all{.min_time_ms = std::numeric_limits<int64_t>::min(),
                       .max_time_ms = std::numeric_limits<int64_t>::max()};
  const auto batch = f.client.Series({}, all);
  ASSERT_TRUE(batch.ok()) << batch.status();
  ASSERT_EQ(batch->series.size(), 1U);
  EXPECT_EQ(labels::ToString(batch->series[0].labels), R"({__name__="up", b="2", c="ü"})");
  f.http.Answer("http://prom:9090/prefix/api/v1/series",
                R"({"status":"success","data":[{"b":"2","b":"3"}]})");
  EXPECT_EQ(f.client.Series({}, all).status().code(), base::StatusCode::kDataLoss);
}

TEST(PrometheusClientTest, ErrorsKeepPrometheusText) {
  Fixture f;
  const std::string url = "http://prom:9090/prefix/api/v1/status/flags";
  f.http.Answer(url, R"({"status":"error","errorType":"bad_data","error":"no way"})", 400);
  EXPECT_EQ(f.client.Flags({}).status(), base::InvalidArgument("/api/v1/status/flags: status 400: no way"));
  f.http.Answer(url, "bad gateway", 502);
  EXPECT_EQ(f.client.Flags({}).status(), base::Unavailable("/api/v1/status/flags: status 502: bad gateway"));
  EXPECT_EQ(f.client.RemoteRead({}, {}).status().code(), base::StatusCode::kUnavailable);
}

TEST(PrometheusClientTest, MalformedAnswersAreDataLoss) {
  Fixture f;
  const std::string url = "http://prom:9090/prefix/api/v1/status/flags";
  for (const std::string& body :
       {std::string("{"), std::string(R"({"status":"success"})"),
        std::string(R"({"status":"error","data":{}})"), std::string(R"({"status":"success","data":[]})"),
        std::string(100'000, '['), std::string("[]"),
        std::string("{\"status\":\"success\",\"data\":{\"a\":\"\xff\"}}")}) {
    f.http.Answer(url, body);
    EXPECT_EQ(f.client.Flags({}).status().code(), base::StatusCode::kDataLoss) << body.substr(0, 40);
  }
}

TEST(PrometheusClientTest, ReloadPosts) {
  Fixture f;
  f.http.Answer("http://prom:9090/prefix/-/reload", "");
  EXPECT_TRUE(f.client.Reload({}).ok());
  EXPECT_EQ(f.http.urls.back(), "POST http://prom:9090/prefix/-/reload");
}

}  // namespace
}  // namespace thanos::promapi
