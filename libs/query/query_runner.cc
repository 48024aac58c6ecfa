#include "query/query_runner.h"

#include <utility>

#include "base/strings.h"
#include "promql_parser/parser.h"
#include "promql_parser/printer.h"
#include "query/distributed.h"

namespace thanos::query {

void EnforceTenant(const TenancyOptions& tenancy, const std::string& tenant,
                   std::vector<labels::Matcher>* matchers) {
  if (!tenancy.enforce) {
    return;
  }
  std::erase_if(*matchers, [&](const labels::Matcher& matcher) { return matcher.name() == tenancy.label; });
  matchers->push_back(labels::Matcher::Equal(tenancy.label, tenant));
}

QueryRunner::QueryRunner(QueryRunnerOptions options, QueryRunnerBackends backends)
    : options_(std::move(options)),
      backends_(std::move(backends)),
      gate_(options_.max_concurrent, "thanos_query_concurrent_gate_queries", backends_.metrics),
      query_metrics_(options_.max_concurrent, options_.telemetry,
                     backends_.distributor == nullptr ? "local" : "distributed", backends_.metrics) {
  // Made for each query: its metrics are to be there before the first.
  RequestGate(options_.max_concurrent_select, "thanos_query_concurrent_selects_gate_selects",
              backends_.metrics);
}

base::StatusOr<promql_parser::ExprPtr> QueryRunner::Parse(std::string_view text, bool range,
                                                          const std::string& tenant) const {
  promql_parser::ParserOptions parser_options = backends_.engine.parser_options();
  parser_options.enable_experimental = parser_options.enable_experimental || options_.enable_experimental;
  parser_options.enable_x_functions = parser_options.enable_x_functions || options_.enable_x_functions;
  auto expr = promql_parser::Parse(text, parser_options);
  if (!expr.ok()) {
    return base::InvalidArgument("invalid parameter \"query\": ", base::Message(expr.status()));
  }
  const promql_parser::ValueType type = (*expr)->type();
  if (range && type != promql_parser::ValueType::kScalar && type != promql_parser::ValueType::kVector) {
    return base::InvalidArgument("invalid parameter \"query\": invalid expression type ",
                                 base::Quote(promql_parser::Documented(type)),
                                 " for range query, must be Scalar or instant Vector");
  }
  promql_parser::ForEachSelector(**expr, [&](promql_parser::VectorSelector& selector) {
    EnforceTenant(options_.tenancy, tenant, &selector.matchers);
  });
  return expr;
}

base::StatusOr<promql::Result> QueryRunner::Run(const base::CancelToken& parent,
                                                const promql_parser::Expr& expr,
                                                const QueryParameters& parameters, base::TimePoint start,
                                                QueryTimings* timings, SelectionLog* selections) {
  const base::CancelSource cancel(parent, parameters.timeout);
  const base::TimePoint parsed = base::SteadyNow();
  TH_ASSIGN_OR_RETURN(const RequestGate::Pass pass, gate_.Enter(cancel.token()));
  const base::TimePoint admitted = base::SteadyNow();

  const QueryMetrics::Running running(query_metrics_, parameters.engine);
  const ActiveQueryLog::Entry recorded =
      backends_.active_queries == nullptr
          ? ActiveQueryLog::Entry()
          : backends_.active_queries->Begin(promql_parser::Print(expr), backends_.clock.NowMs() / 1000);

  std::unique_ptr<storeapi::Store> narrowed;
  storeapi::Store* store = &backends_.store;
  if (!parameters.store_matchers.empty() && backends_.narrow) {
    narrowed = backends_.narrow(parameters.store_matchers);
    store = narrowed.get();
  }
  std::unique_ptr<storeapi::Store> recording;
  if (selections != nullptr) {
    recording = RecordSelections(*store, *selections);
    store = recording.get();
  }
  base::StatusOr<promql::Result> result = Evaluate(cancel.token(), expr, parameters, *store);
  if (!result.ok()) {
    if (result.status().code() == base::StatusCode::kDeadlineExceeded) {
      return base::DeadlineExceeded("query timed out in expression evaluation");
    }
    return std::move(result).status();
  }
  const base::TimePoint done = base::SteadyNow();
  const QueryTimings taken{.preparation_seconds = base::ToSeconds(parsed - start),
                           .queue_seconds = base::ToSeconds(admitted - parsed),
                           .evaluation_seconds = base::ToSeconds(done - admitted)};
  query_metrics_.ObserveResult(result->stats, done - admitted, parameters.source.tenant);
  query_metrics_.ObserveTimings(taken);
  if (timings != nullptr) {
    *timings = taken;
  }
  return result;
}

base::StatusOr<promql::Result> QueryRunner::Evaluate(const base::CancelToken& cancel,
                                                     const promql_parser::Expr& expr,
                                                     const QueryParameters& parameters,
                                                     storeapi::Store& store) {
  RequestGate select_gate(options_.max_concurrent_select, "thanos_query_concurrent_selects_gate_selects",
                          backends_.metrics);
  if (backends_.distributor != nullptr && parameters.store_matchers.empty()) {
    return backends_.distributor->Evaluate(cancel, expr, parameters, backends_.engine, store, &select_gate);
  }
  StoreSource source(store, parameters.source, &select_gate);
  return backends_.engine.Query(cancel, expr, parameters.query, source);
}

}  // namespace thanos::query
