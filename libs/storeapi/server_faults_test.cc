#include <chrono>
#include <future>
#include <gtest/gtest.h>
#include <memory>
#include <stdexcept>
#include <thread>
#include <vector>

#include "storeapi/client.h"
#include "storeapi/loopback_fixture.h"
#include "storeapi/server.h"

namespace thanos::storeapi {
namespace {

using StreamFaultTest = StoreLoopbackTest;
using std::chrono::milliseconds;
using std::chrono::seconds;

const base::CancelToken kNever;

TEST_F(StreamFaultTest, ClientThatLeavesStopsTheStore) {
  store.series = MakeSeries(3, 10);
  store.batch_size = 1;
  std::promise<base::Status> seen;
  store.before_batch = [&](const base::CancelToken& cancel) {
    if (store.num_batches < 2) {
      return base::OkStatus();
    }
    cancel.SleepFor(seconds(30));
    seen.set_value(cancel.status());
    return cancel.status();
  };
  Serve();
  RemoteStore client = Client();
  request.response_batch_size = 1;
  auto set = client.Series(kNever, request);
  ASSERT_TRUE(set.ok());
  series::SeriesBatch batch;
  const auto more = (*set)->Next(kNever, &batch);
  ASSERT_TRUE(more.ok()) << more.status();
  EXPECT_TRUE(*more);
  set->reset();
  EXPECT_EQ(seen.get_future().get().code(), base::StatusCode::kCancelled);
  EXPECT_TRUE(Eventually([&] { return store.open_sets == 0; }));
}

TEST_F(StreamFaultTest, CancelWakesAWaitingReader) {
  store.before_batch = [](const base::CancelToken& cancel) {
    cancel.SleepFor(seconds(30));
    return cancel.status();
  };
  Serve();
  RemoteStore client = Client();
  base::CancelSource source;
  auto set = client.Series(source.token(), request);
  ASSERT_TRUE(set.ok());
  std::thread canceller([&] {
    EXPECT_TRUE(Eventually([&] { return store.open_sets == 1; }));
    source.Cancel(base::Cancelled("enough"));
  });
  series::SeriesBatch batch;
  EXPECT_EQ((*set)->Next(source.token(), &batch).status(), base::Cancelled("enough"));
  canceller.join();
  EXPECT_TRUE(Eventually([&] { return store.open_sets == 0; }));
}

TEST_F(StreamFaultTest, DeadlineEndsBothSides) {
  std::promise<base::Status> seen;
  store.before_batch = [&](const base::CancelToken& cancel) {
    cancel.SleepFor(seconds(30));
    seen.set_value(cancel.status());
    return cancel.status();
  };
  Serve();
  RemoteStore client = Client();
  const base::CancelSource source(kNever, base::Duration(milliseconds(200)));
  const Collected got = Collect(source.token(), client, request);
  EXPECT_EQ(got.status.code(), base::StatusCode::kDeadlineExceeded) << got.status;
  const base::StatusCode at_store = seen.get_future().get().code();
  EXPECT_TRUE(at_store == base::StatusCode::kDeadlineExceeded || at_store == base::StatusCode::kCancelled);
}

TEST_F(StreamFaultTest, ResponseTimeoutEndsASilentStream) {
  store.series = MakeSeries(2, 10);
  store.batch_size = 1;
  store.before_batch = [&](const base::CancelToken& cancel) {
    if (store.num_batches == 0) {
      return base::OkStatus();
    }
    cancel.SleepFor(seconds(30));
    return cancel.status();
  };
  Serve();
  RemoteStore client = Client({.response_timeout = milliseconds(100)});
  request.response_batch_size = 1;
  const Collected got = Collect(kNever, client, request);
  EXPECT_EQ(got.series.size(), 1U);
  EXPECT_EQ(got.status, base::DeadlineExceeded("no data received within 100ms from fake:1"));
  EXPECT_TRUE(Eventually([&] { return store.open_sets == 0; }));
}

TEST_F(StreamFaultTest, SlowReaderStopsTheStoreAndHoldsNoThread) {
  constexpr int kNumSeries = 2000;
  store.series = MakeSeries(kNumSeries, 64 << 10);
  store.batch_size = 1;
  Serve({.max_buffered_bytes = 256 << 10});
  RemoteStore client = Client({.max_buffered_bytes = 256 << 10});
  request.response_batch_size = 1;
  // More streams than the pool has threads, none of them read.
  std::vector<std::unique_ptr<series::SeriesSet>> sets;
  for (int i = 0; i < 6; ++i) {
    sets.push_back(*client.Series(kNever, request));
  }
  // All of them get going, although nobody reads.
  EXPECT_TRUE(Eventually([&] { return store.num_calls == 6; }));
  series::SeriesBatch batch;
  ASSERT_TRUE(sets[5]->Next(kNever, &batch).ok());
  // Reading one goes on to its end, while the others stay where their buffers are full.
  size_t read = batch.series.size();
  while (*sets[5]->Next(kNever, &batch)) {
    read += batch.series.size();
  }
  EXPECT_EQ(read, static_cast<size_t>(kNumSeries));
  // Besides our buffers the transport holds what its windows allow, which grow with the bandwidth it
  // measures.
  EXPECT_LT(store.num_batches, kNumSeries + 5 * kNumSeries / 2);
  sets.clear();
  EXPECT_TRUE(Eventually([&] { return store.open_sets == 0; }));
}

TEST_F(StreamFaultTest, UnreachableServerIsUnavailable) {
  RemoteStore client(grpc::CreateChannel("127.0.0.1:1", grpc::InsecureChannelCredentials()), "nobody");
  EXPECT_EQ(Collect(kNever, client, request).status.code(), base::StatusCode::kUnavailable);
  EXPECT_EQ(client.LabelNames(kNever, {}).status().code(), base::StatusCode::kUnavailable);
}

TEST_F(StreamFaultTest, ServerThatDiesMidStreamIsUnavailable) {
  store.series = MakeSeries(2, 10);
  store.batch_size = 1;
  store.before_batch = [&](const base::CancelToken& cancel) {
    if (store.num_batches == 0) {
      return base::OkStatus();
    }
    cancel.SleepFor(seconds(30));
    return cancel.status();
  };
  Serve();
  RemoteStore client = Client();
  request.response_batch_size = 1;
  auto set = client.Series(kNever, request);
  ASSERT_TRUE(set.ok());
  series::SeriesBatch batch;
  EXPECT_TRUE((*set)->Next(kNever, &batch).ok());
  loopback.reset();
  const base::Status status = (*set)->Next(kNever, &batch).status();
  EXPECT_TRUE(status.code() == base::StatusCode::kUnavailable ||
              status.code() == base::StatusCode::kCancelled)
      << status;
}

TEST_F(StreamFaultTest, ManyStreamsAbandonedAtRandomPoints) {
  store.series = MakeSeries(300, 2000);
  store.batch_size = 5;
  Serve({.max_buffered_bytes = 10'000});
  RemoteStore client = Client({.max_buffered_bytes = 10'000});
  for (int i = 0; i < 100; ++i) {
    request.response_batch_size = 1 + i % 9;
    auto set = client.Series(kNever, request);
    ASSERT_TRUE(set.ok());
    series::SeriesBatch batch;
    for (int reads = 0; reads < i % 7; ++reads) {
      ASSERT_TRUE((*set)->Next(kNever, &batch).ok());
    }
  }
  EXPECT_TRUE(Eventually([&] { return store.open_sets == 0; }));
}

TEST_F(StoreLoopbackTest, AnExceptionOfALibraryFailsItsCallOnly) {
  store.series = MakeSeries(3, 10);
  store.before_batch = [](const base::CancelToken&) -> base::Status { throw std::runtime_error("too long"); };
  const auto metrics = telemetry::Registry::Create();
  StoreServer server(store, pool, *metrics);
  {
    LoopbackServer served({&server.service()});
    RemoteStore client(served.channel(), "fake:1");
    EXPECT_EQ(Collect({}, client, request).status.code(), base::StatusCode::kInternal);
    EXPECT_EQ(client.LabelNames({}, {}).status().code(), base::StatusCode::kInternal);
    store.before_batch = nullptr;
    EXPECT_TRUE(Collect({}, client, request).status.ok());
  }
  EXPECT_EQ(metrics->AddCounter("grpc_req_panics_recovered_total", "").Value(), 2);
}

TEST_F(StoreLoopbackTest, CallsOverALimitAreCounted) {
  store.series = MakeSeries(3, 10);
  const auto metrics = telemetry::Registry::Create();
  StoreServer server(store, pool, *metrics, {.max_series = 2});
  {
    LoopbackServer served({&server.service()});
    RemoteStore client(served.channel(), "fake:1");
    EXPECT_EQ(Collect({}, client, request).status.code(), base::StatusCode::kResourceExhausted);
  }
  EXPECT_EQ(metrics->AddCounter("thanos_store_selects_dropped_total", "", {{"reason", "series"}}).Value(), 1);
}

}  // namespace
}  // namespace thanos::storeapi
