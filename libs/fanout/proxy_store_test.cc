#include "fanout/proxy_store.h"

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string_view>
#include <thread>
#include <utility>

#include "storeapi/fake_store.h"

namespace thanos::fanout {
namespace {

using labels::Labels;
using labels::Matcher;
using std::chrono::milliseconds;
using std::chrono::seconds;
using storeapi::FakeStore;
using storeapi::PartialResponse;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const base::CancelToken kNever;

struct Answer {
  std::vector<std::string> series;  // label sets as text, with the number of chunks
  std::vector<std::string> warnings;
  base::Status status;
};

Answer Collect(const base::CancelToken& cancel, storeapi::Store& store,
               const storeapi::SeriesRequest& request) {
  Answer answer;
  auto set = store.Series(cancel, request);
  answer.status = set.status();
  series::SeriesBatch batch;
  while (answer.status.ok()) {
    const auto more = (*set)->Next(cancel, &batch);
    answer.status = more.status();
    if (!more.ok() || !*more) {
      break;
    }
    for (const series::Series& series : batch.series) {
      answer.series.push_back(base::Concat(labels::ToString(series.labels), " ", series.chunks.size()));
    }
    answer.warnings.insert(answer.warnings.end(), batch.warnings.begin(), batch.warnings.end());
  }
  return answer;
}

storeapi::FakeSeries MakeSeries(std::initializer_list<std::pair<std::string_view, std::string_view>> labels,
                                int64_t min_time_ms) {
  return {.labels = Labels(labels),
          .chunks = {{min_time_ms, min_time_ms + 1, base::Concat("data", min_time_ms)}}};
}

class ProxyStoreTest : public testing::Test {
 protected:
  ProxyStoreTest() { request.matchers = {Matcher::Equal("__name__", "up")}; }

  // A store with `series` under the address "name".
  FakeStore& Add(std::string name, std::vector<storeapi::FakeSeries> series,
                 std::vector<Labels> label_sets = {}) {
    auto store = std::make_shared<FakeStore>();
    store->series = std::move(series);
    StoreRef ref;
    ref.store = store;
    ref.name = std::move(name);
    ref.info.label_sets = std::move(label_sets);
    ref.info.min_time_ms = 0;
    ref.info.max_time_ms = 1'000'000;
    ref.info.supports_sharding = true;
    ref.info.supports_without_replica_labels = true;
    stores.push_back(std::move(ref));
    return *store;
  }
  ProxyStore& Proxy(ProxyStoreOptions options = {}) {
    provider_ = std::make_unique<FixedStores>(stores);
    proxy_ = std::make_unique<ProxyStore>(*provider_, pool_, *metrics, std::move(options));
    return *proxy_;
  }

  StoreList stores;
  storeapi::SeriesRequest request;
  std::unique_ptr<telemetry::Registry> metrics = telemetry::Registry::Create();

 private:
  concurrency::ThreadPool pool_{"fanout", 4};
  std::unique_ptr<FixedStores> provider_;
  std::unique_ptr<ProxyStore> proxy_;
};

base::Status HangUntilCancelled(const base::CancelToken& cancel) {
  cancel.SleepFor(seconds(30));
  return cancel.status();
}

TEST_F(ProxyStoreTest, MergesSeriesOfAllStores) {
  Add("a:1",
      {MakeSeries({{"__name__", "up"}, {"i", "1"}}, 1), MakeSeries({{"__name__", "up"}, {"i", "3"}}, 1)});
  Add("b:1",
      {MakeSeries({{"__name__", "up"}, {"i", "1"}}, 2), MakeSeries({{"__name__", "up"}, {"i", "2"}}, 1)});
  const Answer answer = Collect(kNever, Proxy(), request);
  EXPECT_TRUE(answer.status.ok()) << answer.status;
  EXPECT_THAT(answer.series, ElementsAre(R"({__name__="up", i="1"} 2)", R"({__name__="up", i="2"} 1)",
                                         R"({__name__="up", i="3"} 1)"));
  EXPECT_THAT(answer.warnings, IsEmpty());
}

TEST_F(ProxyStoreTest, AsksOnlyStoresThatMayHoldData) {
  FakeStore& eu = Add("eu:1", {}, {Labels({{"cluster", "eu1"}})});
  FakeStore& us = Add("us:1", {}, {Labels({{"cluster", "us1"}})});
  request.matchers = {Matcher::Equal("cluster", "eu1")};
  EXPECT_TRUE(Collect(kNever, Proxy(), request).status.ok());
  EXPECT_EQ(eu.num_calls, 1);
  EXPECT_EQ(us.num_calls, 0);
  // Matchers on external labels travel unchanged.
  EXPECT_EQ(eu.last_request().matchers, request.matchers);
  request.min_time_ms = 2'000'000;
  EXPECT_TRUE(Collect(kNever, Proxy(), request).status.ok());
  EXPECT_EQ(eu.num_calls, 1);
  EXPECT_THAT(metrics->Expose(), HasSubstr("thanos_proxy_store_empty_stream_responses_total 1"));
}

TEST_F(ProxyStoreTest, StoreMatchersNarrowTheStores) {
  Add("a:1", {MakeSeries({{"__name__", "up"}, {"i", "1"}}, 1)});
  Add("b:1", {MakeSeries({{"__name__", "up"}, {"i", "2"}}, 1)});
  const auto narrowed = Proxy().WithStoreMatchers({{Matcher::Equal("__address__", "b:1")}});
  EXPECT_THAT(Collect(kNever, *narrowed, request).series, ElementsAre(R"({__name__="up", i="2"} 1)"));
}

TEST_F(ProxyStoreTest, SelectorLabelsStopContradictions) {
  FakeStore& store = Add("a:1", {MakeSeries({{"__name__", "up"}}, 1)});
  const ProxyStoreOptions options{.selector_labels = Labels({{"region", "eu"}})};
  request.matchers.push_back(Matcher::Equal("region", "us"));
  EXPECT_THAT(Collect(kNever, Proxy(options), request).series, IsEmpty());
  EXPECT_EQ(store.num_calls, 0);
  request.matchers.back() = Matcher::Equal("region", "eu");
  EXPECT_EQ(Collect(kNever, Proxy(options), request).series.size(), 1U);
  EXPECT_EQ(store.last_request().matchers.size(), 1U);
  request.matchers.clear();
  EXPECT_EQ(Collect(kNever, Proxy(), request).status.code(), base::StatusCode::kInvalidArgument);
}

class ProxyFailureTest : public ProxyStoreTest {
 protected:
  ProxyFailureTest() {
    Add("good:1", {MakeSeries({{"__name__", "up"}, {"i", "1"}}, 1)});
    bad = &Add("bad:1", {MakeSeries({{"__name__", "up"}, {"i", "2"}}, 1)});
  }
  void ExpectWarnOrAbort(std::string_view text) {
    request.partial_response = PartialResponse::kWarn;
    const Answer warned = Collect(kNever, Proxy(), request);
    EXPECT_TRUE(warned.status.ok()) << warned.status;
    EXPECT_THAT(warned.series, testing::Contains(R"({__name__="up", i="1"} 1)"));
    EXPECT_THAT(warned.warnings, ElementsAre(std::string(text)));
    request.partial_response = PartialResponse::kAbort;
    const Answer aborted = Collect(kNever, Proxy(), request);
    EXPECT_EQ(aborted.status.code(), base::StatusCode::kAborted);
    EXPECT_EQ(base::Message(aborted.status), text);
  }
  FakeStore* bad = nullptr;
};

TEST_F(ProxyFailureTest, AtTheStart) {
  bad->open_status = base::Unavailable("connection refused");
  ExpectWarnOrAbort("receive series from bad:1: Unavailable: connection refused");
}

TEST_F(ProxyFailureTest, InTheMiddle) {
  bad->end_status = base::ResourceExhausted("too much");
  ExpectWarnOrAbort("receive series from bad:1: ResourceExhausted: too much");
  request.partial_response = PartialResponse::kWarn;
  EXPECT_EQ(Collect(kNever, Proxy(), request).series.size(), 2U);
}

TEST_F(ProxyFailureTest, KnownToBeDownIsToldWithoutACall) {
  stores[1].health = base::Unavailable("last check failed");
  ExpectWarnOrAbort("receive series from bad:1: Unavailable: last check failed");
  EXPECT_EQ(bad->num_calls, 0);
  // Only when it would have been asked.
  stores[1].info.max_time_ms = -1;
  request.min_time_ms = 0;
  EXPECT_THAT(Collect(kNever, Proxy(), request).warnings, IsEmpty());
}

TEST_F(ProxyFailureTest, AStoresOwnWarning) {
  bad->warnings = {"block 01ABC damaged"};
  ExpectWarnOrAbort("block 01ABC damaged");
}

TEST_F(ProxyFailureTest, AHangingStoreIsGivenUpBeforeTheDeadline) {
  bad->before_batch = HangUntilCancelled;
  const base::CancelSource source(kNever, base::Duration(seconds(1)));
  const Answer answer = Collect(source.token(), Proxy(), request);
  EXPECT_TRUE(answer.status.ok()) << answer.status;
  EXPECT_THAT(answer.series, ElementsAre(R"({__name__="up", i="1"} 1)"));
  ASSERT_EQ(answer.warnings.size(), 1U);
  EXPECT_THAT(answer.warnings[0], HasSubstr("receive series from bad:1: DeadlineExceeded"));
}

TEST_F(ProxyFailureTest, SeveralHangingStoresLeaveTimeForTheOthers) {
  bad->before_batch = HangUntilCancelled;
  Add("bad:2", {}).before_batch = HangUntilCancelled;
  Add("bad:3", {}).before_batch = HangUntilCancelled;
  Add("slow:1", {MakeSeries({{"__name__", "up"}, {"i", "3"}}, 1)}).batch_size = 1;
  const base::CancelSource source(kNever, base::Duration(seconds(2)));
  const Answer answer = Collect(source.token(), Proxy(), request);
  EXPECT_TRUE(answer.status.ok()) << answer.status;
  EXPECT_THAT(answer.series, ElementsAre(R"({__name__="up", i="1"} 1)", R"({__name__="up", i="3"} 1)"));
  EXPECT_EQ(answer.warnings.size(), 3U);
}

TEST_F(ProxyFailureTest, TheRequestsOwnEndIsNotAWarning) {
  bad->before_batch = HangUntilCancelled;
  base::CancelSource source;
  std::thread canceller([&] { source.Cancel(base::Cancelled("left")); });
  EXPECT_EQ(Collect(source.token(), Proxy(), request).status, base::Cancelled("left"));
  canceller.join();
  const base::CancelSource late(kNever, base::Duration(milliseconds(50)));
  request.partial_response = PartialResponse::kAbort;
  EXPECT_EQ(Collect(late.token(), Proxy(), request).status.code(), base::StatusCode::kDeadlineExceeded);
}

TEST_F(ProxyStoreTest, DropsReplicaLabelsAndShardsForStoresThatCannot) {
  Add("a:1", {MakeSeries({{"__name__", "up"}, {"i", "1"}, {"replica", "a"}}, 1),
              MakeSeries({{"__name__", "up"}, {"i", "2"}, {"replica", "a"}}, 1)});
  Add("b:1", {MakeSeries({{"__name__", "up"}, {"i", "1"}, {"replica", "b"}}, 2)});
  for (StoreRef& store : stores) {
    store.info.supports_without_replica_labels = false;
    store.info.supports_sharding = false;
  }
  request.without_replica_labels = {"replica"};
  EXPECT_THAT(Collect(kNever, Proxy(), request).series,
              ElementsAre(R"({__name__="up", i="1"} 2)", R"({__name__="up", i="2"} 1)"));
  size_t total = 0;
  for (int64_t shard = 0; shard < 3; ++shard) {
    request.shard = {.shard_index = shard, .total_shards = 3, .by = true, .labels = {"i"}};
    total += Collect(kNever, Proxy(), request).series.size();
  }
  EXPECT_EQ(total, 2U);
}

TEST_F(ProxyStoreTest, LimitsSeries) {
  Add("a:1",
      {MakeSeries({{"__name__", "up"}, {"i", "1"}}, 1), MakeSeries({{"__name__", "up"}, {"i", "3"}}, 1)});
  Add("b:1", {MakeSeries({{"__name__", "up"}, {"i", "2"}}, 1)});
  request.limit = 2;
  EXPECT_THAT(Collect(kNever, Proxy(), request).series,
              ElementsAre(R"({__name__="up", i="1"} 1)", R"({__name__="up", i="2"} 1)"));
}

TEST_F(ProxyStoreTest, NoStoreIsAnEmptyAnswer) {
  const Answer answer = Collect(kNever, Proxy(), request);
  EXPECT_TRUE(answer.status.ok());
  EXPECT_THAT(answer.series, IsEmpty());
}

TEST_F(ProxyStoreTest, LabelCallsAreUnited) {
  FakeStore& a = Add("a:1", {});
  FakeStore& b = Add("b:1", {});
  a.label_names.values = {"x", "z"};
  b.label_names.values = {"x", "y"};
  b.label_names.warnings = {"careful"};
  a.label_values.values = {"2"};
  b.label_values.values = {"1", "2", "3"};
  const auto names = Proxy().LabelNames(kNever, {});
  ASSERT_TRUE(names.ok()) << names.status();
  EXPECT_THAT(names->values, ElementsAre("x", "y", "z"));
  EXPECT_THAT(names->warnings, ElementsAre("careful"));
  storeapi::LabelValuesRequest values;
  values.limit = 2;
  EXPECT_THAT(Proxy().LabelValues(kNever, values)->values, ElementsAre("1", "2"));
}

TEST_F(ProxyStoreTest, FailingLabelCallsWarnOrAbort) {
  Add("a:1", {}).label_names.values = {"x"};
  FakeStore& bad = Add("b:1", {});
  bad.open_status = base::Unavailable("refused");
  storeapi::LabelNamesRequest names;
  const auto warned = Proxy().LabelNames(kNever, names);
  ASSERT_TRUE(warned.ok());
  EXPECT_THAT(warned->values, ElementsAre("x"));
  EXPECT_THAT(warned->warnings, ElementsAre("fetch label names from store b:1: Unavailable: refused"));
  names.partial_response = PartialResponse::kAbort;
  const base::Status aborted = Proxy().LabelNames(kNever, names).status();
  EXPECT_EQ(aborted.code(), base::StatusCode::kAborted);
  EXPECT_EQ(base::Message(aborted), "fetch label names from store b:1: Unavailable: refused");
  bad.open_status = base::OkStatus();
  bad.before_batch = HangUntilCancelled;
  names.partial_response = PartialResponse::kWarn;
  const base::CancelSource source(kNever, base::Duration(milliseconds(500)));
  const auto hanging = Proxy().LabelNames(source.token(), names);
  ASSERT_TRUE(hanging.ok()) << hanging.status();
  EXPECT_THAT(hanging->values, ElementsAre("x"));
  EXPECT_EQ(hanging->warnings.size(), 1U);
}

TEST_F(ProxyStoreTest, InfoIsTheUnion) {
  Add("a:1", {}, {Labels({{"cluster", "b"}}), Labels({{"cluster", "a"}})});
  Add("b:1", {}, {Labels({{"cluster", "a"}})});
  stores[1].info.min_time_ms = -5;
  const auto info = Proxy().Info();
  ASSERT_TRUE(info.ok());
  EXPECT_THAT(info->label_sets, ElementsAre(Labels({{"cluster", "a"}}), Labels({{"cluster", "b"}})));
  EXPECT_EQ(info->min_time_ms, -5);
  EXPECT_EQ(info->max_time_ms, 1'000'000);
}

}  // namespace
}  // namespace thanos::fanout
