#include "storeapi/query_api_client.h"

#include <algorithm>
#include <grpcpp/grpcpp.h>
#include <utility>

#include "base/strings.h"
#include "proto/thanos/query.grpc.pb.h"
#include "rpc/status.h"
#include "storeapi/caller_metadata.h"
#include "storeapi/request_codec.h"

namespace thanos::storeapi {
namespace {

// The enumeration of the wire.
constexpr int32_t kEnginePrometheus = 1;
constexpr int32_t kEngineThanos = 2;

int64_t Seconds(int64_t ms) {
  return ms / 1000;
}

// What both requests have.
template <typename Message>
void FillCommon(const QueryCall& call, Message* message) {
  message->set_query(call.query);
  message->set_timeout_seconds(std::chrono::ceil<std::chrono::seconds>(call.timeout).count());
  message->set_max_resolution_seconds(Seconds(call.max_resolution_ms));
  for (const std::string& label : call.replica_labels) {
    message->add_replica_labels(label);
  }
  for (const std::vector<labels::Matcher>& matchers : call.store_matchers) {
    MatchersToProto(matchers, message->add_storematchers()->mutable_labelmatchers());
  }
  message->set_enablededup(call.deduplicate);
  message->set_enablepartialresponse(call.partial_response == PartialResponse::kWarn);
  if (call.shard.total_shards > 0) {
    auto* const shard = message->mutable_shard_info();
    shard->set_shard_index(call.shard.shard_index);
    shard->set_total_shards(call.shard.total_shards);
    shard->set_by(call.shard.by);
    for (const std::string& label : call.shard.labels) {
      shard->add_labels(label);
    }
  }
  message->set_lookback_delta_seconds(Seconds(call.lookback_ms));
  message->set_engine(call.engine == "thanos" ? kEngineThanos
                                              : (call.engine == "prometheus" ? kEnginePrometheus : 0));
  message->set_response_batch_size(call.response_batch_size);
}

base::Status AddSeries(const ::prometheus::TimeSeries& from, QueryApiAnswer* answer) {
  if (from.histograms_size() > 0) {
    return base::Unimplemented("the answer holds native histograms");
  }
  std::vector<labels::LabelView> views;
  for (const auto& label : from.labels()) {
    views.push_back({label.name(), label.value()});
  }
  std::ranges::sort(views, {}, [](const labels::LabelView& view) { return view.name; });
  for (size_t i = 1; i < views.size(); ++i) {
    if (views[i - 1].name == views[i].name) {
      return base::DataLoss("the answer holds a series with two labels of the name ",
                            base::Quote(views[i].name));
    }
  }
  QueryApiSeries& series = answer->series.emplace_back();
  series.labels = labels::Labels(views);
  series.timestamps.reserve(static_cast<size_t>(from.samples_size()));
  series.values.reserve(static_cast<size_t>(from.samples_size()));
  for (const auto& sample : from.samples()) {
    series.timestamps.push_back(sample.timestamp());
    series.values.push_back(sample.value());
  }
  return base::OkStatus();
}

template <typename Frame>
base::Status AddFrame(const Frame& frame, QueryApiAnswer* answer) {
  switch (frame.result_case()) {
    case Frame::kWarnings:
      answer->warnings.push_back(frame.warnings());
      return base::OkStatus();
    case Frame::kTimeseries:
      return AddSeries(frame.timeseries(), answer);
    case Frame::kTimeseriesBatch:
      for (const auto& series : frame.timeseries_batch().series()) {
        TH_RETURN_IF_ERROR(AddSeries(series, answer));
      }
      return base::OkStatus();
    case Frame::kStats:
      answer->samples_total = frame.stats().samples_total();
      answer->peak_samples = frame.stats().peak_samples();
      return base::OkStatus();
    default:
      return base::OkStatus();
  }
}

class RemoteQueryApi final : public QueryApi {
 public:
  RemoteQueryApi(std::shared_ptr<grpc::Channel> channel, RemoteQueryOptions options)
      : options_(options), stub_(std::move(channel)) {}

  base::StatusOr<QueryApiAnswer> Evaluate(const base::CancelToken& cancel, const QueryCall& call) override {
    if (!call.range) {
      ::thanos::QueryRequest request;
      FillCommon(call, &request);
      request.set_time_seconds(Seconds(call.start_ms));
      return Read<::thanos::QueryResponse>(
          cancel, call, [&](grpc::ClientContext* context) { return stub_.Query(context, request); });
    }
    ::thanos::QueryRangeRequest request;
    FillCommon(call, &request);
    request.set_start_time_seconds(Seconds(call.start_ms));
    request.set_end_time_seconds(Seconds(call.end_ms));
    request.set_interval_seconds(Seconds(call.step_ms));
    return Read<::thanos::QueryRangeResponse>(
        cancel, call, [&](grpc::ClientContext* context) { return stub_.QueryRange(context, request); });
  }

 private:
  template <typename Frame, typename Start>
  base::StatusOr<QueryApiAnswer> Read(const base::CancelToken& cancel, const QueryCall& call, Start start) {
    TH_RETURN_IF_ERROR(cancel.status());
    TH_RETURN_IF_ERROR(CheckTenant(call.tenant));
    grpc::ClientContext context;
    const base::CancelRegistration registration = rpc::SetContext(context, cancel);
    AddCallerMetadata(context, call.tenant, call.request_id);
    const auto reader = start(&context);
    QueryApiAnswer answer;
    Frame frame;
    size_t received_bytes = 0;
    base::Status status;
    while (status.ok() && reader->Read(&frame)) {
      received_bytes += frame.ByteSizeLong();
      status = received_bytes > options_.max_answer_bytes
                   ? base::ResourceExhausted("answer is larger than ", options_.max_answer_bytes, " bytes")
                   : AddFrame(frame, &answer);
      frame.Clear();
    }
    if (!status.ok()) {
      context.TryCancel();
      reader->Finish();
      return status;
    }
    status = rpc::FromGrpc(reader->Finish());
    if (!status.ok()) {
      const base::Status reason = cancel.status();
      return reason.ok() ? status : reason;
    }
    return answer;
  }

  const RemoteQueryOptions options_;
  ::thanos::Query::Stub stub_;
};

}  // namespace

std::unique_ptr<QueryApi> MakeRemoteQueryApi(std::shared_ptr<grpc::Channel> channel,
                                             RemoteQueryOptions options) {
  return std::make_unique<RemoteQueryApi>(std::move(channel), options);
}

}  // namespace thanos::storeapi
