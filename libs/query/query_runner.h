#pragma once

// From a checked query to its result: tenancy, admission, engine, metrics. Shared by the HTTP and gRPC faces
// of the querier.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/status.h"
#include "labels/matcher.h"
#include "promql/engine.h"
#include "promql_parser/ast.h"
#include "query/active_query_log.h"
#include "query/analysis.h"
#include "query/encode_result.h"
#include "query/query_metrics.h"
#include "query/request_gate.h"
#include "query/source.h"
#include "storeapi/store.h"
#include "telemetry/metrics.h"

namespace thanos::query {

struct TenancyOptions {
  std::string header = "THANOS-TENANT";
  std::string default_tenant = "default-tenant";
  // Adds label="tenant" to every selector and metadata call.
  bool enforce = false;
  std::string label = "tenant_id";
  // "organization", "organizationalUnit", "commonName": the tenant is in the subject of the client's
  // certificate, which must have it. Empty: in the header.
  std::string certificate_field = {};
};

struct QueryRunnerOptions {
  int max_concurrent = 20;
  int max_concurrent_select = 4;
  bool enable_experimental = false;
  bool enable_x_functions = false;
  TenancyOptions tenancy;
  QueryTelemetryBounds telemetry;
};

// One query with everything that was asked for.
struct QueryParameters {
  promql::QueryOptions query;
  SourceOptions source;
  std::vector<std::vector<labels::Matcher>> store_matchers;
  base::Duration timeout{};
  int64_t limit = 0;
  bool stats = false;
  bool analyze = false;
  std::string engine;
};

using NarrowStore =
    std::function<std::unique_ptr<storeapi::Store>(std::vector<std::vector<labels::Matcher>>)>;

class QueryDistributor;

struct QueryRunnerBackends {
  storeapi::Store& store;
  const promql::Engine& engine;
  const base::Clock& clock;
  telemetry::Registry& metrics;
  NarrowStore narrow;                        // the store behind store matchers; null: they are ignored
  ActiveQueryLog* active_queries = nullptr;  // may be null
  QueryDistributor* distributor = nullptr;   // null: everything is evaluated here
};

// Thread-safe. The backends must outlive this.
class QueryRunner {
 public:
  QueryRunner(QueryRunnerOptions options, QueryRunnerBackends backends);

  // InvalidArgument with the text for users. The selectors are narrowed to `tenant` when that is enforced.
  base::StatusOr<promql_parser::ExprPtr> Parse(std::string_view text, bool range,
                                               const std::string& tenant) const;
  // Waits for a place and evaluates. `start` is when the request came; `timings` and `selections` may be
  // null.
  base::StatusOr<promql::Result> Run(const base::CancelToken& cancel, const promql_parser::Expr& expr,
                                     const QueryParameters& parameters, base::TimePoint start,
                                     QueryTimings* timings, SelectionLog* selections);
  const TenancyOptions& tenancy() const { return options_.tenancy; }

 private:
  base::StatusOr<promql::Result> Evaluate(const base::CancelToken& cancel, const promql_parser::Expr& expr,
                                          const QueryParameters& parameters, storeapi::Store& store);

  const QueryRunnerOptions options_;
  const QueryRunnerBackends backends_;
  RequestGate gate_;
  QueryMetrics query_metrics_;
};

// `matchers` with the condition label="tenant" instead of all others on that label, when that is enforced.
void EnforceTenant(const TenancyOptions& tenancy, const std::string& tenant,
                   std::vector<labels::Matcher>* matchers);

}  // namespace thanos::query
