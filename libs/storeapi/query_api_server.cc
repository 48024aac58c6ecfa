#include "storeapi/query_api_server.h"

#include <algorithm>
#include <grpcpp/grpcpp.h>
#include <limits>
#include <utility>

#include "proto/thanos/query.grpc.pb.h"
#include "storeapi/call_deadline.h"
#include "storeapi/caller_metadata.h"
#include "storeapi/frames_call.h"
#include "storeapi/guarded.h"
#include "storeapi/request_codec.h"

namespace thanos::storeapi {
namespace {

constexpr int32_t kEnginePrometheus = 1;
constexpr int32_t kEngineThanos = 2;
// Series of one frame at most, whatever a client asks for.
constexpr int64_t kMaxBatch = 10'000;

base::Status ToMs(int64_t seconds, std::string_view name, int64_t* ms) {
  if (seconds > std::numeric_limits<int64_t>::max() / 1000 ||
      seconds < std::numeric_limits<int64_t>::min() / 1000) {
    return base::InvalidArgument(name, " is out of range");
  }
  *ms = seconds * 1000;
  return base::OkStatus();
}

// What both requests have. Plans are another engine's: they stand for the query, which is sent along.
template <typename Message>
base::StatusOr<QueryCall> ReadCommon(const Message& message) {
  QueryCall call;
  call.query = message.query();
  if (call.query.empty() && message.has_queryplan()) {
    return base::Unimplemented("a query plan without the query cannot be read");
  }
  int64_t timeout_ms = 0;
  TH_RETURN_IF_ERROR(ToMs(message.timeout_seconds(), "timeout", &timeout_ms));
  call.timeout = std::chrono::milliseconds(std::clamp<int64_t>(timeout_ms, 0, int64_t{1} << 40));
  TH_RETURN_IF_ERROR(ToMs(message.max_resolution_seconds(), "max resolution", &call.max_resolution_ms));
  TH_RETURN_IF_ERROR(ToMs(message.lookback_delta_seconds(), "lookback delta", &call.lookback_ms));
  call.replica_labels.assign(message.replica_labels().begin(), message.replica_labels().end());
  for (const auto& set : message.storematchers()) {
    TH_ASSIGN_OR_RETURN(std::vector<labels::Matcher> matchers, MatchersFromProto(set.labelmatchers()));
    call.store_matchers.push_back(std::move(matchers));
  }
  call.deduplicate = message.enablededup();
  call.partial_response = message.enablepartialresponse() ? PartialResponse::kWarn : PartialResponse::kAbort;
  call.shard = {.shard_index = message.shard_info().shard_index(),
                .total_shards = message.shard_info().total_shards(),
                .by = message.shard_info().by(),
                .labels = {message.shard_info().labels().begin(), message.shard_info().labels().end()}};
  call.engine = message.engine() == kEngineThanos
                    ? "thanos"
                    : (message.engine() == kEnginePrometheus ? "prometheus" : "");
  call.response_batch_size = std::clamp<int64_t>(message.response_batch_size(), 0, kMaxBatch);
  return call;
}

base::StatusOr<QueryCall> Read(const ::thanos::QueryRequest& message) {
  TH_ASSIGN_OR_RETURN(QueryCall call, ReadCommon(message));
  TH_RETURN_IF_ERROR(ToMs(message.time_seconds(), "time", &call.start_ms));
  call.end_ms = call.start_ms;
  return call;
}

base::StatusOr<QueryCall> Read(const ::thanos::QueryRangeRequest& message) {
  TH_ASSIGN_OR_RETURN(QueryCall call, ReadCommon(message));
  call.range = true;
  TH_RETURN_IF_ERROR(ToMs(message.start_time_seconds(), "start time", &call.start_ms));
  TH_RETURN_IF_ERROR(ToMs(message.end_time_seconds(), "end time", &call.end_ms));
  TH_RETURN_IF_ERROR(ToMs(message.interval_seconds(), "interval", &call.step_ms));
  if (call.end_ms < call.start_ms) {
    return base::InvalidArgument("end time is before start time");
  }
  if (call.step_ms <= 0) {
    return base::InvalidArgument("interval must be positive");
  }
  return call;
}

void Fill(const QueryApiSeries& series, ::prometheus::TimeSeries* out) {
  for (const labels::LabelView& label : series.labels) {
    auto* const added = out->add_labels();
    added->set_name(std::string(label.name));
    added->set_value(std::string(label.value));
  }
  out->mutable_samples()->Reserve(static_cast<int>(series.timestamps.size()));
  for (size_t i = 0; i < series.timestamps.size(); ++i) {
    auto* const sample = out->add_samples();
    sample->set_timestamp(series.timestamps[i]);
    sample->set_value(series.values[i]);
  }
}

// Warnings, series one by one or in batches, statistics last.
template <typename Frame>
std::vector<Frame> Split(QueryApiAnswer answer, int64_t batch_size) {
  std::vector<Frame> frames;
  for (std::string& warning : answer.warnings) {
    frames.emplace_back().set_warnings(std::move(warning));
  }
  const size_t step = batch_size > 1 ? static_cast<size_t>(batch_size) : 1;
  for (size_t begin = 0; begin < answer.series.size(); begin += step) {
    Frame& frame = frames.emplace_back();
    if (step == 1) {
      Fill(answer.series[begin], frame.mutable_timeseries());
      answer.series[begin] = {};
      continue;
    }
    auto* const batch = frame.mutable_timeseries_batch();
    for (size_t i = begin; i < std::min(begin + step, answer.series.size()); ++i) {
      Fill(answer.series[i], batch->add_series());
      answer.series[i] = {};
    }
  }
  auto* const stats = frames.emplace_back().mutable_stats();
  stats->set_samples_total(answer.samples_total);
  stats->set_peak_samples(answer.peak_samples);
  return frames;
}

class QueryService final : public ::thanos::Query::WithCallbackMethod_Query<
                               ::thanos::Query::WithCallbackMethod_QueryRange<::thanos::Query::Service>> {
 public:
  QueryService(QueryApi& api, concurrency::ThreadPool& pool, telemetry::Counter& panics)
      : api_(api), pool_(pool), panics_(panics) {}

  grpc::ServerWriteReactor<::thanos::QueryResponse>* Query(grpc::CallbackServerContext* context,
                                                           const ::thanos::QueryRequest* request) override {
    return Serve<::thanos::QueryResponse>(*context, request);
  }
  grpc::ServerWriteReactor<::thanos::QueryRangeResponse>* QueryRange(
      grpc::CallbackServerContext* context, const ::thanos::QueryRangeRequest* request) override {
    return Serve<::thanos::QueryRangeResponse>(*context, request);
  }

 private:
  // The request lives until the call is done.
  template <typename Frame, typename Request>
  grpc::ServerWriteReactor<Frame>* Serve(const grpc::CallbackServerContext& context, const Request* request) {
    return new FramesCall<Frame>(pool_, panics_, DeadlineOf(context),
                                 [this, request, caller = CallerOf(context)](
                                     const base::CancelToken& cancel) -> base::StatusOr<std::vector<Frame>> {
                                   TH_ASSIGN_OR_RETURN(QueryCall call, Read(*request));
                                   call.tenant = caller.tenant;
                                   call.request_id = caller.request_id;
                                   TH_ASSIGN_OR_RETURN(QueryApiAnswer answer, api_.Evaluate(cancel, call));
                                   return Split<Frame>(std::move(answer), call.response_batch_size);
                                 });
  }

  QueryApi& api_;
  concurrency::ThreadPool& pool_;
  telemetry::Counter& panics_;
};

class QueryServer final : public rpc::ServiceAdaptor {
 public:
  QueryServer(QueryApi& api, concurrency::ThreadPool& pool, telemetry::Counter& panics)
      : service_(api, pool, panics) {}
  grpc::Service& service() override { return service_; }

 private:
  QueryService service_;
};

}  // namespace

std::unique_ptr<rpc::ServiceAdaptor> MakeQueryApiServer(QueryApi& api, concurrency::ThreadPool& pool,
                                                        telemetry::Registry& metrics) {
  return std::make_unique<QueryServer>(api, pool, AddPanicCounter(metrics));
}

}  // namespace thanos::storeapi
