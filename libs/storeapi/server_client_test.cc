#include <cstdint>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "base/hash.h"
#include "proto/thanos/info.grpc.pb.h"
#include "proto/thanos/store.grpc.pb.h"
#include "storeapi/client.h"
#include "storeapi/loopback_fixture.h"
#include "storeapi/request_codec.h"
#include "storeapi/server.h"

namespace thanos::storeapi {
namespace {

using StoreServerTest = StoreLoopbackTest;
using testing::ElementsAre;

const base::CancelToken kNever;

TEST_F(StoreServerTest, StreamsAllSeriesToOurClient) {
  store.series = MakeSeries(500, 100);
  store.warnings = {"careful"};
  store.batch_size = 7;
  Serve();
  RemoteStore client = Client();
  for (const int64_t batch_size : {0, 1, 3, 1000}) {
    request.response_batch_size = batch_size;
    const Collected got = Collect(kNever, client, request);
    ASSERT_TRUE(got.status.ok()) << got.status;
    EXPECT_THAT(got.warnings, ElementsAre("careful"));
    EXPECT_EQ(Instances(got.series), Instances(store.series));
    for (size_t i = 0; i < got.series.size(); ++i) {
      ASSERT_EQ(got.series[i].chunks.size(), 1U);
      EXPECT_EQ(got.series[i].chunks[0].data, store.series[i].chunks[0].data);
    }
    EXPECT_EQ(store.last_request().response_batch_size, batch_size == 0 ? 64 : batch_size);
  }
  EXPECT_TRUE(Eventually([&] { return store.open_sets == 0; }));
}

TEST_F(StoreServerTest, PassesRequestAndTenantThrough) {
  Serve();
  RemoteStore client = Client();
  request.min_time_ms = 5;
  request.without_replica_labels = {"replica"};
  request.tenant = "team-a";
  EXPECT_TRUE(Collect(kNever, client, request).status.ok());
  EXPECT_EQ(store.last_request().tenant, "team-a");
  EXPECT_EQ(store.last_request().min_time_ms, 5);
  EXPECT_EQ(store.last_request().matchers, request.matchers);
  request.tenant = "";
  EXPECT_TRUE(Collect(kNever, client, request).status.ok());
  EXPECT_EQ(store.last_request().tenant, kDefaultTenant);
}

TEST_F(StoreServerTest, StockStubReadsOurStream) {
  store.series = MakeSeries(5, 10);
  store.warnings = {"careful"};
  Serve();
  const auto stub = ::thanos::Store::NewStub(loopback->channel());
  for (const int64_t batch_size : {1, 2}) {
    request.response_batch_size = batch_size;
    ::thanos::SeriesRequest message;
    ToProto(request, &message);
    grpc::ClientContext context;
    const auto reader = stub->Series(&context, message);
    ::thanos::SeriesResponse response;
    std::vector<std::string> shape;
    while (reader->Read(&response)) {
      shape.push_back(response.has_series()  ? "series"
                      : response.has_batch() ? base::Concat("batch ", response.batch().series_size())
                                             : "warning");
    }
    EXPECT_TRUE(reader->Finish().ok());
    if (batch_size == 1) {
      EXPECT_THAT(shape, ElementsAre("warning", "series", "series", "series", "series", "series"));
    } else {
      EXPECT_THAT(shape, ElementsAre("warning", "batch 2", "batch 2", "batch 1"));
    }
  }
}

TEST_F(StoreServerTest, SendsHashesOfChunksUnlessTheClientDoesNotUseThem) {
  store.series = MakeSeries(1, 100);
  Serve();
  const auto stub = ::thanos::Store::NewStub(loopback->channel());
  for (const bool uses_hashes : {true, false}) {
    ::thanos::SeriesRequest message;
    ToProto(request, &message);
    grpc::ClientContext context;
    if (!uses_hashes) {
      context.AddMetadata(std::string(kNoChunkHashesMetadataKey), "1");
    }
    const auto reader = stub->Series(&context, message);
    ::thanos::SeriesResponse response;
    ASSERT_TRUE(reader->Read(&response));
    EXPECT_EQ(response.series().chunks(0).raw().hash(),
              uses_hashes ? base::XxHash64(store.series[0].chunks[0].data) : 0);
    EXPECT_FALSE(reader->Read(&response));
    EXPECT_TRUE(reader->Finish().ok());
  }
  RemoteStore client = Client();
  const auto set = client.Series(kNever, request);
  ASSERT_TRUE(set.ok()) << set.status();
  series::SeriesBatch batch;
  ASSERT_TRUE((*set)->Next(kNever, &batch).value());
  EXPECT_EQ(batch.series.at(0).chunks[0].raw.hash, 0U);
}

// A generated synchronous service as another implementation would answer.
class StockStore final : public ::thanos::Store::Service {
 public:
  grpc::Status Series(grpc::ServerContext*, const ::thanos::SeriesRequest*,
                      grpc::ServerWriter<::thanos::SeriesResponse>* writer) override {
    for (const char* const instance : {"a", "b"}) {
      ::thanos::SeriesResponse response;
      FillSeries(instance, response.mutable_series());
      writer->Write(response);
    }
    ::thanos::SeriesResponse response;
    response.mutable_hints()->set_type_url("x");
    writer->Write(response);
    response.set_warning("stock warning");
    writer->Write(response);
    FillSeries("c", response.mutable_batch()->add_series());
    FillSeries("d", response.mutable_batch()->add_series());
    writer->Write(response);
    return {grpc::StatusCode::ABORTED, "stock end"};
  }

 private:
  static void FillSeries(const std::string& instance, ::thanos::Series* series) {
    series->add_labels()->set_name("instance");
    series->mutable_labels(0)->set_value(instance);
    series->add_chunks()->mutable_raw()->set_data("chunk of " + instance);
  }
};

TEST(RemoteStoreTest, ReadsAStockServer) {
  StockStore service;
  const LoopbackServer server({&service});
  RemoteStore client(server.channel(), "stock");
  const Collected got = Collect(kNever, client, {});
  EXPECT_THAT(Instances(got.series), ElementsAre("a", "b", "c", "d"));
  EXPECT_EQ(got.series.at(3).chunks.at(0).data, "chunk of d");
  EXPECT_THAT(got.warnings, ElementsAre("stock warning"));
  EXPECT_EQ(got.status.code(), base::StatusCode::kAborted);
  EXPECT_EQ(base::Message(got.status), "stock end");
}

TEST_F(StoreServerTest, AnswersLabelCalls) {
  store.label_names.values = {"a", "b"};
  store.label_values.values = {"1"};
  store.label_values.warnings = {"w"};
  Serve();
  RemoteStore client = Client();
  const auto names = client.LabelNames(kNever, {});
  ASSERT_TRUE(names.ok()) << names.status();
  EXPECT_THAT(names->values, ElementsAre("a", "b"));
  LabelValuesRequest values_request;
  values_request.label = "a";
  const auto values = client.LabelValues(kNever, values_request);
  ASSERT_TRUE(values.ok());
  EXPECT_THAT(values->values, ElementsAre("1"));
  EXPECT_THAT(values->warnings, ElementsAre("w"));
  store.Update([&] { store.open_status = base::ResourceExhausted("too many"); });
  EXPECT_EQ(client.LabelNames(kNever, {}).status().code(), base::StatusCode::kResourceExhausted);
}

TEST_F(StoreServerTest, AnswersInfoAndFailsWhileNotReady) {
  store.info->label_sets = {labels::Labels({{"cluster", "eu1"}})};
  store.info->min_time_ms = 3;
  Serve();
  const auto endpoint = MakeEndpoint(loopback->channel(), "fake:1", {});
  const auto info = endpoint->Info(kNever);
  ASSERT_TRUE(info.ok()) << info.status();
  EXPECT_EQ(info->component, "fake");
  EXPECT_TRUE(info->has_store);
  EXPECT_EQ(info->store.label_sets, store.info->label_sets);
  EXPECT_EQ(endpoint->store().Info()->min_time_ms, 3);
  store.Update([&] { store.info = base::Unavailable("not ready"); });
  EXPECT_EQ(endpoint->Info(kNever).status().code(), base::StatusCode::kUnavailable);
}

TEST_F(StoreServerTest, MapsErrorsOfTheStore) {
  Serve();
  RemoteStore client = Client();
  for (const base::Status& want :
       {base::InvalidArgument("bad"), base::Aborted("part failed"), base::ResourceExhausted("limit"),
        base::Unavailable("down"), base::Internal("bug")}) {
    store.Update([&] { store.open_status = want; });
    EXPECT_EQ(Collect(kNever, client, request).status, want);
    store.Update([&] {
      store.open_status = base::OkStatus();
      store.end_status = want;
    });
    EXPECT_EQ(Collect(kNever, client, request).status, want);
    store.Update([&] { store.end_status = base::OkStatus(); });
  }
}

TEST_F(StoreServerTest, SendsWhatCameBeforeAnError) {
  store.series = MakeSeries(10, 10);
  store.end_status = base::Aborted("block damaged");
  Serve();
  RemoteStore client = Client();
  const Collected got = Collect(kNever, client, request);
  EXPECT_EQ(got.status, store.end_status);
}

TEST_F(StoreServerTest, RefusesMalformedRequests) {
  Serve();
  const auto stock = ::thanos::Store::NewStub(loopback->channel());
  ::thanos::SeriesRequest message;
  message.add_matchers()->set_type(::thanos::LabelMatcher::RE);
  message.mutable_matchers(0)->set_value("(");
  grpc::ClientContext context;
  const auto reader = stock->Series(&context, message);
  ::thanos::SeriesResponse response;
  EXPECT_FALSE(reader->Read(&response));
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(StoreServerTest, HoldsLimits) {
  store.series = MakeSeries(10, 10);
  Serve({.max_series = 5});
  RemoteStore client = Client();
  EXPECT_EQ(Collect(kNever, client, request).status.code(), base::StatusCode::kResourceExhausted);
  store.Update([&] { store.series.resize(5); });
  EXPECT_TRUE(Collect(kNever, client, request).status.ok());
  Serve({.max_samples = 4 * 120});
  RemoteStore samples_client = Client();
  EXPECT_EQ(Collect(kNever, samples_client, request).status.code(), base::StatusCode::kResourceExhausted);
  store.Update([&] { store.series.resize(4); });
  EXPECT_TRUE(Collect(kNever, samples_client, request).status.ok());
}

// gRPC ends the process over metadata that are not ASCII, and the tenant is a user's text.
TEST_F(StoreLoopbackTest, ATenantThatMetadataCannotCarryFailsTheCall) {
  store.series = MakeSeries(1, 10);
  Serve();
  RemoteStore client = Client();
  request.tenant = "t\xc3\xa9";
  EXPECT_EQ(Collect({}, client, request).status.code(), base::StatusCode::kInvalidArgument);
  LabelNamesRequest names;
  names.tenant = request.tenant;
  EXPECT_EQ(client.LabelNames({}, names).status().code(), base::StatusCode::kInvalidArgument);
  request.tenant = "team";
  request.request_id = "\xff";
  EXPECT_TRUE(Collect({}, client, request).status.ok());
  request.request_id = "id-7";
  EXPECT_TRUE(Collect({}, client, request).status.ok());
  EXPECT_EQ(store.last_request().request_id, "id-7");
  EXPECT_EQ(store.last_request().tenant, "team");
}

}  // namespace
}  // namespace thanos::storeapi
