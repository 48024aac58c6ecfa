#include "app/request_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/strings.h"

namespace thanos::app {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::string_view kBoth =
    "http: {options: {level: DEBUG, decision: {log_start: true, log_end: true}}}";

base::StatusCode CodeOf(std::string_view yaml) {
  return RequestLog::Parse(yaml).status().code();
}

TEST(RequestLogTest, ReadsDecisions) {
  EXPECT_FALSE(RequestLog::Parse("")->enabled());
  EXPECT_FALSE(RequestLog::Parse("options: {level: INFO}")->enabled());
  EXPECT_TRUE(RequestLog::Parse(kBoth)->enabled());
  EXPECT_TRUE(RequestLog::Parse("options: {level: INFO, decision: {log_end: true}}")->enabled());
  EXPECT_FALSE(
      RequestLog::Parse("{options: {level: INFO, decision: {log_end: true}}, http: {options: {level: WARN}}}")
          ->enabled());
  EXPECT_TRUE(RequestLog::Parse("{options: {level: INFO}, grpc: {}, other: 1}").ok());
  EXPECT_EQ(CodeOf("options: {level: LOUD}"), base::StatusCode::kInvalidArgument);
  EXPECT_EQ(CodeOf("http: {}"), base::StatusCode::kInvalidArgument);
  EXPECT_EQ(CodeOf("options: {level: INFO, decision: {log_start: true}}"),
            base::StatusCode::kInvalidArgument);
}

TEST(RequestLogTest, CanBeLimitedToPathsAndPorts) {
  const auto log = RequestLog::Parse(
      "http: {options: {level: INFO, decision: {log_end: true}}, config: [{path: /api/v1/query, port: "
      "10902}]}");
  ASSERT_TRUE(log.ok()) << log.status();
  EXPECT_TRUE(log->Selects("/api/v1/query", "localhost:10902"));
  EXPECT_TRUE(log->Selects("/api/v1/query", "[::1]:10902"));
  EXPECT_FALSE(log->Selects("/api/v1/query", "localhost:1"));
  EXPECT_FALSE(log->Selects("/api/v1/query", "[::10902]"));
  EXPECT_FALSE(log->Selects("/api/v1/labels", "localhost:10902"));
}

// What is logged about one request answered with `status`.
std::string LinesOf(std::string_view yaml, int status) {
  const auto log = RequestLog::Parse(yaml);
  EXPECT_TRUE(log.ok()) << log.status();
  const net::HttpServer::Route route = log->Wrap(
      {{}, "/api/v1/query", [&](const net::HttpRequest&) { return net::HttpResponse::Text(status, ""); }});
  net::HttpRequest request;
  request.method = "GET";
  request.target = "/api/v1/query?query=up";
  request.request_id = "id-1";
  request.remote_address = "127.0.0.1:5";
  ::testing::internal::CaptureStderr();
  EXPECT_EQ(route.handler(request).status, status);
  return ::testing::internal::GetCapturedStderr();
}

TEST(RequestLogTest, LogsServerErrorsAtLevelError) {
  EXPECT_THAT(LinesOf("options: {level: INFO, decision: {log_end: true}}", 503),
              AllOf(HasSubstr("level=error msg=\"finished call\" http.method=\"GET /api/v1/query?query=up\" "
                              "http.request_id=id-1 http.status_code=503 http.time_ms="),
                    HasSubstr("http.remote_addr=127.0.0.1:5 thanos.method_name=query")));
  EXPECT_EQ(LinesOf("options: {level: INFO, decision: {log_end: true}}", 200), "");
  EXPECT_EQ(LinesOf("options: {level: ERROR}", 503), "");
}

TEST(RequestLogTest, LogsSuccessesAtLevelDebug) {
  telemetry::LogOptions options;
  options.level = telemetry::LogLevel::kDebug;
  telemetry::ConfigureLogging(options);
  EXPECT_THAT(LinesOf(kBoth, 200),
              AllOf(HasSubstr("msg=\"started call\""), HasSubstr("msg=\"finished call\"")));
  EXPECT_THAT(LinesOf("options: {level: DEBUG, decision: {log_end: true}}", 422),
              AllOf(HasSubstr("level=debug msg=\"finished call\""), Not(HasSubstr("started call"))));
  telemetry::ConfigureLogging({});
}

TEST(RequestLogTest, LogsGrpcCalls) {
  const auto log = RequestLog::Parse(
      "grpc: {options: {level: DEBUG, decision: {log_start: true, log_end: true}}, "
      "config: [{service: thanos.Store, method: Series}]}");
  ASSERT_TRUE(log.ok()) << log.status();
  EXPECT_FALSE(log->enabled());
  EXPECT_TRUE(log->SelectsCall("thanos.Store", "Series"));
  EXPECT_FALSE(log->SelectsCall("thanos.Store", "LabelNames"));
  telemetry::LogOptions options;
  options.level = telemetry::LogLevel::kDebug;
  telemetry::ConfigureLogging(options);
  ::testing::internal::CaptureStderr();
  const rpc::CallLog write = log->GrpcLog();
  rpc::CallRecord call{
      .service = "thanos.Store", .method = "Series", .peer = "ipv4:1.2.3.4:5", .request_id = "id-1"};
  write(call);
  call.finished = true;
  call.code = "Unavailable";
  write(call);
  call.method = "LabelNames";
  write(call);
  const std::string lines = ::testing::internal::GetCapturedStderr();
  telemetry::ConfigureLogging({});
  EXPECT_THAT(lines,
              HasSubstr("level=debug msg=\"started call\" grpc.service=thanos.Store grpc.method=Series "
                        "grpc.request_id=id-1 peer.address=ipv4:1.2.3.4:5"));
  EXPECT_THAT(lines,
              HasSubstr("level=error msg=\"finished call\" grpc.service=thanos.Store grpc.method=Series "
                        "grpc.request_id=id-1 grpc.code=Unavailable grpc.time_ms="));
  EXPECT_THAT(lines, Not(HasSubstr("LabelNames")));
  EXPECT_FALSE(RequestLog::Parse("options: {level: INFO}")->GrpcLog());
}

}  // namespace
}  // namespace thanos::app
