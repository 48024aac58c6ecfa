#include "query/http_api.h"

#include <algorithm>
#include <utility>

#include "base/strings.h"
#include "model/tenant.h"
#include "promapi/encode.h"
#include "promql_parser/printer.h"
#include "query/analysis.h"
#include "query/encode_result.h"
#include "query/http_api_internal.h"
#include "query/params.h"

namespace thanos::query {
namespace {

constexpr int64_t kMaxPoints = 11'000;
constexpr int64_t kDefaultSteps = 250;
constexpr int64_t kDefaultLookbackMs = 5 * 60 * 1000;
constexpr int64_t kHourMs = 60 * 60 * 1000;

struct ErrorKind {
  int http_status;
  std::string_view type;
};
ErrorKind KindOf(const base::Status& status) {
  switch (status.code()) {
    case base::StatusCode::kInvalidArgument:
      return {400, "bad_data"};
    case base::StatusCode::kNotFound:
      return {404, "not_found"};
    case base::StatusCode::kDeadlineExceeded:
      return {503, "timeout"};
    case base::StatusCode::kCancelled:
      return {503, "canceled"};
    case base::StatusCode::kInternal:
    case base::StatusCode::kUnknown:
      return {500, "internal"};
    default:
      return {422, "execution"};
  }
}

net::HttpResponse JsonResponse(int status, std::string body) {
  net::HttpResponse response;
  response.status = status;
  response.content_type = "application/json";
  response.body = std::move(body);
  return response;
}

void AddCorsHeaders(net::HttpResponse* response) {
  response->headers.push_back(
      {"Access-Control-Allow-Headers", "Accept, Accept-Encoding, Authorization, Content-Type, Origin"});
  response->headers.push_back({"Access-Control-Allow-Methods", "GET, OPTIONS"});
  response->headers.push_back({"Access-Control-Allow-Origin", "*"});
  response->headers.push_back({"Access-Control-Expose-Headers", "Date"});
}

storeapi::PartialResponse ToPartialResponse(bool enabled) {
  return enabled ? storeapi::PartialResponse::kWarn : storeapi::PartialResponse::kAbort;
}

}  // namespace

bool HasStoreWarning(const std::vector<std::string>& warnings) {
  return std::ranges::any_of(warnings,
                             [](const std::string& warning) { return !warning.starts_with("PromQL "); });
}

HttpApi::HttpApi(HttpApiOptions options, HttpApiBackends backends)
    : options_(std::move(options)),
      backends_(std::move(backends)),
      runner_({.max_concurrent = options_.max_concurrent,
               .max_concurrent_select = options_.max_concurrent_select,
               .enable_experimental = options_.enable_experimental,
               .enable_x_functions = options_.enable_x_functions,
               .tenancy = options_.tenancy,
               .telemetry = options_.telemetry},
              {.store = backends_.store,
               .engine = backends_.engine,
               .clock = backends_.clock,
               .metrics = backends_.metrics,
               .narrow = backends_.narrow,
               .active_queries = backends_.active_queries,
               .distributor = backends_.distributor}),
      query_service_({.timeout = options_.timeout,
                      .replica_labels = options_.replica_labels,
                      .penalty_deduplication = options_.penalty_deduplication,
                      .default_engine = options_.default_engine},
                     runner_),
      range_seconds_(backends_.metrics.AddHistogram(
          "thanos_query_range_requested_timespan_duration_seconds",
          "A histogram of the query range window in seconds.",
          {900, 3600, 10800, 21600, 43200, 86400, 172800, 604800, 1209600, 2592000})) {}

HttpApi::~HttpApi() = default;

void HttpApi::AddRoute(std::vector<net::HttpServer::Route>* routes, std::vector<std::string> methods,
                       const std::string& path, Handler handler) {
  routes->push_back(
      {.methods = std::move(methods),
       .pattern = options_.route_prefix + path,
       .handler = [this, handler](const net::HttpRequest& request) { return Respond(handler, request); }});
}

std::vector<net::HttpServer::Route> HttpApi::Routes() {
  const std::vector<std::string> get{"GET"};
  const std::vector<std::string> get_post{"GET", "POST"};
  std::vector<net::HttpServer::Route> routes;
  AddRoute(&routes, get_post, "/api/v1/query", &HttpApi::Query);
  AddRoute(&routes, get_post, "/api/v1/query_range", &HttpApi::QueryRange);
  AddRoute(&routes, get_post, "/api/v1/query_explain", &HttpApi::QueryExplain);
  AddRoute(&routes, get_post, "/api/v1/query_range_explain", &HttpApi::QueryRangeExplain);
  AddRoute(&routes, get_post, "/api/v1/series", &HttpApi::Series);
  AddRoute(&routes, get_post, "/api/v1/labels", &HttpApi::LabelNames);
  AddRoute(&routes, get, "/api/v1/label/:name/values", &HttpApi::LabelValues);
  AddRoute(&routes, get, "/api/v1/stores", &HttpApi::Stores);
  AddRoute(&routes, get, "/api/v1/rules", &HttpApi::Rules);
  AddRoute(&routes, get, "/api/v1/alerts", &HttpApi::Alerts);
  AddRoute(&routes, get, "/api/v1/targets", &HttpApi::Targets);
  AddRoute(&routes, get, "/api/v1/metadata", &HttpApi::Metadata);
  AddRoute(&routes, get_post, "/api/v1/query_exemplars", &HttpApi::Exemplars);
  AddRoute(&routes, get, "/api/v1/status/tsdb", &HttpApi::TsdbStatus);
  AddRoute(&routes, get_post, "/api/v1/format_query", &HttpApi::FormatQuery);
  AddRoute(&routes, get_post, "/api/v1/parse_query", &HttpApi::ParseQuery);
  const bool cors = options_.cors;
  routes.push_back({.methods = {"OPTIONS"},
                    .pattern = options_.route_prefix + "/api/v1/*",
                    .handler = [cors](const net::HttpRequest&) {
                      net::HttpResponse response;
                      response.status = 204;
                      if (cors) {
                        AddCorsHeaders(&response);
                      }
                      return response;
                    }});
  return routes;
}

net::HttpResponse HttpApi::Respond(Handler handler, const net::HttpRequest& request) {
  base::StatusOr<Answer> answer = (this->*handler)(request);
  net::HttpResponse response;
  bool no_store = true;
  if (answer.ok()) {
    no_store = answer->no_store;
    response = JsonResponse(200, std::move(answer->body));
  } else {
    const ErrorKind kind = KindOf(answer.status());
    response = JsonResponse(kind.http_status, promapi::ErrorBody(kind.type, base::Message(answer.status())));
  }
  if (no_store) {
    response.headers.push_back({"Cache-Control", "no-store"});
  }
  if (options_.cors) {
    AddCorsHeaders(&response);
  }
  return response;
}

base::StatusOr<std::string> HttpApi::TenantOf(const net::HttpRequest& request) const {
  const TenancyOptions& tenancy = options_.tenancy;
  std::string tenant = tenancy.default_tenant;
  if (!tenancy.certificate_field.empty()) {
    // Anything else would let a client without the certificate name any tenant.
    const net::PeerSubject& subject = request.peer_subject;
    tenant = tenancy.certificate_field == "organization"         ? subject.organization
             : tenancy.certificate_field == "organizationalUnit" ? subject.organizational_unit
                                                                 : subject.common_name;
    if (tenant.empty()) {
      return base::InvalidArgument("could not get ", tenancy.certificate_field,
                                   " field from client certificate");
    }
  } else {
    for (const std::string_view header :
         {std::string_view(tenancy.header), std::string_view("THANOS-TENANT")}) {
      const std::string* const name = request.Header(header);
      if (name != nullptr && !name->empty()) {
        tenant = *name;
        break;
      }
    }
  }
  TH_RETURN_IF_ERROR(model::ValidateTenant(tenant));
  return tenant;
}

storeapi::Store& HttpApi::StoreFor(std::vector<std::vector<labels::Matcher>> store_matchers,
                                   std::unique_ptr<storeapi::Store>* owner) const {
  if (store_matchers.empty() || !backends_.narrow) {
    return backends_.store;
  }
  *owner = backends_.narrow(std::move(store_matchers));
  return **owner;
}

base::StatusOr<QueryParameters> HttpApi::CommonParameters(const net::HttpRequest& request) const {
  QueryParameters parameters;
  parameters.timeout = options_.timeout;
  TH_ASSIGN_OR_RETURN(const std::optional<int64_t> timeout_ms, DurationParameter(request, "timeout"));
  if (timeout_ms.has_value()) {
    parameters.timeout = std::min<base::Duration>(parameters.timeout, std::chrono::milliseconds(*timeout_ms));
  }
  SourceOptions& source = parameters.source;
  TH_ASSIGN_OR_RETURN(source.deduplicate, BoolParameter(request, "dedup", true));
  source.penalty = options_.penalty_deduplication;
  source.replica_labels = request.ParameterList("replicaLabels[]");
  if (source.replica_labels.empty()) {
    source.replica_labels = options_.replica_labels;
  }
  TH_ASSIGN_OR_RETURN(parameters.store_matchers, StoreMatchParameters(request));
  TH_ASSIGN_OR_RETURN(const bool partial,
                      BoolParameter(request, "partial_response", options_.partial_response));
  source.partial_response = ToPartialResponse(partial);
  TH_ASSIGN_OR_RETURN(source.shard, ShardParameter(request));
  TH_ASSIGN_OR_RETURN(source.tenant, TenantOf(request));
  source.request_id = request.request_id;
  TH_ASSIGN_OR_RETURN(parameters.limit, LimitParameter(request));
  const std::string* engine = request.Parameter("engine");
  parameters.engine = engine == nullptr || engine->empty() ? options_.default_engine : *engine;
  if (parameters.engine != "prometheus" && parameters.engine != "thanos") {
    return base::InvalidArgument("'engine' parameter: bad engine ", base::Quote(parameters.engine));
  }
  const std::string* stats = request.Parameter("stats");
  parameters.stats = stats != nullptr && !stats->empty();
  const std::string* analyze = request.Parameter("analyze");
  parameters.analyze = analyze != nullptr && (*analyze == "true" || *analyze == "1");
  return parameters;
}

base::StatusOr<int64_t> HttpApi::MaxResolution(const net::HttpRequest& request, bool by_default,
                                               int64_t automatic_ms) const {
  const std::string* text = request.Parameter("max_source_resolution");
  if (text == nullptr || text->empty()) {
    return by_default ? automatic_ms : 0;
  }
  if (*text == "auto") {
    return automatic_ms;
  }
  TH_ASSIGN_OR_RETURN(const std::optional<int64_t> resolution_ms,
                      DurationParameter(request, "max_source_resolution"));
  if (*resolution_ms < 0) {
    return base::InvalidArgument("negative 'max_source_resolution' is not accepted. Try a positive integer");
  }
  return *resolution_ms;
}

base::Status HttpApi::SetLookback(const net::HttpRequest& request, QueryParameters* parameters) const {
  TH_ASSIGN_OR_RETURN(const std::optional<int64_t> lookback_ms, DurationParameter(request, "lookback_delta"));
  if (lookback_ms.value_or(0) > 0) {
    parameters->query.lookback_ms = *lookback_ms;
    return base::OkStatus();
  }
  const int64_t configured_ms = options_.lookback_ms;
  const int64_t resolution_ms = parameters->source.max_resolution_ms;
  parameters->query.lookback_ms = configured_ms;
  if (options_.dynamic_lookback && resolution_ms > std::max(kDefaultLookbackMs, configured_ms)) {
    parameters->query.lookback_ms = std::max(configured_ms, kHourMs);
  } else if (options_.dynamic_lookback && resolution_ms > configured_ms) {
    parameters->query.lookback_ms = std::max(configured_ms, kDefaultLookbackMs);
  }
  return base::OkStatus();
}

base::Status HttpApi::InstantParameters(const net::HttpRequest& request, QueryParameters* parameters) const {
  promql::QueryOptions& query = parameters->query;
  query.instant = true;
  TH_ASSIGN_OR_RETURN(query.start_ms, TimeParameter(request, "time", backends_.clock.NowMs()));
  query.end_ms = query.start_ms;
  TH_ASSIGN_OR_RETURN(parameters->source.max_resolution_ms,
                      MaxResolution(request, options_.auto_downsampling, options_.instant_max_resolution_ms));
  return SetLookback(request, parameters);
}

base::Status HttpApi::RangeParameters(const net::HttpRequest& request, QueryParameters* parameters) const {
  promql::QueryOptions& query = parameters->query;
  for (const std::string_view name : {"start", "end"}) {
    const std::string* text = request.Parameter(name);
    auto time_ms = ParseTimeMs(text == nullptr ? "" : *text);
    if (!time_ms.ok()) {
      return base::InvalidArgument("invalid parameter ", base::Quote(name), ": ",
                                   base::Message(time_ms.status()));
    }
    (name == "start" ? query.start_ms : query.end_ms) = *time_ms;
  }
  if (query.end_ms < query.start_ms) {
    return base::InvalidArgument("invalid parameter \"end\": end timestamp must not be before start time");
  }
  const int64_t default_step_ms =
      std::max((query.end_ms - query.start_ms) / 1000 / kDefaultSteps * 1000, options_.default_step_ms);
  const std::string* step = request.Parameter("step");
  auto step_ms = step == nullptr || step->empty() ? default_step_ms : ParseStepMs(*step);
  if (!step_ms.ok()) {
    return base::InvalidArgument("invalid parameter \"step\": ", base::Message(step_ms.status()));
  }
  query.step_ms = *step_ms;
  if (query.step_ms <= 0) {
    return base::InvalidArgument(
        "invalid parameter \"step\": zero or negative query resolution step widths are not "
        "accepted. Try a positive integer");
  }
  if ((query.end_ms - query.start_ms) / query.step_ms > kMaxPoints) {
    return base::InvalidArgument(
        "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query "
        "resolution (?step=XX)");
  }
  TH_ASSIGN_OR_RETURN(parameters->source.max_resolution_ms,
                      MaxResolution(request, options_.auto_downsampling, query.step_ms / 5));
  return SetLookback(request, parameters);
}

base::StatusOr<promql_parser::ExprPtr> HttpApi::ParseExpression(const net::HttpRequest& request, bool range,
                                                                const std::string& tenant) const {
  const std::string* text = request.Parameter("query");
  return runner_.Parse(text == nullptr ? "" : *text, range, tenant);
}

base::StatusOr<HttpApi::Answer> HttpApi::Query(const net::HttpRequest& request) {
  const base::TimePoint start = base::SteadyNow();
  TH_ASSIGN_OR_RETURN(QueryParameters parameters, CommonParameters(request));
  TH_RETURN_IF_ERROR(InstantParameters(request, &parameters));
  return Run(request, std::move(parameters), start);
}

base::StatusOr<HttpApi::Answer> HttpApi::QueryRange(const net::HttpRequest& request) {
  const base::TimePoint start = base::SteadyNow();
  TH_ASSIGN_OR_RETURN(QueryParameters parameters, CommonParameters(request));
  TH_RETURN_IF_ERROR(RangeParameters(request, &parameters));
  range_seconds_.Observe(static_cast<double>(parameters.query.end_ms - parameters.query.start_ms) / 1000);
  return Run(request, std::move(parameters), start);
}

base::StatusOr<HttpApi::Answer> HttpApi::Run(const net::HttpRequest& request, QueryParameters parameters,
                                             base::TimePoint start) {
  TH_ASSIGN_OR_RETURN(const promql_parser::ExprPtr expr,
                      ParseExpression(request, !parameters.query.instant, parameters.source.tenant));
  if (const std::string* text = request.Parameter("query"); text != nullptr) {
    parameters.query.text = *text;
  }
  const bool analyze = parameters.analyze && parameters.engine == "thanos";
  QueryTimings timings;
  SelectionLog selections;
  TH_ASSIGN_OR_RETURN(promql::Result result, runner_.Run(request.cancel, *expr, parameters, start, &timings,
                                                         analyze ? &selections : nullptr));
  ResultOptions encoding{.timings = parameters.stats ? &timings : nullptr, .limit = parameters.limit};
  if (analyze) {
    encoding.analysis = EncodeAnalysis(*expr, selections.Take(), result.stats,
                                       std::chrono::duration_cast<base::Duration>(
                                           std::chrono::duration<double>(timings.evaluation_seconds)));
  }
  Answer answer;
  answer.body = EncodeResult(result, encoding);
  answer.no_store = HasStoreWarning(result.warnings);
  return answer;
}

base::StatusOr<HttpApi::Answer> HttpApi::Explain(const net::HttpRequest& request,
                                                 const QueryParameters& parameters) {
  if (parameters.engine != "thanos") {
    return base::InvalidArgument("engine type must be 'thanos'");
  }
  TH_ASSIGN_OR_RETURN(const promql_parser::ExprPtr expr,
                      ParseExpression(request, !parameters.query.instant, parameters.source.tenant));
  return Answer{promapi::SuccessBody(EncodeExplanation(*expr), {})};
}

base::StatusOr<HttpApi::Answer> HttpApi::QueryExplain(const net::HttpRequest& request) {
  TH_ASSIGN_OR_RETURN(QueryParameters parameters, CommonParameters(request));
  TH_RETURN_IF_ERROR(InstantParameters(request, &parameters));
  return Explain(request, parameters);
}

base::StatusOr<HttpApi::Answer> HttpApi::QueryRangeExplain(const net::HttpRequest& request) {
  TH_ASSIGN_OR_RETURN(QueryParameters parameters, CommonParameters(request));
  TH_RETURN_IF_ERROR(RangeParameters(request, &parameters));
  return Explain(request, parameters);
}

base::StatusOr<HttpApi::Answer> HttpApi::FormatQuery(const net::HttpRequest& request) {
  TH_ASSIGN_OR_RETURN(const promql_parser::ExprPtr expr, ParseExpression(request, false, ""));
  std::string data;
  promapi::AppendJsonString(data, promql_parser::Format(*expr));
  return Answer{promapi::SuccessBody(data, {})};
}

base::StatusOr<HttpApi::Answer> HttpApi::ParseQuery(const net::HttpRequest& request) {
  TH_ASSIGN_OR_RETURN(const promql_parser::ExprPtr expr, ParseExpression(request, false, ""));
  return Answer{promapi::SuccessBody(EncodeTree(*expr), {})};
}

base::StatusOr<HttpApi::Answer> HttpApi::Stores(const net::HttpRequest&) {
  return Answer{promapi::SuccessBody(backends_.statuses ? EncodeStores(backends_.statuses()) : "{}", {})};
}

}  // namespace thanos::query
