#include "storeapi/request_codec.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace thanos::storeapi {

void MatchersToProto(const std::vector<labels::Matcher>& matchers, MatcherMessages* out) {
  for (const labels::Matcher& matcher : matchers) {
    ::thanos::LabelMatcher* const message = out->Add();
    message->set_type(static_cast<::thanos::LabelMatcher::Type>(matcher.type()));
    message->set_name(matcher.name());
    message->set_value(matcher.value());
  }
}

base::StatusOr<std::vector<labels::Matcher>> MatchersFromProto(const MatcherMessages& messages) {
  std::vector<labels::Matcher> matchers;
  for (const ::thanos::LabelMatcher& message : messages) {
    const int type = message.type();
    if (type < 0 || type > static_cast<int>(labels::MatchType::kNotRegexp)) {
      return base::InvalidArgument("unknown matcher type ", type, " for label ", base::Quote(message.name()));
    }
    TH_ASSIGN_OR_RETURN(labels::Matcher matcher, labels::Matcher::Create(static_cast<labels::MatchType>(type),
                                                                         message.name(), message.value()));
    matchers.push_back(std::move(matcher));
  }
  return matchers;
}

namespace {

using StringMessages = google::protobuf::RepeatedPtrField<std::string>;

void StringsToProto(const std::vector<std::string>& strings, StringMessages* out) {
  for (const std::string& text : strings) {
    *out->Add() = text;
  }
}

std::vector<std::string> StringsFromProto(const StringMessages& messages) {
  return {messages.begin(), messages.end()};
}

// The strategy field, with the flag of older peers that it replaced.
template <typename Message>
PartialResponse PartialResponseFromProto(const Message& message) {
  return message.partial_response_disabled() || message.partial_response_strategy() == ::thanos::ABORT
             ? PartialResponse::kAbort
             : PartialResponse::kWarn;
}

template <typename Message>
void PartialResponseToProto(PartialResponse strategy, Message* message) {
  message->set_partial_response_strategy(strategy == PartialResponse::kAbort ? ::thanos::ABORT
                                                                             : ::thanos::WARN);
  message->set_partial_response_disabled(strategy == PartialResponse::kAbort);
}

template <typename Request, typename Message>
void LabelRequestToProto(const Request& request, Message* out) {
  out->set_start(request.min_time_ms);
  out->set_end(request.max_time_ms);
  MatchersToProto(request.matchers, out->mutable_matchers());
  PartialResponseToProto(request.partial_response, out);
  StringsToProto(request.without_replica_labels, out->mutable_without_replica_labels());
  out->set_limit(request.limit);
  if (!request.request_hints.empty()) {
    out->mutable_hints()->ParsePartialFromString(request.request_hints);
  }
}

template <typename Request, typename Message>
base::Status LabelRequestFromProto(const Message& message, Request* out) {
  out->min_time_ms = message.start();
  out->max_time_ms = message.end();
  TH_ASSIGN_OR_RETURN(out->matchers, MatchersFromProto(message.matchers()));
  out->partial_response = PartialResponseFromProto(message);
  out->without_replica_labels = StringsFromProto(message.without_replica_labels());
  out->limit = message.limit();
  if (message.has_hints()) {
    out->request_hints = message.hints().SerializePartialAsString();
  }
  return base::OkStatus();
}

LabelsResponse MakeLabelsResponse(const StringMessages& values, const StringMessages& warnings) {
  LabelsResponse response;
  response.values = StringsFromProto(values);
  if (!std::is_sorted(response.values.begin(), response.values.end())) {
    std::sort(response.values.begin(), response.values.end());
  }
  response.values.erase(std::unique(response.values.begin(), response.values.end()), response.values.end());
  response.warnings = StringsFromProto(warnings);
  return response;
}

void LabelsToProto(labels::LabelSpan labels, ::thanos::ZLabelSet* out) {
  for (const labels::LabelView& label : labels) {
    ::thanos::Label* const message = out->add_labels();
    message->set_name(std::string(label.name));
    message->set_value(std::string(label.value));
  }
}

base::StatusOr<labels::Labels> LabelsFromProto(const ::thanos::ZLabelSet& message) {
  std::vector<labels::LabelView> views;
  for (const ::thanos::Label& label : message.labels()) {
    views.push_back({label.name(), label.value()});
  }
  std::sort(views.begin(), views.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  if (!labels::IsSorted(views)) {
    return base::DataLoss("label set with a repeated name: ", labels::ToString(views));
  }
  return labels::Labels(labels::LabelSpan(views));
}

}  // namespace

void ToProto(const SeriesRequest& request, ::thanos::SeriesRequest* out) {
  out->set_min_time(request.min_time_ms);
  out->set_max_time(request.max_time_ms);
  MatchersToProto(request.matchers, out->mutable_matchers());
  out->set_max_resolution_window(request.max_resolution_ms);
  for (const series::Aggregate aggregate : request.aggregates) {
    out->add_aggregates(static_cast<::thanos::Aggr>(aggregate));
  }
  PartialResponseToProto(request.partial_response, out);
  out->set_skip_chunks(request.skip_chunks);
  if (!request.request_hints.empty()) {
    out->mutable_hints()->ParsePartialFromString(request.request_hints);
  }
  const QueryHints& hints = request.hints;
  out->set_step(hints.step_ms);
  out->set_range(hints.range_ms);
  ::thanos::QueryHints* const query_hints = out->mutable_query_hints();
  query_hints->set_step_millis(hints.step_ms);
  if (!hints.function.empty()) {
    query_hints->mutable_func()->set_name(hints.function);
  }
  if (hints.grouping_by || !hints.grouping_labels.empty()) {
    query_hints->mutable_grouping()->set_by(hints.grouping_by);
    StringsToProto(hints.grouping_labels, query_hints->mutable_grouping()->mutable_labels());
  }
  if (hints.range_ms != 0) {
    query_hints->mutable_range()->set_millis(hints.range_ms);
  }
  if (request.shard.total_shards >= 1) {
    ::thanos::ShardInfo* const shard = out->mutable_shard_info();
    shard->set_shard_index(request.shard.shard_index);
    shard->set_total_shards(request.shard.total_shards);
    shard->set_by(request.shard.by);
    StringsToProto(request.shard.labels, shard->mutable_labels());
  }
  StringsToProto(request.without_replica_labels, out->mutable_without_replica_labels());
  out->set_limit(request.limit);
  out->set_response_batch_size(request.response_batch_size);
}

void ToProto(const LabelNamesRequest& request, ::thanos::LabelNamesRequest* out) {
  LabelRequestToProto(request, out);
}

void ToProto(const LabelValuesRequest& request, ::thanos::LabelValuesRequest* out) {
  out->set_label(request.label);
  LabelRequestToProto(request, out);
}

void ToProto(const LabelsResponse& response, ::thanos::LabelNamesResponse* out) {
  StringsToProto(response.values, out->mutable_names());
  StringsToProto(response.warnings, out->mutable_warnings());
  if (!response.response_hints.empty()) {
    out->mutable_hints()->ParsePartialFromString(response.response_hints);
  }
}

void ToProto(const LabelsResponse& response, ::thanos::LabelValuesResponse* out) {
  StringsToProto(response.values, out->mutable_values());
  StringsToProto(response.warnings, out->mutable_warnings());
  if (!response.response_hints.empty()) {
    out->mutable_hints()->ParsePartialFromString(response.response_hints);
  }
}

void ToProto(const EndpointInfo& info, ::thanos::info::InfoResponse* out) {
  out->set_componenttype(info.component);
  for (const labels::Labels& label_set : info.store.label_sets) {
    LabelsToProto(label_set, out->add_label_sets());
  }
  if (info.has_store) {
    ::thanos::info::StoreInfo* const store = out->mutable_store();
    store->set_min_time(info.store.min_time_ms);
    store->set_max_time(info.store.max_time_ms);
    store->set_supports_sharding(info.store.supports_sharding);
    store->set_supports_without_replica_labels(info.store.supports_without_replica_labels);
    for (const TsdbInfo& tsdb : info.store.tsdb_infos) {
      ::thanos::info::TSDBInfo* const message = store->add_tsdb_infos();
      LabelsToProto(tsdb.external_labels, message->mutable_labels());
      message->set_min_time(tsdb.min_time_ms);
      message->set_max_time(tsdb.max_time_ms);
    }
  }
  // The presence of a message says that the API is served.
  if (info.apis.rules) {
    out->mutable_rules();
  }
  if (info.apis.metric_metadata) {
    out->mutable_metric_metadata();
  }
  if (info.apis.targets) {
    out->mutable_targets();
  }
  if (info.apis.exemplars) {
    out->mutable_exemplars();
  }
  if (info.apis.query) {
    out->mutable_query();
  }
  if (info.apis.status) {
    out->mutable_status();
  }
}

base::StatusOr<SeriesRequest> FromProto(const ::thanos::SeriesRequest& message) {
  SeriesRequest request;
  request.min_time_ms = message.min_time();
  request.max_time_ms = message.max_time();
  TH_ASSIGN_OR_RETURN(request.matchers, MatchersFromProto(message.matchers()));
  request.max_resolution_ms = message.max_resolution_window();
  for (const int aggregate : message.aggregates()) {
    // Values of newer peers are not known here and are left out.
    if (aggregate >= 0 && aggregate <= static_cast<int>(series::Aggregate::kCounter)) {
      request.aggregates.push_back(static_cast<series::Aggregate>(aggregate));
    }
  }
  request.partial_response = PartialResponseFromProto(message);
  request.skip_chunks = message.skip_chunks();
  if (message.has_hints()) {
    request.request_hints = message.hints().SerializePartialAsString();
  }
  const ::thanos::QueryHints& hints = message.query_hints();
  request.hints.step_ms = message.has_query_hints() ? hints.step_millis() : message.step();
  request.hints.function = hints.func().name();
  request.hints.grouping_by = hints.grouping().by();
  request.hints.grouping_labels = StringsFromProto(hints.grouping().labels());
  request.hints.range_ms = hints.has_range() ? hints.range().millis() : message.range();
  request.shard.shard_index = message.shard_info().shard_index();
  request.shard.total_shards = message.shard_info().total_shards();
  request.shard.by = message.shard_info().by();
  request.shard.labels = StringsFromProto(message.shard_info().labels());
  request.without_replica_labels = StringsFromProto(message.without_replica_labels());
  request.limit = message.limit();
  request.response_batch_size = message.response_batch_size();
  return request;
}

base::StatusOr<LabelNamesRequest> FromProto(const ::thanos::LabelNamesRequest& message) {
  LabelNamesRequest request;
  TH_RETURN_IF_ERROR(LabelRequestFromProto(message, &request));
  return request;
}

base::StatusOr<LabelValuesRequest> FromProto(const ::thanos::LabelValuesRequest& message) {
  LabelValuesRequest request;
  request.label = message.label();
  TH_RETURN_IF_ERROR(LabelRequestFromProto(message, &request));
  return request;
}

LabelsResponse FromProto(const ::thanos::LabelNamesResponse& message) {
  LabelsResponse response = MakeLabelsResponse(message.names(), message.warnings());
  if (message.has_hints()) {
    response.response_hints = message.hints().SerializePartialAsString();
  }
  return response;
}

LabelsResponse FromProto(const ::thanos::LabelValuesResponse& message) {
  LabelsResponse response = MakeLabelsResponse(message.values(), message.warnings());
  if (message.has_hints()) {
    response.response_hints = message.hints().SerializePartialAsString();
  }
  return response;
}

base::StatusOr<EndpointInfo> FromProto(const ::thanos::info::InfoResponse& message) {
  EndpointInfo info;
  info.component = message.componenttype();
  for (const ::thanos::ZLabelSet& label_set : message.label_sets()) {
    TH_ASSIGN_OR_RETURN(labels::Labels converted, LabelsFromProto(label_set));
    info.store.label_sets.push_back(std::move(converted));
  }
  info.has_store = message.has_store();
  if (message.has_store()) {
    const ::thanos::info::StoreInfo& store = message.store();
    info.store.min_time_ms = store.min_time();
    info.store.max_time_ms = store.max_time();
    info.store.supports_sharding = store.supports_sharding();
    info.store.supports_without_replica_labels = store.supports_without_replica_labels();
    for (const ::thanos::info::TSDBInfo& tsdb : store.tsdb_infos()) {
      TH_ASSIGN_OR_RETURN(labels::Labels external_labels, LabelsFromProto(tsdb.labels()));
      info.store.tsdb_infos.push_back({std::move(external_labels), tsdb.min_time(), tsdb.max_time()});
    }
  }
  info.apis = {.rules = message.has_rules(),
               .metric_metadata = message.has_metric_metadata(),
               .targets = message.has_targets(),
               .exemplars = message.has_exemplars(),
               .query = message.has_query(),
               .status = message.has_status()};
  return info;
}

}  // namespace thanos::storeapi
