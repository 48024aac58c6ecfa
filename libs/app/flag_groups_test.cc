#include "app/flag_groups.h"

#include <gtest/gtest.h>

#include "app/http_metrics.h"

namespace thanos::app {
namespace {

TEST(FlagGroupsTest, ServerAndClientOptionsFollowTheFlags) {
  config::FlagSet flags("query", "");
  LogFlags log;
  GrpcServerFlags server;
  GrpcClientFlags client;
  StoreLimitFlags limits;
  TimeRangeFlags range;
  log.AddTo(flags);
  server.AddTo(flags);
  client.AddTo(flags);
  limits.AddTo(flags);
  range.AddTo(flags);
  const char* arguments[] = {"x",
                             "--log.level=debug",
                             "--log.format=json",
                             "--grpc-address=127.0.0.1:1",
                             "--grpc-server-tls-cert=c",
                             "--grpc-server-max-connection-age=5m",
                             "--grpc-client-tls-secure",
                             "--grpc-client-server-name=n",
                             "--store.limits.request-series=9",
                             "--min-time=-2w"};
  ASSERT_EQ(flags.Parse(std::size(arguments), arguments).action, config::FlagSet::Outcome::Action::kRun);
  EXPECT_EQ(log.Options()->level, telemetry::LogLevel::kDebug);
  EXPECT_EQ(log.Options()->format, telemetry::LogFormat::kJson);
  EXPECT_EQ(server.Options().address, "127.0.0.1:1");
  EXPECT_EQ(server.Options().tls.cert_file, "c");
  EXPECT_EQ(server.Options().tls.min_version, "1.3");
  EXPECT_EQ(server.Options().max_connection_age, std::chrono::minutes(5));
  EXPECT_TRUE(client.Options().tls.enabled);
  EXPECT_EQ(client.Options().tls.server_name, "n");
  EXPECT_EQ(limits.request_series, 9);
  EXPECT_EQ(range.min_time.text, "-2w");
}

TEST(HandlerNameTest, IsTheNameThanosUses) {
  EXPECT_EQ(HandlerName("/api/v1/query"), "query");
  EXPECT_EQ(HandlerName("/api/v1/query_range"), "query_range");
  EXPECT_EQ(HandlerName("/prefix/api/v1/labels"), "label_names");
  EXPECT_EQ(HandlerName("/api/v1/label/:name/values"), "label_values");
  EXPECT_EQ(HandlerName("/*"), "_");
  EXPECT_EQ(HandlerName("/"), "root");
}

}  // namespace
}  // namespace thanos::app
