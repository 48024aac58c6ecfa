#include "storeapi/request_codec.h"

#include <cstdint>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <limits>

namespace thanos::storeapi {
namespace {

SeriesRequest FullRequest() {
  SeriesRequest request;
  request.min_time_ms = -5;
  request.max_time_ms = 1'700'000'000'000;
  request.matchers = {labels::Matcher::Equal("a", "1"), labels::Matcher::NotEqual("b", ""),
                      *labels::Matcher::Create(labels::MatchType::kRegexp, "c", "x|y"),
                      *labels::Matcher::Create(labels::MatchType::kNotRegexp, "d", ".+")};
  request.max_resolution_ms = 300'000;
  request.aggregates = {series::Aggregate::kCount, series::Aggregate::kCounter};
  request.partial_response = PartialResponse::kAbort;
  request.skip_chunks = true;
  request.hints = {
      .step_ms = 15, .function = "rate", .grouping_by = true, .grouping_labels = {"a"}, .range_ms = 300};
  request.shard = {.shard_index = 1, .total_shards = 3, .by = true, .labels = {"pod"}};
  request.without_replica_labels = {"replica", "rule_replica"};
  request.limit = 12;
  request.response_batch_size = 64;
  google::protobuf::Any hints;
  hints.set_type_url("type.googleapis.com/hintspb.SeriesRequestHints");
  hints.set_value("abc");
  request.request_hints = hints.SerializeAsString();
  return request;
}

TEST(RequestCodecTest, SeriesRequestSurvivesTheWire) {
  const SeriesRequest want = FullRequest();
  ::thanos::SeriesRequest message;
  ToProto(want, &message);
  const base::StatusOr<SeriesRequest> got = FromProto(message);
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_EQ(got->min_time_ms, want.min_time_ms);
  EXPECT_EQ(got->max_time_ms, want.max_time_ms);
  EXPECT_EQ(got->matchers, want.matchers);
  EXPECT_EQ(got->max_resolution_ms, want.max_resolution_ms);
  EXPECT_EQ(got->aggregates, want.aggregates);
  EXPECT_EQ(got->partial_response, want.partial_response);
  EXPECT_EQ(got->skip_chunks, want.skip_chunks);
  EXPECT_EQ(got->hints.function, "rate");
  EXPECT_EQ(got->hints.range_ms, 300);
  EXPECT_EQ(got->hints.step_ms, 15);
  EXPECT_TRUE(got->hints.grouping_by);
  EXPECT_EQ(got->hints.grouping_labels, want.hints.grouping_labels);
  EXPECT_EQ(got->shard.total_shards, 3);
  EXPECT_EQ(got->shard.labels, want.shard.labels);
  EXPECT_EQ(got->without_replica_labels, want.without_replica_labels);
  EXPECT_EQ(got->limit, 12);
  EXPECT_EQ(got->response_batch_size, 64);
  EXPECT_EQ(got->request_hints, want.request_hints);
}

TEST(RequestCodecTest, OldPeersDisablePartialResponseByFlag) {
  ::thanos::SeriesRequest message;
  message.set_partial_response_disabled(true);
  EXPECT_EQ(FromProto(message)->partial_response, PartialResponse::kAbort);
}

TEST(RequestCodecTest, BadMatchersAreInvalidArguments) {
  ::thanos::LabelNamesRequest message;
  message.add_matchers()->set_type(static_cast<::thanos::LabelMatcher::Type>(7));
  EXPECT_EQ(FromProto(message).status().code(), base::StatusCode::kInvalidArgument);
  message.mutable_matchers(0)->set_type(::thanos::LabelMatcher::RE);
  message.mutable_matchers(0)->set_value("(");
  EXPECT_EQ(FromProto(message).status().code(), base::StatusCode::kInvalidArgument);
}

TEST(RequestCodecTest, LabelAnswersAreSortedAndUnique) {
  ::thanos::LabelValuesResponse message;
  for (const char* const value : {"b", "a", "b"}) {
    message.add_values(value);
  }
  message.add_warnings("w");
  const LabelsResponse response = FromProto(message);
  EXPECT_THAT(response.values, testing::ElementsAre("a", "b"));
  EXPECT_THAT(response.warnings, testing::ElementsAre("w"));
}

TEST(RequestCodecTest, InfoSurvivesTheWire) {
  EndpointInfo want;
  want.component = "sidecar";
  want.has_store = true;
  want.store.label_sets = {labels::Labels({{"cluster", "eu1"}}), labels::Labels()};
  want.store.min_time_ms = 1;
  want.store.max_time_ms = std::numeric_limits<int64_t>::max();
  want.store.supports_sharding = true;
  want.store.supports_without_replica_labels = true;
  want.store.tsdb_infos = {{labels::Labels({{"cluster", "eu1"}}), 1, 2}};
  want.apis.rules = true;
  want.apis.exemplars = true;
  ::thanos::info::InfoResponse message;
  ToProto(want, &message);
  const base::StatusOr<EndpointInfo> got = FromProto(message);
  ASSERT_TRUE(got.ok());
  EXPECT_EQ(got->component, "sidecar");
  EXPECT_TRUE(got->has_store);
  EXPECT_EQ(got->store.label_sets, want.store.label_sets);
  EXPECT_EQ(got->store.max_time_ms, want.store.max_time_ms);
  EXPECT_TRUE(got->store.supports_sharding);
  EXPECT_TRUE(got->store.supports_without_replica_labels);
  ASSERT_EQ(got->store.tsdb_infos.size(), 1U);
  EXPECT_EQ(got->store.tsdb_infos[0].external_labels, want.store.tsdb_infos[0].external_labels);
  EXPECT_EQ(got->apis, want.apis);
}

TEST(RequestCodecTest, RepeatedLabelNamesInInfoAreDamage) {
  ::thanos::info::InfoResponse message;
  ::thanos::ZLabelSet* const label_set = message.add_label_sets();
  label_set->add_labels()->set_name("a");
  label_set->add_labels()->set_name("a");
  EXPECT_EQ(FromProto(message).status().code(), base::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace thanos::storeapi
