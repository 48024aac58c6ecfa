#include "app/probe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace thanos::app {
namespace {

using ::testing::HasSubstr;

TEST(ProbeTest, FollowsItsState) {
  const auto metrics = telemetry::Registry::Create();
  Probe probe("store", *metrics);
  EXPECT_EQ(probe.Healthy().status, 503);
  EXPECT_EQ(probe.Ready().status, 503);
  EXPECT_THAT(metrics->Expose(), HasSubstr("thanos_status{check=\"ready\",component=\"store\"} 0"));
  probe.SetHealthy();
  EXPECT_EQ(probe.Healthy().status, 200);
  EXPECT_EQ(probe.Healthy().body, "OK");
  EXPECT_FALSE(probe.ready());
  probe.SetReady();
  EXPECT_TRUE(probe.ready());
  EXPECT_EQ(probe.Ready().body, "OK");
  EXPECT_THAT(metrics->Expose(), HasSubstr("thanos_status{check=\"ready\",component=\"store\"} 1"));
  probe.SetNotReady(base::Unavailable("Prometheus is gone"));
  EXPECT_EQ(probe.Ready().status, 503);
  EXPECT_THAT(probe.Ready().body, HasSubstr("Prometheus is gone"));
}

}  // namespace
}  // namespace thanos::app
