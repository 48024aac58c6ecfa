#include "promapi/endpoint_json.h"

#include <gtest/gtest.h>

namespace thanos::promapi {
namespace {

std::string Envelope(const std::string& data) {
  return R"({"status":"success","data":)" + data + "}";
}

std::string Text(const ::thanos::ZLabelSet& label_set) {
  std::string text;
  for (const ::thanos::Label& label : label_set.labels()) {
    text += label.name() + "=" + label.value() + ";";
  }
  return text;
}

TEST(DecodeRulesTest, ReadsBothKindsOfRules) {
  const auto groups = DecodeRules(Envelope(
      R"({"groups":[{"name":"g","file":"f.yml","interval":15,"limit":3,"evaluationTime":0.25,)"
      R"("lastEvaluation":"2024-05-06T07:08:09.123456789+02:00","rules":[)"
      R"({"state":"firing","name":"Down","query":"up == 0","duration":60,"keepFiringFor":5,)"
      R"("labels":{"severity":"page","a":"b"},"annotations":{"summary":"s"},"alerts":[)"
      R"({"labels":{"job":"x"},"annotations":{},"state":"pending","activeAt":"2024-05-06T07:08:09Z","value":"1e+00"}],)"
      R"("health":"ok","evaluationTime":0.1,"lastEvaluation":"0001-01-01T00:00:00Z","type":"alerting"},)"
      R"({"name":"r","query":"1","health":"err","lastError":"bad","evaluationTime":0,)"
      R"("lastEvaluation":"2024-05-06T07:08:09Z","type":"recording"}]}],"groupNextToken:omitempty":""})"));
  ASSERT_TRUE(groups.ok()) << groups.status();
  ASSERT_EQ(groups->size(), 1U);
  const ::thanos::RuleGroup& group = (*groups)[0];
  EXPECT_EQ(group.file(), "f.yml");
  EXPECT_EQ(group.limit(), 3);
  EXPECT_EQ(group.last_evaluation().seconds(), 1714972089);
  EXPECT_EQ(group.last_evaluation().nanos(), 123456789);
  const ::thanos::Alert& alert = group.rules(0).alert();
  EXPECT_EQ(alert.state(), ::thanos::FIRING);
  EXPECT_EQ(alert.duration_seconds(), 60);
  EXPECT_EQ(alert.keep_firing_for_seconds(), 5);
  EXPECT_EQ(Text(alert.labels()), "a=b;severity=page;");
  EXPECT_EQ(alert.alerts(0).state(), ::thanos::PENDING);
  EXPECT_EQ(alert.alerts(0).value(), "1e+00");
  EXPECT_EQ(alert.alerts(0).active_at().seconds(), 1714979289);
  EXPECT_EQ(group.rules(1).recording().last_error(), "bad");
}

TEST(DecodeTargetsTest, ReadsActiveAndDroppedTargets) {
  const auto targets = DecodeTargets(Envelope(
      R"({"activeTargets":[{"discoveredLabels":{"__address__":"a:1"},"labels":{"job":"x"},"scrapePool":"p",)"
      R"("scrapeUrl":"http://a:1/metrics","globalUrl":"http://h:1/metrics","lastError":"boom",)"
      R"("lastScrape":"2024-05-06T07:08:09Z","lastScrapeDuration":0.5,"health":"down"}],)"
      R"("droppedTargets":[{"discoveredLabels":{"job":"y"}}],"droppedTargetCounts":{"p":1}})"));
  ASSERT_TRUE(targets.ok()) << targets.status();
  EXPECT_EQ(targets->activetargets(0).health(), ::thanos::ActiveTarget::DOWN);
  EXPECT_EQ(targets->activetargets(0).globalurl(), "http://h:1/metrics");
  EXPECT_EQ(Text(targets->droppedtargets(0).discoveredlabels()), "job=y;");
}

TEST(DecodeMetadataTest, ReadsEntriesByMetric) {
  const auto metadata =
      DecodeMetadata(Envelope(R"({"up":[{"type":"gauge","help":"h","unit":""},{"type":"counter"}]})"));
  ASSERT_TRUE(metadata.ok()) << metadata.status();
  EXPECT_EQ(metadata->metadata().at("up").metas_size(), 2);
}

TEST(DecodeExemplarsTest, ReadsValuesAndTimes) {
  const auto data = DecodeExemplars(Envelope(
      R"([{"seriesLabels":{"__name__":"x"},"exemplars":[{"labels":{"trace_id":"t"},"value":"0.5","timestamp":1600096945.479}]}])"));
  ASSERT_TRUE(data.ok()) << data.status();
  ASSERT_EQ(data->size(), 1U);
  EXPECT_EQ((*data)[0].exemplars(0).value(), 0.5);
  EXPECT_EQ((*data)[0].exemplars(0).ts(), 1600096945479);
  EXPECT_TRUE(DecodeExemplars(Envelope("[]"))->empty());
}

TEST(EndpointJsonTest, WrongShapesAreDataLoss) {
  for (const std::string data :
       {R"({"groups":[{"rules":[{"type":"other"}]}]})", R"({"groups":3})", R"({"groups":[1]})",
        R"({"groups":[{"name":1}]})", R"({"groups":[{"lastEvaluation":"yesterday"}]})",
        R"({"groups":[{"rules":[{"type":"alerting","state":"odd"}]}]})",
        R"({"groups":[{"rules":[{"type":"recording","labels":{"a":1}}]}]})"}) {
    EXPECT_EQ(DecodeRules(Envelope(data)).status().code(), base::StatusCode::kDataLoss) << data;
  }
  EXPECT_EQ(DecodeTargets(Envelope(R"({"activeTargets":[{"health":"odd"}]})")).status().code(),
            base::StatusCode::kDataLoss);
  EXPECT_EQ(DecodeMetadata(Envelope("[]")).status().code(), base::StatusCode::kDataLoss);
  EXPECT_EQ(DecodeMetadata(Envelope(R"({"up":{}})")).status().code(), base::StatusCode::kDataLoss);
  EXPECT_EQ(DecodeExemplars(Envelope(R"([{"exemplars":[{"value":"x"}]}])")).status().code(),
            base::StatusCode::kDataLoss);
  EXPECT_EQ(DecodeExemplars("{").status().code(), base::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace thanos::promapi
