#include "query/query_service.h"

#include <utility>

#include "model/tenant.h"

namespace thanos::query {
namespace {

struct Converter {
  storeapi::QueryApiAnswer& answer;

  base::Status operator()(promql::Scalar& scalar) const {
    answer.series.push_back({.labels = {}, .timestamps = {scalar.timestamp_ms}, .values = {scalar.value}});
    return base::OkStatus();
  }
  base::Status operator()(promql::String&) const {
    return base::Unimplemented("strings cannot be sent as series");
  }
  base::Status operator()(promql::Vector& vector) const {
    answer.series.reserve(vector.samples.size());
    for (promql::VectorSample& sample : vector.samples) {
      if (sample.histogram != nullptr) {
        return base::Unimplemented("native histograms cannot be sent as series");
      }
      answer.series.push_back({.labels = std::move(sample.labels),
                               .timestamps = {sample.timestamp_ms},
                               .values = {sample.value}});
    }
    return base::OkStatus();
  }
  base::Status operator()(promql::Matrix& matrix) const {
    answer.series.reserve(matrix.series.size());
    for (promql::MatrixSeries& series : matrix.series) {
      if (!series.histograms.empty()) {
        return base::Unimplemented("native histograms cannot be sent as series");
      }
      answer.series.push_back({.labels = std::move(series.labels),
                               .timestamps = std::move(series.timestamps),
                               .values = std::move(series.values)});
    }
    return base::OkStatus();
  }
};

}  // namespace

base::StatusOr<storeapi::QueryApiAnswer> ToAnswer(promql::Result result) {
  storeapi::QueryApiAnswer answer;
  TH_RETURN_IF_ERROR(std::visit(Converter{answer}, result.value));
  answer.warnings = std::move(result.warnings);
  answer.samples_total = result.stats.total_queryable_samples;
  answer.peak_samples = result.stats.peak_samples;
  return answer;
}

base::StatusOr<storeapi::QueryApiAnswer> QueryService::Evaluate(const base::CancelToken& cancel,
                                                                const storeapi::QueryCall& call) {
  const base::TimePoint start = base::SteadyNow();
  QueryParameters parameters;
  TH_RETURN_IF_ERROR(model::ValidateTenant(call.tenant));
  parameters.query.instant = !call.range;
  parameters.query.start_ms = call.start_ms;
  parameters.query.end_ms = call.end_ms;
  parameters.query.step_ms = call.step_ms;
  parameters.query.lookback_ms = call.lookback_ms;
  parameters.timeout =
      call.timeout > base::Duration::zero() ? std::min(call.timeout, options_.timeout) : options_.timeout;
  parameters.store_matchers = call.store_matchers;
  parameters.engine = call.engine.empty() ? options_.default_engine : call.engine;
  parameters.source.deduplicate = call.deduplicate;
  parameters.source.replica_labels =
      call.replica_labels.empty() ? options_.replica_labels : call.replica_labels;
  parameters.source.penalty = options_.penalty_deduplication;
  parameters.source.max_resolution_ms = call.max_resolution_ms;
  parameters.source.partial_response = call.partial_response;
  parameters.source.shard = call.shard;
  parameters.source.tenant = call.tenant;
  parameters.source.request_id = call.request_id;
  TH_ASSIGN_OR_RETURN(const promql_parser::ExprPtr expr, runner_.Parse(call.query, call.range, call.tenant));
  TH_ASSIGN_OR_RETURN(promql::Result result, runner_.Run(cancel, *expr, parameters, start, nullptr, nullptr));
  return ToAnswer(std::move(result));
}

}  // namespace thanos::query
