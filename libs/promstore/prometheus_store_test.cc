#include "promstore/prometheus_store.h"

#include <fstream>
#include <gtest/gtest.h>
#include <iterator>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "net/http_server.h"
#include "storeapi/store.h"

namespace thanos::promstore {
namespace {

constexpr int64_t kStartMs = 1700006400000;

std::string ReadGolden(const std::string& name) {
  std::ifstream file(std::string(TH_SOURCE_DIR) + "/tests/golden/remote_read/" + name, std::ios::binary);
  EXPECT_TRUE(file.good()) << name;
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// Plays the Prometheus the golden answers were made by.
class FakePrometheus {
 public:
  FakePrometheus() {
    auto server = net::HttpServer::Create({.address = "127.0.0.1:0"});
    server_ = *std::move(server);
    Answer("/api/v1/status/buildinfo", R"({"status":"success","data":{"version":"2.42.0"}})");
    SetConfig(R"(global:\n  external_labels:\n    cluster: east\n    replica: r1\n)");
    Answer("/metrics", "prometheus_tsdb_lowest_timestamp_seconds 1.7000064e+09\n");
    Answer("/api/v1/labels", R"({"status":"success","data":["__name__","instance","job","mode"]})");
    Answer("/api/v1/label/job/values", R"({"status":"success","data":["node","api"]})");
    Answer(
        "/api/v1/series",
        R"({"status":"success","data":[{"__name__":"up","job":"node"},{"__name__":"up","job":"api","cluster":"own"}]})");
    Answer("/api/v1/read", ReadGolden("chunked.bin"),
           "application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse");
    server_->AddRoute({.methods = {}, .pattern = "/*", .handler = [this](const net::HttpRequest& request) {
                         return Handle(request);
                       }});
    EXPECT_TRUE(server_->Start().ok());
    url_ = base::Concat("http://127.0.0.1:", server_->port());
  }
  ~FakePrometheus() { Stop(); }

  void Answer(const std::string& path, std::string body, std::string type = "application/json",
              int status = 200) {
    base::MutexLock lock(mutex_);
    answers_[path] = {
        .status = status, .content_type = std::move(type), .headers = {}, .body = std::move(body)};
  }
  void SetConfig(const std::string& yaml) {
    Answer("/api/v1/status/config", R"({"status":"success","data":{"yaml":")" + yaml + R"("}})");
  }
  void Stop() {
    if (server_ != nullptr) {
      server_->Stop(std::chrono::seconds(5));
      server_.reset();
    }
  }
  const std::string& url() const { return url_; }
  net::HttpRequest last_request() {
    base::MutexLock lock(mutex_);
    return last_;
  }
  // The compressed remote read request holds short strings verbatim.
  bool LastBodyContains(std::string_view text) { return last_request().body.find(text) != std::string::npos; }

 private:
  net::HttpResponse Handle(const net::HttpRequest& request) {
    base::MutexLock lock(mutex_);
    last_ = request;
    const auto found = answers_.find(request.path);
    return found == answers_.end() ? net::HttpResponse::Text(404, "not found") : found->second;
  }

  std::unique_ptr<net::HttpServer> server_;
  std::string url_;
  base::Mutex mutex_;
  std::map<std::string, net::HttpResponse> answers_ ABSL_GUARDED_BY(mutex_);
  net::HttpRequest last_ ABSL_GUARDED_BY(mutex_);
};

struct Fixture {
  FakePrometheus prometheus;
  std::unique_ptr<net::HttpClient> http = net::HttpClient::Create({});
  promapi::PrometheusClient client{*http, prometheus.url()};
  base::FakeClock clock{kStartMs};
  std::unique_ptr<telemetry::Registry> metrics = telemetry::Registry::Create();
  Heartbeat heartbeat{
      {.ready_timeout = std::chrono::seconds(2), .retry_interval = std::chrono::milliseconds(20)},
      client,
      clock,
      *metrics};
  PrometheusStore store{client, heartbeat, *metrics};

  double Up() { return metrics->AddGauge("thanos_sidecar_prometheus_up", "").Value(); }
};

storeapi::SeriesRequest Request(std::vector<labels::Matcher> matchers) {
  storeapi::SeriesRequest request;
  request.matchers = std::move(matchers);
  return request;
}

struct Answered {
  std::vector<std::string> series;
  size_t num_chunks = 0;
  base::Status status;
};

Answered Drain(Fixture& f, const storeapi::SeriesRequest& request) {
  Answered answered;
  auto set = f.store.Series({}, request);
  answered.status = set.status();
  series::SeriesBatch batch;
  while (answered.status.ok()) {
    const auto more = (*set)->Next({}, &batch);
    answered.status = more.status();
    if (!more.ok() || !*more) {
      break;
    }
    for (const series::Series& series : batch.series) {
      answered.series.push_back(labels::ToString(series.labels));
      answered.num_chunks += series.chunks.size();
    }
  }
  return answered;
}

TEST(HeartbeatTest, AnEmptyPrometheusIsAskedForAllTimes) {
  Fixture f;
  f.prometheus.Answer("/metrics", "prometheus_tsdb_lowest_timestamp_seconds 9.223372036854776e+15\n");
  ASSERT_TRUE(f.heartbeat.Beat({}).ok());
  EXPECT_LT(f.store.Info()->min_time_ms, kStartMs);
}

TEST(HeartbeatTest, ReadsAllAndFollowsChanges) {
  Fixture f;
  EXPECT_EQ(f.heartbeat.state(), nullptr);
  EXPECT_EQ(f.store.Info().status().code(), base::StatusCode::kUnavailable);
  ASSERT_TRUE(f.heartbeat.Start({}).ok());
  EXPECT_EQ(f.heartbeat.state()->version, "2.42.0");
  EXPECT_EQ(f.heartbeat.state()->min_time_ms, kStartMs);
  EXPECT_EQ(f.Up(), 1);
  auto info = f.store.Info();
  ASSERT_TRUE(info.ok());
  EXPECT_EQ(info->label_sets, (std::vector<labels::Labels>{{{"cluster", "east"}, {"replica", "r1"}}}));
  EXPECT_EQ(info->min_time_ms, kStartMs);
  EXPECT_EQ(info->max_time_ms, std::numeric_limits<int64_t>::max());

  f.prometheus.SetConfig(R"(global:\n  external_labels: {cluster: west}\n)");
  ASSERT_TRUE(f.heartbeat.Beat({}).ok());
  EXPECT_EQ(f.store.Info()->label_sets, (std::vector<labels::Labels>{{{"cluster", "west"}}}));
  EXPECT_EQ(f.metrics->AddGauge("thanos_sidecar_last_heartbeat_success_time_seconds", "").Value(),
            1700006400.0);
}

TEST(HeartbeatTest, MissingExternalLabelsAreFatalAtOnce) {
  Fixture f;
  f.prometheus.SetConfig(R"(global:\n  scrape_interval: 1s\n)");
  const base::Status status = f.heartbeat.Start({});
  EXPECT_EQ(status.code(), base::StatusCode::kFailedPrecondition);
  EXPECT_NE(base::Message(status).find("no external labels configured on Prometheus server"),
            std::string_view::npos);
}

TEST(HeartbeatTest, AFailureKeepsTheStateButIsNotHealthy) {
  Fixture f;
  ASSERT_TRUE(f.heartbeat.Start({}).ok());
  f.prometheus.Stop();
  EXPECT_EQ(f.heartbeat.Beat({}).code(), base::StatusCode::kUnavailable);
  EXPECT_NE(f.heartbeat.state(), nullptr);
  EXPECT_FALSE(f.heartbeat.healthy());
  EXPECT_EQ(f.Up(), 0);
  EXPECT_EQ(f.store.Info().status().code(), base::StatusCode::kUnavailable);
  EXPECT_EQ(Drain(f, Request({labels::Matcher::Equal("job", "node")})).status.code(),
            base::StatusCode::kUnavailable);
  EXPECT_EQ(f.heartbeat.Start({}).code(), base::StatusCode::kUnavailable);
}

TEST(PrometheusStoreTest, StreamsSeriesWithExternalLabels) {
  Fixture f;
  ASSERT_TRUE(f.heartbeat.Start({}).ok());
  const Answered answered = Drain(f, Request({labels::Matcher::Equal("job", "node")}));
  ASSERT_TRUE(answered.status.ok()) << answered.status;
  EXPECT_EQ(
      answered.series,
      (std::vector<std::string>{
          R"({__name__="up", cluster="east", instance="a", job="node", replica="r1"})",
          R"({__name__="up", cluster="east", instance="b", job="node", replica="r1"})",
          R"({__name__="work_seconds_total", cluster="east", instance="a", job="node", mode="idle", replica="r1"})",
          R"({__name__="work_seconds_total", cluster="east", instance="b", job="node", mode="idle", replica="r1"})"}));
  EXPECT_GE(answered.num_chunks, 24U);
}

TEST(PrometheusStoreTest, RemovesReplicaLabelsAndLimits) {
  Fixture f;
  ASSERT_TRUE(f.heartbeat.Start({}).ok());
  storeapi::SeriesRequest request = Request({labels::Matcher::Equal("job", "node")});
  request.without_replica_labels = {"replica"};
  request.limit = 1;
  EXPECT_EQ(Drain(f, request).series,
            (std::vector<std::string>{R"({__name__="up", cluster="east", instance="a", job="node"})"}));
  // A stored label: everything is read and sorted, equal label sets become neighbours.
  request.without_replica_labels = {"instance", "replica"};
  request.limit = 0;
  const Answered answered = Drain(f, request);
  ASSERT_EQ(answered.series.size(), 4U);
  EXPECT_EQ(answered.series[0], R"({__name__="up", cluster="east", job="node"})");
  EXPECT_EQ(answered.series[1], answered.series[0]);
}

TEST(PrometheusStoreTest, ExternalMatchersAreAnsweredHere) {
  Fixture f;
  ASSERT_TRUE(f.heartbeat.Start({}).ok());
  EXPECT_EQ(Drain(f, Request({})).status,
            base::InvalidArgument("no matchers specified (excluding external labels)"));
  const Answered other =
      Drain(f, Request({labels::Matcher::Equal("cluster", "west"), labels::Matcher::Equal("a", "b")}));
  EXPECT_TRUE(other.status.ok());
  EXPECT_TRUE(other.series.empty());
  EXPECT_EQ(
      Drain(f, Request({labels::Matcher::Equal("cluster", "east"), labels::Matcher::Equal("job", "node")}))
          .series.size(),
      4U);
  EXPECT_FALSE(f.prometheus.LastBodyContains("cluster"));
  EXPECT_EQ(Drain(f, Request({labels::Matcher::Equal("cluster", "east")})).series.size(), 4U);
  EXPECT_TRUE(f.prometheus.LastBodyContains("__name__"));
  EXPECT_TRUE(f.prometheus.LastBodyContains(".+"));
}

TEST(PrometheusStoreTest, ARangeBeforeTheOldestSampleIsEmpty) {
  Fixture f;
  ASSERT_TRUE(f.heartbeat.Start({}).ok());
  storeapi::SeriesRequest request = Request({labels::Matcher::Equal("job", "node")});
  request.max_time_ms = kStartMs - 1;
  const Answered answered = Drain(f, request);
  EXPECT_TRUE(answered.status.ok());
  EXPECT_TRUE(answered.series.empty());
}

TEST(PrometheusStoreTest, SkipChunksUsesTheSeriesCall) {
  Fixture f;
  ASSERT_TRUE(f.heartbeat.Start({}).ok());
  storeapi::SeriesRequest request = Request({labels::Matcher::NotEqual("job", "x")});
  request.skip_chunks = true;
  const Answered answered = Drain(f, request);
  ASSERT_TRUE(answered.status.ok()) << answered.status;
  EXPECT_EQ(answered.num_chunks, 0U);
  EXPECT_EQ(answered.series,
            (std::vector<std::string>{R"({__name__="up", cluster="east", job="api", replica="r1"})",
                                      R"({__name__="up", cluster="east", job="node", replica="r1"})"}));
  EXPECT_EQ(*f.prometheus.last_request().Parameter("match[]"), R"({job!="x",__name__=~".+"})");
  EXPECT_EQ(*f.prometheus.last_request().Parameter("start"), "1700006400.000");
}

TEST(PrometheusStoreTest, SampledAnswersAreSortedAndOverridden) {
  Fixture f;
  // The golden body is sorted by chance; its external labels become those configured now.
  f.prometheus.Answer("/api/v1/read", ReadGolden("samples.snappy"), "application/x-protobuf");
  f.prometheus.SetConfig(R"(global:\n  external_labels: {instance: west}\n)");
  ASSERT_TRUE(f.heartbeat.Start({}).ok());
  const Answered answered = Drain(f, Request({labels::Matcher::Equal("job", "node")}));
  ASSERT_TRUE(answered.status.ok()) << answered.status;
  ASSERT_EQ(answered.series.size(), 2U);
  EXPECT_NE(answered.series[0].find(R"(instance="west")"), std::string::npos);
  EXPECT_EQ(answered.num_chunks, 4U);
}

TEST(PrometheusStoreTest, LabelCallsAddExternalLabels) {
  Fixture f;
  ASSERT_TRUE(f.heartbeat.Start({}).ok());
  EXPECT_EQ(f.store.LabelNames({}, {})->values,
            (std::vector<std::string>{"__name__", "cluster", "instance", "job", "mode", "replica"}));
  storeapi::LabelNamesRequest names;
  names.without_replica_labels = {"replica"};
  names.limit = 3;
  EXPECT_EQ(f.store.LabelNames({}, names)->values,
            (std::vector<std::string>{"__name__", "cluster", "instance"}));
  names.matchers = {labels::Matcher::Equal("cluster", "west")};
  EXPECT_TRUE(f.store.LabelNames({}, names)->values.empty());

  storeapi::LabelValuesRequest values;
  EXPECT_EQ(f.store.LabelValues({}, values).status().code(), base::StatusCode::kInvalidArgument);
  values.label = "job";
  EXPECT_EQ(f.store.LabelValues({}, values)->values, (std::vector<std::string>{"api", "node"}));
  values.label = "cluster";
  EXPECT_EQ(f.store.LabelValues({}, values)->values, (std::vector<std::string>{"east"}));
  values.matchers = {labels::Matcher::Equal("job", "node")};
  EXPECT_EQ(f.store.LabelValues({}, values)->values, (std::vector<std::string>{"east"}));
  f.prometheus.Answer("/api/v1/labels", R"({"status":"success","data":[]})");
  EXPECT_TRUE(f.store.LabelValues({}, values)->values.empty());
  values.without_replica_labels = {"cluster"};
  EXPECT_TRUE(f.store.LabelValues({}, values)->values.empty());
}

TEST(PrometheusStoreTest, ErrorsOfPrometheusArePassedOn) {
  Fixture f;
  ASSERT_TRUE(f.heartbeat.Start({}).ok());
  f.prometheus.Answer("/api/v1/read", "exceeded sample limit", "text/plain", 400);
  EXPECT_EQ(Drain(f, Request({labels::Matcher::Equal("a", "b")})).status,
            base::InvalidArgument("/api/v1/read: status 400: exceeded sample limit"));
  std::string cut = ReadGolden("chunked.bin");
  cut.resize(cut.size() - 1);
  f.prometheus.Answer("/api/v1/read", cut,
                      "application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse");
  EXPECT_EQ(Drain(f, Request({labels::Matcher::Equal("a", "b")})).status.code(), base::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace thanos::promstore
