#include "fanout/endpoint_set.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "concurrency/task_group.h"
#include "fanout/tsdb_selector.h"
#include "telemetry/log.h"

namespace thanos::fanout {
namespace {

constexpr char kConnections[] = "thanos_store_nodes_grpc_connections";
constexpr size_t kMaxLabelText = 1000;
// The component of a strict endpoint that never answered.
constexpr char kUnknownComponent[] = "unknown";

std::string LabelSetsText(const std::vector<labels::Labels>& label_sets) {
  std::string text;
  for (const labels::Labels& label_set : label_sets) {
    base::Append(text, text.empty() ? "" : ",", labels::ToString(label_set));
    if (text.size() > kMaxLabelText) {
      text.resize(kMaxLabelText);
      break;
    }
  }
  return text;
}

}  // namespace

struct EndpointSet::State {
  EndpointSpec spec;
  std::shared_ptr<storeapi::Endpoint> endpoint;
  std::optional<storeapi::EndpointInfo> info;  // of the last success
  base::Status health = base::Unavailable("not checked yet");
  int64_t last_check_ms = 0;
  int64_t last_success_ms = 0;
  int64_t num_checks = 0;  // that got an answer or failed
};

EndpointSet::EndpointSet(EndpointSetOptions options, const base::Clock& clock, concurrency::ThreadPool& pool,
                         telemetry::Registry& metrics)
    : options_(std::move(options)),
      clock_(clock),
      pool_(pool),
      metrics_(metrics),
      duplicates_(metrics.AddCounter(
          "thanos_query_duplicated_endpoint_addresses_total",
          "The number of times a duplicated endpoint address is detected from the different "
          "configs in query")),
      stores_(std::make_shared<const StoreList>()),
      apis_(std::make_shared<const ApiList>()) {}
EndpointSet::~EndpointSet() = default;

void EndpointSet::SetSpecs(std::vector<EndpointSpec> specs) {
  base::MutexLock lock(mutex_);
  specs_ = std::move(specs);
}

std::shared_ptr<const StoreList> EndpointSet::Stores() const {
  base::MutexLock lock(mutex_);
  return stores_;
}

std::shared_ptr<const ApiList> EndpointSet::Apis() const {
  base::MutexLock lock(mutex_);
  return apis_;
}

std::map<std::string, std::vector<EndpointStatus>> EndpointSet::Statuses() const {
  base::MutexLock lock(mutex_);
  return statuses_;
}

void EndpointSet::Refresh(const base::CancelToken& cancel) {
  Reconcile();
  {
    concurrency::TaskGroup group(pool_, cancel);
    for (const auto& [address, state] : states_) {
      group.Add([this, &state = *state](const base::CancelToken& token) {
        Check(token, state);
        return base::OkStatus();
      });
    }
    group.Wait().IgnoreError();
  }
  if (!cancel.cancelled()) {
    Publish();
  }
}

void EndpointSet::Reconcile() {
  std::map<std::string, EndpointSpec> wanted;
  {
    base::MutexLock lock(mutex_);
    for (const EndpointSpec& spec : specs_) {
      if (!wanted.insert_or_assign(spec.address, spec).second) {
        duplicates_.Increment();
      }
    }
  }
  std::erase_if(states_, [&](const auto& entry) { return !wanted.contains(entry.first); });
  for (const auto& [address, spec] : wanted) {
    std::shared_ptr<State>& state = states_[address];
    if (state == nullptr) {
      state = std::make_shared<State>();
    }
    if (state->spec.target != spec.target || state->spec.service_config != spec.service_config) {
      state->endpoint.reset();  // running calls keep it
    }
    state->spec = spec;
  }
}

void EndpointSet::Check(const base::CancelToken& cancel, State& state) {
  state.last_check_ms = clock_.NowMs();
  if (state.endpoint == nullptr) {
    base::StatusOr<std::unique_ptr<storeapi::Endpoint>> endpoint =
        state.spec.group && state.spec.target.empty()
            ? base::Unavailable("no address is known for the endpoint group")
            : options_.connect(state.spec);
    if (!endpoint.ok()) {
      state.health = endpoint.status();
      return;
    }
    state.endpoint = *std::move(endpoint);
  }
  const base::CancelSource source(cancel, options_.info_timeout);
  base::StatusOr<storeapi::EndpointInfo> info = state.endpoint->Info(source.token());
  if (cancel.cancelled()) {
    return;
  }
  const bool was_healthy = state.health.ok();
  const bool first_failure = !info.ok() && state.num_checks == 0;
  ++state.num_checks;
  state.health = info.status();
  if (info.ok()) {
    state.info = *std::move(info);
    state.last_success_ms = clock_.NowMs();
    if (!was_healthy) {
      TH_LOG(kInfo, "adding new endpoint")
          .With("address", state.spec.address)
          .With("component", state.info->component);
    }
  } else if (was_healthy || first_failure) {
    TH_LOG(kWarn, "update of endpoint failed").With("address", state.spec.address).With("err", state.health);
  }
}

std::optional<storeapi::EndpointInfo> EndpointSet::Announced(const State& state) const {
  const int64_t timeout_ms =
      std::chrono::duration_cast<std::chrono::milliseconds>(options_.unhealthy_timeout).count();
  const bool lately_healthy = state.info.has_value() && clock_.NowMs() - state.last_success_ms <= timeout_ms;
  if (!state.health.ok() && !lately_healthy && !state.spec.strict) {
    return std::nullopt;
  }
  storeapi::EndpointInfo info = state.info.value_or(storeapi::EndpointInfo{});
  if (!state.info.has_value()) {
    info.component = kUnknownComponent;
  }
  if (state.spec.strict && !state.health.ok()) {
    // Whatever it holds is not known now, so it is asked about everything.
    info.has_store = true;
    info.store.label_sets.clear();
    info.store.tsdb_infos.clear();
    info.store.min_time_ms = std::numeric_limits<int64_t>::min();
    info.store.max_time_ms = std::numeric_limits<int64_t>::max();
  }
  return info;
}

void EndpointSet::Publish() {
  auto stores = std::make_shared<StoreList>();
  auto apis = std::make_shared<ApiList>();
  std::map<std::string, std::vector<EndpointStatus>> statuses;
  std::map<telemetry::MetricLabels, double> connections;
  for (const auto& [address, state] : states_) {
    std::optional<storeapi::EndpointInfo> info = Announced(*state);
    if (!info.has_value()) {
      continue;
    }
    statuses[info->component].push_back({.name = address,
                                         .last_check_ms = state->last_check_ms,
                                         .last_error = std::string(base::Message(state->health)),
                                         .label_sets = info->store.label_sets,
                                         .min_time_ms = info->store.min_time_ms,
                                         .max_time_ms = info->store.max_time_ms,
                                         .apis = info->apis,
                                         .strict = state->spec.strict});
    if (state->health.ok()) {
      connections[ConnectionLabels(*info)] += 1;
    }
    if (info->apis != storeapi::ServedApis{} && state->endpoint != nullptr &&
        state->endpoint->apis() != nullptr) {
      apis->push_back(
          {.apis = std::shared_ptr<storeapi::EndpointApis>(state->endpoint, state->endpoint->apis()),
           .name = address,
           .served = info->apis,
           .label_sets = info->store.label_sets,
           .health = state->health,
           .query_api =
               state->endpoint->query_api() == nullptr
                   ? nullptr
                   : std::shared_ptr<storeapi::QueryApi>(state->endpoint, state->endpoint->query_api()),
           .store = info->store});
    }
    if (!info->has_store) {
      continue;
    }
    if (std::optional<StoreRef> store = MakeStore(*state, *std::move(info)); store.has_value()) {
      stores->push_back(*std::move(store));
    }
  }
  PublishMetrics(connections);
  base::MutexLock lock(mutex_);
  stores_ = std::move(stores);
  apis_ = std::move(apis);
  statuses_ = std::move(statuses);
}

std::optional<StoreRef> EndpointSet::MakeStore(const State& state, storeapi::EndpointInfo info) const {
  StoreRef ref{.store = nullptr,
               .name = state.spec.address,
               .component = std::move(info.component),
               .info = std::move(info.store),
               .health = state.health};
  if (state.endpoint != nullptr) {
    ref.store = std::shared_ptr<storeapi::Store>(state.endpoint, &state.endpoint->store());
    if (state.spec.strict && !state.health.ok()) {
      ref.health = base::OkStatus();
      ref.patience = options_.strict_patience;
    }
  }
  if (options_.selector.empty() || ref.info.label_sets.empty()) {
    return ref;
  }
  std::vector<labels::Labels> kept = KeptLabelSets(options_.selector, ref.info.label_sets);
  if (kept.empty()) {
    return std::nullopt;
  }
  if (kept.size() < ref.info.label_sets.size()) {
    ref.selector_matchers = MatchersOf(kept);
    std::erase_if(ref.info.tsdb_infos, [&kept](const storeapi::TsdbInfo& tsdb) {
      return std::ranges::find(kept, tsdb.external_labels) == kept.end();
    });
    ref.info.label_sets = std::move(kept);
  }
  return ref;
}

telemetry::MetricLabels EndpointSet::ConnectionLabels(const storeapi::EndpointInfo& info) const {
  telemetry::MetricLabels metric_labels;
  for (const std::string& name : options_.connection_labels) {
    metric_labels.emplace_back(name,
                               name == "store_type" ? info.component : LabelSetsText(info.store.label_sets));
  }
  return metric_labels;
}

void EndpointSet::PublishMetrics(const std::map<telemetry::MetricLabels, double>& connections) {
  for (auto gauge = gauges_.begin(); gauge != gauges_.end();) {
    if (connections.contains(gauge->first)) {
      ++gauge;
      continue;
    }
    metrics_.Remove(kConnections, gauge->first);
    gauge = gauges_.erase(gauge);
  }
  for (const auto& [metric_labels, count] : connections) {
    telemetry::Gauge*& gauge = gauges_[metric_labels];
    if (gauge == nullptr) {
      gauge = &metrics_.AddGauge(
          kConnections,
          "Number of gRPC connection to Store APIs. Opened connection means healthy store APIs "
          "available for Querier.",
          metric_labels);
    }
    gauge->Set(count);
  }
}

}  // namespace thanos::fanout
