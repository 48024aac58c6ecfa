#include "query/source.h"

#include <algorithm>
#include <utility>

#include "dedup/decode.h"
#include "series/merge.h"

namespace thanos::query {
namespace {

using series::Aggregate;

class StoreSelection final : public promql::SelectedSeries {
 public:
  StoreSelection(std::unique_ptr<series::SeriesSet> set, bool deduplicate, std::string function)
      : set_(std::move(set)), deduplicate_(deduplicate), function_(std::move(function)) {}

  base::StatusOr<bool> Next(const base::CancelToken& cancel, series::SeriesBatch* batch) override {
    return set_->Next(cancel, batch);
  }

  base::Status Decode(const series::Series& series, int64_t min_ms, int64_t max_ms,
                      chunkenc::SampleColumns* out) const override {
    const dedup::DecodeOptions options{.deduplicate = deduplicate_, .function = function_};
    return dedup::DecodeSeries(series.chunks, options, min_ms, max_ms, out);
  }

 private:
  const std::unique_ptr<series::SeriesSet> set_;
  const bool deduplicate_;
  const std::string function_;
};

bool IsOneOf(std::string_view function, std::initializer_list<std::string_view> names) {
  return std::ranges::find(names, function) != names.end();
}

}  // namespace

std::vector<Aggregate> AggregatesFor(std::string_view function) {
  if (function == "min" || function.starts_with("min_")) {
    return {Aggregate::kMin};
  }
  if (function == "max" || function.starts_with("max_")) {
    return {Aggregate::kMax};
  }
  if (function == "count" || function.starts_with("count_")) {
    return {Aggregate::kCount};
  }
  if (function.starts_with("sum_")) {
    return {Aggregate::kSum};
  }
  if (IsOneOf(function, {"rate", "increase", "irate", "resets", "xrate", "xincrease"})) {
    return {Aggregate::kCounter};
  }
  return {Aggregate::kCount, Aggregate::kSum};
}

int64_t ResolutionFor(std::string_view function, int64_t range_ms, int64_t max_resolution_ms) {
  const bool needs_several =
      IsOneOf(function, {"rate", "irate", "increase", "delta", "idelta", "deriv", "predict_linear",
                         "holt_winters", "double_exponential_smoothing"});
  return needs_several && range_ms > 0 ? std::min(max_resolution_ms, range_ms / 2) : max_resolution_ms;
}

storeapi::SeriesRequest StoreSource::MakeRequest(const std::vector<labels::Matcher>& matchers,
                                                 const promql::SelectHints& hints) const {
  storeapi::SeriesRequest request;
  request.min_time_ms = hints.start_ms;
  request.max_time_ms = hints.end_ms;
  request.matchers = matchers;
  request.max_resolution_ms = ResolutionFor(hints.function, hints.range_ms, options_.max_resolution_ms);
  request.aggregates = AggregatesFor(hints.function);
  request.partial_response = options_.partial_response;
  request.skip_chunks = hints.skip_chunks;
  request.hints = {.step_ms = hints.step_ms,
                   .function = hints.function,
                   .grouping_by = hints.grouping_by,
                   .grouping_labels = hints.grouping_labels,
                   .range_ms = hints.range_ms};
  request.shard = options_.shard;
  if (options_.deduplicate) {
    request.without_replica_labels = options_.replica_labels;
  }
  request.response_batch_size = options_.response_batch_size;
  request.tenant = options_.tenant;
  request.request_id = options_.request_id;
  return request;
}

base::StatusOr<std::unique_ptr<promql::SelectedSeries>> StoreSource::Select(
    const base::CancelToken& cancel, const std::vector<labels::Matcher>& matchers,
    const promql::SelectHints& hints) {
  RequestGate::Pass pass;
  if (gate_ != nullptr) {
    TH_ASSIGN_OR_RETURN(pass, gate_->Enter(cancel));
  }
  std::vector<std::unique_ptr<series::SeriesSet>> sets(1);
  TH_ASSIGN_OR_RETURN(sets[0], store_.Series(cancel, MakeRequest(matchers, hints)));
  // Merging one set joins what a store sends as several series with equal labels.
  const bool replicas = options_.deduplicate && !options_.replica_labels.empty();
  return std::make_unique<StoreSelection>(series::MergeSets(std::move(sets)), replicas && options_.penalty,
                                          hints.function);
}

}  // namespace thanos::query
