// The calls answered by all endpoints' other APIs: rules, alerts, targets, metadata, exemplars, TSDB status.

#include <algorithm>
#include <utility>

#include "base/strings.h"
#include "promapi/encode.h"
#include "promql_parser/printer.h"
#include "query/encode_answers.h"
#include "query/http_api.h"
#include "query/http_api_internal.h"
#include "query/merge_answers.h"
#include "query/params.h"

namespace thanos::query {
namespace {

constexpr size_t kDefaultStatisticsLimit = 10;
constexpr int64_t kMaxWireLimit = 2'147'483'647;

::thanos::PartialResponseStrategy Strategy(bool partial_response) {
  return partial_response ? ::thanos::WARN : ::thanos::ABORT;
}

std::string Text(const net::HttpRequest& request, std::string_view name) {
  const std::string* value = request.Parameter(name);
  return value == nullptr ? "" : *value;
}

std::set<std::string> Set(const net::HttpRequest& request, std::string_view name) {
  std::set<std::string> values;
  for (const std::string& value : request.ParameterList(name)) {
    values.insert(value);
  }
  return values;
}

template <typename List>
void CopyTo(const std::vector<std::string>& values, List* list) {
  for (const std::string& value : values) {
    *list->Add() = value;
  }
}

// A failing fan-in is an internal error; bad requests, timeouts and callers that left stay what they are.
base::Status Retrieving(std::string_view what, const base::Status& status) {
  switch (status.code()) {
    case base::StatusCode::kInvalidArgument:
    case base::StatusCode::kDeadlineExceeded:
    case base::StatusCode::kCancelled:
      return status;
    default:
      return base::Internal("retrieving ", what, ": ", base::Message(status));
  }
}

base::StatusOr<int64_t> MetadataLimit(const net::HttpRequest& request) {
  const std::string text = Text(request, "limit");
  if (text.empty()) {
    return -1;
  }
  const std::optional<int64_t> limit = base::ParseInt64(text);
  if (!limit.has_value() || *limit > kMaxWireLimit) {
    return base::InvalidArgument("invalid metric metadata limit=", base::Quote(text));
  }
  return std::max<int64_t>(*limit, -1);
}

}  // namespace

base::StatusOr<storeapi::EndpointApis*> HttpApi::Apis() const {
  if (backends_.apis == nullptr) {
    return base::NotFound("this process has no endpoints to ask");
  }
  return backends_.apis;
}

base::StatusOr<HttpApi::Answer> HttpApi::Rules(const net::HttpRequest& request) {
  ::thanos::RulesRequest call;
  const std::string type = base::ToLower(Text(request, "type"));
  if (type == "alert") {
    call.set_type(::thanos::RulesRequest::ALERT);
  } else if (type == "record") {
    call.set_type(::thanos::RulesRequest::RECORD);
  } else if (!type.empty()) {
    return base::InvalidArgument("invalid rules parameter type='", Text(request, "type"), "'");
  }
  RulesFilter filter{.rule_names = Set(request, "rule_name[]"),
                     .rule_groups = Set(request, "rule_group[]"),
                     .files = Set(request, "file[]"),
                     .matchers = {}};
  TH_ASSIGN_OR_RETURN(filter.matchers, MatchParameters(request));
  CopyTo(request.ParameterList("match[]"), call.mutable_matcher_string());
  CopyTo(request.ParameterList("rule_name[]"), call.mutable_rule_name());
  CopyTo(request.ParameterList("rule_group[]"), call.mutable_rule_group());
  CopyTo(request.ParameterList("file[]"), call.mutable_file());
  return AnswerRules(request, call, filter, &EncodeRules);
}

base::StatusOr<HttpApi::Answer> HttpApi::Alerts(const net::HttpRequest& request) {
  ::thanos::RulesRequest call;
  call.set_type(::thanos::RulesRequest::ALERT);
  return AnswerRules(request, call, {}, &EncodeAlerts);
}

base::StatusOr<HttpApi::Answer> HttpApi::AnswerRules(
    const net::HttpRequest& request, ::thanos::RulesRequest call, const RulesFilter& filter,
    std::string (*encode)(const std::vector<::thanos::RuleGroup>&)) {
  TH_ASSIGN_OR_RETURN(storeapi::EndpointApis* const apis, Apis());
  call.set_partial_response_strategy(Strategy(options_.apis_partial_response.rules));
  const base::CancelSource cancel(request.cancel, options_.timeout);
  auto answer = apis->Rules(cancel.token(), call);
  if (!answer.ok()) {
    return Retrieving("rules", answer.status());
  }
  const auto groups = MergeRules(std::move(answer->groups), options_.replica_labels, filter);
  return Answer{promapi::SuccessBody(encode(groups), answer->warnings), HasStoreWarning(answer->warnings)};
}

base::StatusOr<HttpApi::Answer> HttpApi::Targets(const net::HttpRequest& request) {
  TH_ASSIGN_OR_RETURN(storeapi::EndpointApis* const apis, Apis());
  ::thanos::TargetsRequest call;
  const std::string state = base::ToLower(Text(request, "state"));
  if (state == "active") {
    call.set_state(::thanos::TargetsRequest::ACTIVE);
  } else if (state == "dropped") {
    call.set_state(::thanos::TargetsRequest::DROPPED);
  } else if (!state.empty() && state != "any") {
    return base::InvalidArgument("invalid targets parameter state='", Text(request, "state"), "'");
  }
  call.set_partial_response_strategy(Strategy(options_.apis_partial_response.targets));
  const base::CancelSource cancel(request.cancel, options_.timeout);
  auto answer = apis->Targets(cancel.token(), call);
  if (!answer.ok()) {
    return Retrieving("targets", answer.status());
  }
  const auto targets = MergeTargets(std::move(answer->targets), options_.replica_labels);
  return Answer{promapi::SuccessBody(EncodeTargets(targets), answer->warnings),
                HasStoreWarning(answer->warnings)};
}

base::StatusOr<HttpApi::Answer> HttpApi::Metadata(const net::HttpRequest& request) {
  TH_ASSIGN_OR_RETURN(storeapi::EndpointApis* const apis, Apis());
  TH_ASSIGN_OR_RETURN(const int64_t limit, MetadataLimit(request));
  ::thanos::MetricMetadataRequest call;
  call.set_metric(Text(request, "metric"));
  call.set_limit(static_cast<int32_t>(limit));
  call.set_partial_response_strategy(Strategy(options_.apis_partial_response.metadata));
  const base::CancelSource cancel(request.cancel, options_.timeout);
  const auto answer = apis->Metadata(cancel.token(), call);
  if (!answer.ok()) {
    return Retrieving("metadata", answer.status());
  }
  return Answer{promapi::SuccessBody(EncodeMetadata(answer->metadata, limit), answer->warnings),
                HasStoreWarning(answer->warnings)};
}

base::StatusOr<HttpApi::Answer> HttpApi::Exemplars(const net::HttpRequest& request) {
  TH_ASSIGN_OR_RETURN(storeapi::EndpointApis* const apis, Apis());
  ::thanos::ExemplarsRequest call;
  TH_ASSIGN_OR_RETURN(const int64_t min_time_ms, TimeParameter(request, "start", kMinTimeMs));
  TH_ASSIGN_OR_RETURN(const int64_t max_time_ms, TimeParameter(request, "end", kMaxTimeMs));
  if (max_time_ms < min_time_ms) {
    return base::InvalidArgument("end timestamp must not be before start timestamp");
  }
  TH_ASSIGN_OR_RETURN(const std::string tenant, TenantOf(request));
  TH_ASSIGN_OR_RETURN(const promql_parser::ExprPtr expr, ParseExpression(request, false, tenant));
  call.set_query(promql_parser::Print(*expr));
  call.set_start(min_time_ms);
  call.set_end(max_time_ms);
  call.set_partial_response_strategy(Strategy(options_.apis_partial_response.exemplars));
  const base::CancelSource cancel(request.cancel, options_.timeout);
  auto answer = apis->Exemplars(cancel.token(), call);
  if (!answer.ok()) {
    return Retrieving("exemplars", answer.status());
  }
  const auto data = MergeExemplars(std::move(answer->data), options_.replica_labels);
  return Answer{promapi::SuccessBody(EncodeExemplars(data), answer->warnings),
                HasStoreWarning(answer->warnings)};
}

base::StatusOr<HttpApi::Answer> HttpApi::TsdbStatus(const net::HttpRequest& request) {
  TH_ASSIGN_OR_RETURN(storeapi::EndpointApis* const apis, Apis());
  size_t limit = kDefaultStatisticsLimit;
  if (const std::string text = Text(request, "limit"); !text.empty()) {
    const std::optional<int64_t> parsed = base::ParseInt64(text);
    if (!parsed.has_value() || *parsed < 1 || *parsed > kMaxWireLimit) {
      return base::InvalidArgument("limit must be a positive number");
    }
    limit = static_cast<size_t>(*parsed);
  }
  ::thanos::TSDBStatisticsRequest call;
  if (options_.tenancy.enforce) {
    TH_ASSIGN_OR_RETURN(*call.mutable_tenant(), TenantOf(request));
  }
  call.set_limit(static_cast<int32_t>(limit));
  call.set_partial_response_strategy(Strategy(options_.apis_partial_response.status));
  const base::CancelSource cancel(request.cancel, options_.timeout);
  const auto answer = apis->Statistics(cancel.token(), call);
  if (!answer.ok()) {
    return Retrieving("TSDB statistics", answer.status());
  }
  return Answer{promapi::SuccessBody(EncodeStatistics(SumOfTenants(answer->statistics, call.tenant(), limit)),
                                     answer->warnings),
                HasStoreWarning(answer->warnings)};
}

}  // namespace thanos::query
