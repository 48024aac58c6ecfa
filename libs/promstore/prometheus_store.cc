#include "promstore/prometheus_store.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "promstore/series_order.h"
#include "series/merge.h"

namespace thanos::promstore {
namespace {

// Matches every series: all of them have a name.
labels::Matcher MatchAll() {
  auto matcher = labels::Matcher::Create(labels::MatchType::kRegexp, std::string(labels::kMetricName), ".+");
  return *std::move(matcher);
}

// Prometheus' label and series calls refuse selectors whose matchers all accept the empty value.
void MakeSelective(std::vector<labels::Matcher>* matchers) {
  if (std::all_of(matchers->begin(), matchers->end(),
                  [](const auto& matcher) { return matcher.MatchesEmpty(); })) {
    matchers->push_back(MatchAll());
  }
}

std::unique_ptr<series::SeriesSet> EmptySet() {
  return series::FromBatches({});
}

// Counts what it passes on; observed when the stream is dropped.
class CountedSet final : public series::SeriesSet {
 public:
  CountedSet(std::unique_ptr<series::SeriesSet> input, telemetry::Histogram& frames)
      : input_(std::move(input)), frames_(frames) {}
  ~CountedSet() override { frames_.Observe(static_cast<double>(count_)); }
  base::StatusOr<bool> Next(const base::CancelToken& cancel, series::SeriesBatch* batch) override {
    auto more = input_->Next(cancel, batch);
    count_ += batch->series.size();
    return more;
  }

 private:
  std::unique_ptr<series::SeriesSet> input_;
  telemetry::Histogram& frames_;
  size_t count_ = 0;
};

void SortUniqueAndLimit(std::vector<std::string>* values, int64_t limit) {
  std::sort(values->begin(), values->end());
  values->erase(std::unique(values->begin(), values->end()), values->end());
  if (limit > 0 && values->size() > static_cast<size_t>(limit)) {
    values->resize(static_cast<size_t>(limit));
  }
}

bool Contains(const std::vector<std::string>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

std::optional<std::vector<labels::Matcher>> WithoutExternalMatchers(
    const labels::Labels& external_labels, const std::vector<labels::Matcher>& matchers) {
  std::vector<labels::Matcher> rest;
  for (const labels::Matcher& matcher : matchers) {
    const std::string_view value = labels::Get(external_labels.span(), matcher.name());
    if (value.empty()) {
      rest.push_back(matcher);
    } else if (!matcher.Matches(value)) {
      return std::nullopt;
    }
  }
  return rest;
}

PrometheusStore::PrometheusStore(promapi::PrometheusClient& client, const Heartbeat& heartbeat,
                                 telemetry::Registry& metrics)
    : client_(client),
      heartbeat_(heartbeat),
      received_frames_(metrics.AddHistogram("prometheus_store_received_frames",
                                            "Number of frames received per streamed response.",
                                            {10, 100, 1000, 10000, 100000})) {}

base::StatusOr<std::shared_ptr<const PrometheusState>> PrometheusStore::State() const {
  auto state = heartbeat_.state();
  if (state == nullptr) {
    return base::Unavailable("Prometheus was not reached yet");
  }
  return state;
}

base::StatusOr<std::unique_ptr<series::SeriesSet>> PrometheusStore::Series(
    const base::CancelToken& cancel, const storeapi::SeriesRequest& request) {
  TH_ASSIGN_OR_RETURN(const auto state, State());
  if (request.matchers.empty()) {
    return base::InvalidArgument("no matchers specified (excluding external labels)");
  }
  auto matchers = WithoutExternalMatchers(state->external_labels, request.matchers);
  const int64_t min_time_ms = std::max(request.min_time_ms, state->min_time_ms);
  if (!matchers || min_time_ms > request.max_time_ms) {
    return EmptySet();
  }
  const auto rewriter =
      std::make_shared<const LabelRewriter>(state->external_labels, request.without_replica_labels);
  OrderOptions order{.rewriter = rewriter, .shard = request.shard};
  std::unique_ptr<series::SeriesSet> set;
  if (request.skip_chunks) {
    MakeSelective(&*matchers);
    TH_ASSIGN_OR_RETURN(
        series::SeriesBatch batch,
        client_.Series(
            cancel, {.matchers = *matchers, .min_time_ms = min_time_ms, .max_time_ms = request.max_time_ms}));
    std::vector<series::SeriesBatch> batches;
    batches.push_back(std::move(batch));
    set = SortAll(series::FromBatches(std::move(batches)), std::move(order));
  } else {
    if (matchers->empty()) {
      matchers->push_back(MatchAll());
    }
    TH_ASSIGN_OR_RETURN(auto stream, client_.RemoteRead(cancel, {.min_time_ms = min_time_ms,
                                                                 .max_time_ms = request.max_time_ms,
                                                                 .matchers = *matchers}));
    const bool by_groups = stream->sorted() && state->label_names != nullptr && !order_broken_->load() &&
                           !rewriter->TouchesAny(*state->label_names);
    auto counted = std::make_unique<CountedSet>(std::move(stream), received_frames_);
    set = by_groups ? SortGroups(std::move(counted), std::move(order), order_broken_)
                    : SortAll(std::move(counted), std::move(order));
  }
  return request.limit > 0 ? series::Limit(std::move(set), request.limit) : std::move(set);
}

base::StatusOr<storeapi::LabelsResponse> PrometheusStore::LabelNames(
    const base::CancelToken& cancel, const storeapi::LabelNamesRequest& request) {
  TH_ASSIGN_OR_RETURN(const auto state, State());
  storeapi::LabelsResponse response;
  auto matchers = WithoutExternalMatchers(state->external_labels, request.matchers);
  const int64_t min_time_ms = std::max(request.min_time_ms, state->min_time_ms);
  if (!matchers || min_time_ms > request.max_time_ms) {
    return response;
  }
  if (!matchers->empty()) {
    MakeSelective(&*matchers);
  }
  TH_ASSIGN_OR_RETURN(response.values, client_.LabelNames(cancel, {.matchers = *matchers,
                                                                   .min_time_ms = min_time_ms,
                                                                   .max_time_ms = request.max_time_ms}));
  // External labels belong to series; no series, no labels.
  if (!response.values.empty()) {
    for (const labels::LabelView& label : state->external_labels) {
      response.values.emplace_back(label.name);
    }
  }
  std::erase_if(response.values,
                [&](const auto& name) { return Contains(request.without_replica_labels, name); });
  SortUniqueAndLimit(&response.values, request.limit);
  return response;
}

base::StatusOr<storeapi::LabelsResponse> PrometheusStore::LabelValues(
    const base::CancelToken& cancel, const storeapi::LabelValuesRequest& request) {
  if (request.label.empty()) {
    return base::InvalidArgument("label name parameter cannot be empty");
  }
  TH_ASSIGN_OR_RETURN(const auto state, State());
  storeapi::LabelsResponse response;
  auto matchers = WithoutExternalMatchers(state->external_labels, request.matchers);
  const int64_t min_time_ms = std::max(request.min_time_ms, state->min_time_ms);
  if (!matchers || min_time_ms > request.max_time_ms ||
      Contains(request.without_replica_labels, request.label)) {
    return response;
  }
  if (!matchers->empty()) {
    MakeSelective(&*matchers);
  }
  promapi::LabelQuery query{
      .matchers = *matchers, .min_time_ms = min_time_ms, .max_time_ms = request.max_time_ms};
  const std::string_view external = labels::Get(state->external_labels.span(), request.label);
  if (external.empty()) {
    TH_ASSIGN_OR_RETURN(response.values, client_.LabelValues(cancel, request.label, query));
    SortUniqueAndLimit(&response.values, request.limit);
    return response;
  }
  bool has_series = true;
  if (!matchers->empty()) {
    query.limit = 1;
    TH_ASSIGN_OR_RETURN(const std::vector<std::string> names, client_.LabelNames(cancel, query));
    has_series = !names.empty();
  }
  if (has_series) {
    response.values.emplace_back(external);
  }
  return response;
}

base::StatusOr<storeapi::StoreInfo> PrometheusStore::Info() {
  TH_ASSIGN_OR_RETURN(const auto state, State());
  if (!heartbeat_.healthy()) {
    return base::Unavailable("Prometheus does not answer");
  }
  storeapi::StoreInfo info;
  info.label_sets = {state->external_labels};
  info.min_time_ms = state->min_time_ms;
  info.max_time_ms = std::numeric_limits<int64_t>::max();
  info.supports_sharding = true;
  info.supports_without_replica_labels = true;
  info.tsdb_infos = {{.external_labels = state->external_labels,
                      .min_time_ms = state->min_time_ms,
                      .max_time_ms = std::numeric_limits<int64_t>::max()}};
  return info;
}

}  // namespace thanos::promstore
