#pragma once

// The HTTP API of the querier: Prometheus' query API with Thanos' parameters. Every handler answers JSON in
// Prometheus' envelope; errors carry Cache-Control: no-store, and so do answers with warnings that are not
// PromQL annotations.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "fanout/endpoint_set.h"
#include "net/http_server.h"
#include "promql/engine.h"
#include "query/merge_answers.h"
#include "query/query_runner.h"
#include "query/query_service.h"
#include "storeapi/apis.h"
#include "storeapi/query_api.h"
#include "storeapi/store.h"
#include "telemetry/metrics.h"

namespace thanos::query {

// Whether failing endpoints are tolerated, by API.
struct ApisPartialResponse {
  bool rules = true;
  bool targets = true;
  bool metadata = true;
  bool exemplars = true;
  bool status = true;
};

struct HttpApiOptions {
  base::Duration timeout = std::chrono::minutes(2);
  int max_concurrent = 20;
  int max_concurrent_select = 4;
  std::vector<std::string> replica_labels;
  // False: replicas are merged by timestamp ("chain").
  bool penalty_deduplication = true;
  bool partial_response = true;
  ApisPartialResponse apis_partial_response;
  bool auto_downsampling = false;
  int64_t instant_max_resolution_ms = 0;
  int64_t default_step_ms = 1000;
  // 0: the engine's default.
  int64_t lookback_ms = 0;
  // Longer lookback for answers made of downsampled data.
  bool dynamic_lookback = true;
  // How far metadata calls without times look back; 0 is everything.
  int64_t metadata_time_range_ms = 0;
  bool enable_experimental = false;
  bool enable_x_functions = false;
  std::string default_engine = "prometheus";
  TenancyOptions tenancy;
  QueryTelemetryBounds telemetry;
  bool cors = true;
  // Put before every path ("" or "/prefix").
  std::string route_prefix;
};

struct HttpApiBackends {
  storeapi::Store& store;
  const promql::Engine& engine;
  const base::Clock& clock;
  telemetry::Registry& metrics;
  // The store behind `storeMatch[]`; null: the parameter is ignored.
  NarrowStore narrow;
  // Rows of /api/v1/stores by component.
  std::function<std::map<std::string, std::vector<fanout::EndpointStatus>>()> statuses;
  // Rules, targets and the like of all endpoints; null: these calls answer 404.
  storeapi::EndpointApis* apis = nullptr;
  // Null: running queries are not recorded.
  ActiveQueryLog* active_queries = nullptr;
  // Null: everything is evaluated here.
  QueryDistributor* distributor = nullptr;
};

// Thread-safe. Must outlive the server its routes are added to; the backends must outlive this.
class HttpApi {
 public:
  HttpApi(HttpApiOptions options, HttpApiBackends backends);
  ~HttpApi();

  std::vector<net::HttpServer::Route> Routes();
  // The same evaluation for gRPC; lives as long as this.
  storeapi::QueryApi& query_api() { return query_service_; }

 private:
  struct Answer {
    std::string body;
    bool no_store = false;
  };
  struct MetadataParameters;
  using Handler = base::StatusOr<Answer> (HttpApi::*)(const net::HttpRequest& request);

  void AddRoute(std::vector<net::HttpServer::Route>* routes, std::vector<std::string> methods,
                const std::string& path, Handler handler);
  net::HttpResponse Respond(Handler handler, const net::HttpRequest& request);

  base::StatusOr<std::string> TenantOf(const net::HttpRequest& request) const;
  base::StatusOr<QueryParameters> CommonParameters(const net::HttpRequest& request) const;
  base::Status InstantParameters(const net::HttpRequest& request, QueryParameters* parameters) const;
  base::Status RangeParameters(const net::HttpRequest& request, QueryParameters* parameters) const;
  base::StatusOr<int64_t> MaxResolution(const net::HttpRequest& request, bool by_default,
                                        int64_t automatic_ms) const;
  base::Status SetLookback(const net::HttpRequest& request, QueryParameters* parameters) const;
  base::StatusOr<promql_parser::ExprPtr> ParseExpression(const net::HttpRequest& request, bool range,
                                                         const std::string& tenant) const;
  base::StatusOr<Answer> Run(const net::HttpRequest& request, QueryParameters parameters,
                             base::TimePoint start);
  base::StatusOr<Answer> Explain(const net::HttpRequest& request, const QueryParameters& parameters);
  base::StatusOr<MetadataParameters> ParseMetadata(const net::HttpRequest& request) const;
  // The store to ask, kept alive by `owner` when it is a narrowed one.
  storeapi::Store& StoreFor(std::vector<std::vector<labels::Matcher>> store_matchers,
                            std::unique_ptr<storeapi::Store>* owner) const;

  base::StatusOr<storeapi::EndpointApis*> Apis() const;
  base::StatusOr<Answer> AnswerRules(const net::HttpRequest& request, ::thanos::RulesRequest call,
                                     const RulesFilter& filter,
                                     std::string (*encode)(const std::vector<::thanos::RuleGroup>&));

  base::StatusOr<Answer> Query(const net::HttpRequest& request);
  base::StatusOr<Answer> QueryRange(const net::HttpRequest& request);
  base::StatusOr<Answer> QueryExplain(const net::HttpRequest& request);
  base::StatusOr<Answer> QueryRangeExplain(const net::HttpRequest& request);
  base::StatusOr<Answer> Series(const net::HttpRequest& request);
  base::StatusOr<Answer> LabelNames(const net::HttpRequest& request);
  base::StatusOr<Answer> LabelValues(const net::HttpRequest& request);
  base::StatusOr<Answer> Stores(const net::HttpRequest& request);
  base::StatusOr<Answer> Rules(const net::HttpRequest& request);
  base::StatusOr<Answer> Alerts(const net::HttpRequest& request);
  base::StatusOr<Answer> Targets(const net::HttpRequest& request);
  base::StatusOr<Answer> Metadata(const net::HttpRequest& request);
  base::StatusOr<Answer> Exemplars(const net::HttpRequest& request);
  base::StatusOr<Answer> TsdbStatus(const net::HttpRequest& request);
  base::StatusOr<Answer> FormatQuery(const net::HttpRequest& request);
  base::StatusOr<Answer> ParseQuery(const net::HttpRequest& request);

  const HttpApiOptions options_;
  const HttpApiBackends backends_;
  QueryRunner runner_;
  QueryService query_service_;
  telemetry::Histogram& range_seconds_;
};

}  // namespace thanos::query
