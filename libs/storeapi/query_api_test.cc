#include "storeapi/query_api.h"

#include <optional>

#include "storeapi/loopback_fixture.h"
#include "storeapi/query_api_client.h"
#include "storeapi/query_api_server.h"

namespace thanos::storeapi {
namespace {

class FakeQueryApi final : public QueryApi {
 public:
  QueryApiAnswer answer;
  base::Status status;

  base::StatusOr<QueryApiAnswer> Evaluate(const base::CancelToken&, const QueryCall& call) override {
    base::MutexLock lock(mutex_);
    last_ = call;
    if (!status.ok()) {
      return status;
    }
    return answer;
  }
  // Runs `change` while no call reads the answer.
  template <typename Change>
  void Update(Change change) {
    base::MutexLock lock(mutex_);
    change();
  }
  QueryCall last() {
    base::MutexLock lock(mutex_);
    return last_;
  }

 private:
  base::Mutex mutex_;
  QueryCall last_ ABSL_GUARDED_BY(mutex_);
};

class QueryApiTest : public testing::Test {
 protected:
  FakeQueryApi api_;
  concurrency::ThreadPool pool_{"queries", 2};
  std::unique_ptr<rpc::ServiceAdaptor> server_ = MakeQueryApiServer(api_, pool_);
  LoopbackServer loopback_{{&server_->service()}};
  std::unique_ptr<QueryApi> remote_ = MakeRemoteQueryApi(loopback_.channel(), {.max_answer_bytes = 4000});
};

TEST_F(QueryApiTest, EverythingOfARangeQueryArrives) {
  QueryCall call;
  call.query = "sum(up)";
  call.range = true;
  call.start_ms = 60'000;
  call.end_ms = 120'000;
  call.step_ms = 15'000;
  call.timeout = std::chrono::seconds(7);
  call.max_resolution_ms = 300'000;
  call.replica_labels = {"replica"};
  call.store_matchers = {{labels::Matcher::Equal("__address__", "a:1")}};
  call.deduplicate = false;
  call.partial_response = PartialResponse::kAbort;
  call.shard = {.shard_index = 1, .total_shards = 3, .by = true, .labels = {"pod"}};
  call.lookback_ms = 90'000;
  call.engine = "thanos";
  call.tenant = "team";
  call.request_id = "id-1";
  for (const int64_t batch_size : {0, 2}) {
    call.response_batch_size = batch_size;
    api_.Update([&] {
      api_.answer = {.series = {{labels::Labels({{"a", "1"}}), {60'000, 75'000}, {1, 2}},
                                {labels::Labels({{"a", "2"}}), {60'000}, {3}},
                                {labels::Labels(), {60'000}, {4}}},
                     .warnings = {"careful"},
                     .samples_total = 10,
                     .peak_samples = 5};
    });
    const auto answer = remote_->Evaluate({}, call);
    ASSERT_TRUE(answer.ok()) << answer.status();
    ASSERT_EQ(answer->series.size(), 3U);
    EXPECT_EQ(answer->series[0].labels, labels::Labels({{"a", "1"}}));
    EXPECT_EQ(answer->series[0].timestamps, (std::vector<int64_t>{60'000, 75'000}));
    EXPECT_EQ(answer->series[0].values, (std::vector<double>{1, 2}));
    EXPECT_TRUE(answer->series[2].labels.empty());
    EXPECT_EQ(answer->warnings, std::vector<std::string>{"careful"});
    EXPECT_EQ(answer->samples_total, 10);
    EXPECT_EQ(answer->peak_samples, 5);
  }
  const QueryCall received = api_.last();
  EXPECT_EQ(received.query, call.query);
  EXPECT_TRUE(received.range);
  EXPECT_EQ(received.start_ms, call.start_ms);
  EXPECT_EQ(received.end_ms, call.end_ms);
  EXPECT_EQ(received.step_ms, call.step_ms);
  EXPECT_EQ(received.timeout, call.timeout);
  EXPECT_EQ(received.max_resolution_ms, call.max_resolution_ms);
  EXPECT_EQ(received.replica_labels, call.replica_labels);
  ASSERT_EQ(received.store_matchers.size(), 1U);
  EXPECT_EQ(received.store_matchers[0], call.store_matchers[0]);
  EXPECT_FALSE(received.deduplicate);
  EXPECT_EQ(received.partial_response, PartialResponse::kAbort);
  EXPECT_EQ(received.shard.total_shards, 3);
  EXPECT_EQ(received.shard.labels, call.shard.labels);
  EXPECT_EQ(received.lookback_ms, call.lookback_ms);
  EXPECT_EQ(received.engine, "thanos");
  EXPECT_EQ(received.tenant, "team");
  EXPECT_EQ(received.request_id, "id-1");
}

TEST_F(QueryApiTest, AnInstantQueryHasOneTimeAndTheDefaultTenant) {
  QueryCall call;
  call.query = "up";
  call.start_ms = 5000;
  ASSERT_TRUE(remote_->Evaluate({}, call).ok());
  EXPECT_FALSE(api_.last().range);
  EXPECT_EQ(api_.last().start_ms, 5000);
  EXPECT_EQ(api_.last().end_ms, 5000);
  EXPECT_EQ(api_.last().tenant, kDefaultTenant);
  EXPECT_EQ(api_.last().engine, "");
}

TEST_F(QueryApiTest, ErrorsKeepTheirCodeAndAnswersAreBounded) {
  api_.status = base::Aborted("receive series from a:1: gone");
  QueryCall call;
  call.query = "up";
  EXPECT_EQ(remote_->Evaluate({}, call).status().code(), base::StatusCode::kAborted);
  api_.Update([&] { api_.status = base::OkStatus(); });
  for (int i = 0; i < 100; ++i) {
    api_.answer.series.push_back({labels::Labels({{"a", std::string(100, 'x')}}), {i}, {1}});
  }
  EXPECT_EQ(remote_->Evaluate({}, call).status().code(), base::StatusCode::kResourceExhausted);
  call.range = true;
  EXPECT_EQ(remote_->Evaluate({}, call).status().code(), base::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace thanos::storeapi
