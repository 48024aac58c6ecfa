#include "query/distributed.h"

#include <algorithm>
#include <map>
#include <utility>

#include "base/strings.h"
#include "chunkenc/appender.h"
#include "chunkenc/chunk.h"
#include "concurrency/task_group.h"
#include "fanout/store_stream.h"
#include "fanout/tsdb_selector.h"
#include "promql_parser/parser.h"
#include "query/distributed_internal.h"
#include "query/query_service.h"

namespace thanos::query {
namespace {

constexpr int64_t kSecondMs = 1000;
constexpr size_t kBatchSeries = 256;

bool IsWholeSeconds(int64_t ms) {
  return ms % kSecondMs == 0;
}

struct JoinedSeries {
  labels::Labels labels;
  int64_t min_time_ms = 0;
  int64_t max_time_ms = 0;
  std::string chunk;
};

// A chunk that an instant selector on the query's grid reads back exactly: a stale marker follows where a
// value is missing, so that no earlier one is taken for it.
JoinedSeries Encode(const storeapi::QueryApiSeries& series, const promql::QueryOptions& query) {
  JoinedSeries out;
  out.labels = series.labels;
  chunkenc::XorAppender appender;
  for (size_t i = 0; i < series.timestamps.size(); ++i) {
    const int64_t time_ms = series.timestamps[i];
    appender.Append(time_ms, series.values[i]);
    out.max_time_ms = time_ms;
    const int64_t next_ms = time_ms + query.step_ms;
    const bool missing = i + 1 == series.timestamps.size() || series.timestamps[i + 1] > next_ms;
    if (query.step_ms > 0 && missing && next_ms <= query.end_ms) {
      appender.Append(next_ms, chunkenc::StaleNan());
      out.max_time_ms = next_ms;
    }
  }
  out.min_time_ms = series.timestamps.front();
  out.chunk = appender.Bytes();
  return out;
}

class JoinedSet final : public series::SeriesSet {
 public:
  JoinedSet(const std::vector<JoinedSeries>& series, const std::vector<std::string>& warnings)
      : series_(series), warnings_(warnings) {}
  base::StatusOr<bool> Next(const base::CancelToken& cancel, series::SeriesBatch* batch) override {
    batch->Clear();
    TH_RETURN_IF_ERROR(cancel.status());
    if (position_ == 0 && !std::exchange(warned_, true)) {
      batch->warnings = warnings_;
    }
    for (; position_ < series_.size() && batch->series.size() < kBatchSeries; ++position_) {
      const JoinedSeries& series = series_[position_];
      auto* const chunk = batch->arena().AllocateArray<series::Chunk>(1);
      new (chunk) series::Chunk{.min_time_ms = series.min_time_ms,
                                .max_time_ms = series.max_time_ms,
                                .raw = {.encoding = chunkenc::Encoding::kXor, .data = series.chunk}};
      batch->series.push_back({.labels = series.labels, .chunks = {chunk, 1}});
    }
    return !batch->empty();
  }

 private:
  const std::vector<JoinedSeries>& series_;
  const std::vector<std::string>& warnings_;
  size_t position_ = 0;
  bool warned_ = false;
};

// The results of parts beside the series of another store.
class JoinedStore final : public storeapi::Store {
 public:
  JoinedStore(storeapi::Store& store, size_t num_parts) : store_(store), parts_(num_parts) {}

  void Add(size_t part, const storeapi::QueryApiSeries& series, const promql::QueryOptions& query) {
    if (!series.timestamps.empty()) {
      parts_[part].push_back(Encode(series, query));
    }
  }
  void AddWarning(std::string warning) {
    if (std::ranges::find(warnings_, warning) == warnings_.end()) {
      warnings_.push_back(std::move(warning));
    }
  }
  void Sort() {
    for (std::vector<JoinedSeries>& part : parts_) {
      std::ranges::sort(part, {}, &JoinedSeries::labels);
    }
  }

  base::StatusOr<std::unique_ptr<series::SeriesSet>> Series(const base::CancelToken& cancel,
                                                            const storeapi::SeriesRequest& request) override {
    for (const labels::Matcher& matcher : request.matchers) {
      if (matcher.name() == kRemotePartLabel) {
        const auto part = base::ParseInt64(matcher.value());
        if (!part.has_value() || *part < 0 || static_cast<size_t>(*part) >= parts_.size()) {
          return base::Internal("unknown part of a distributed query");
        }
        return std::make_unique<JoinedSet>(parts_[static_cast<size_t>(*part)], warnings_);
      }
    }
    return store_.Series(cancel, request);
  }
  base::StatusOr<storeapi::LabelsResponse> LabelNames(const base::CancelToken& cancel,
                                                      const storeapi::LabelNamesRequest& request) override {
    return store_.LabelNames(cancel, request);
  }
  base::StatusOr<storeapi::LabelsResponse> LabelValues(const base::CancelToken& cancel,
                                                       const storeapi::LabelValuesRequest& request) override {
    return store_.LabelValues(cancel, request);
  }
  base::StatusOr<storeapi::StoreInfo> Info() override { return store_.Info(); }

 private:
  storeapi::Store& store_;
  std::vector<std::vector<JoinedSeries>> parts_;
  std::vector<std::string> warnings_;
};

storeapi::QueryCall MakeCall(const std::string& query, const QueryParameters& parameters,
                             const promql::EngineOptions& engine) {
  storeapi::QueryCall call;
  call.query = query;
  call.range = !parameters.query.instant;
  call.start_ms = parameters.query.start_ms;
  call.end_ms = parameters.query.end_ms;
  call.step_ms = parameters.query.step_ms;
  call.timeout = parameters.timeout;
  call.max_resolution_ms = parameters.source.max_resolution_ms;
  call.replica_labels = parameters.source.replica_labels;
  call.deduplicate = parameters.source.deduplicate;
  call.partial_response = parameters.source.partial_response;
  call.lookback_ms = parameters.query.lookback_ms > 0 ? parameters.query.lookback_ms : engine.lookback_ms;
  call.engine = parameters.engine;
  call.response_batch_size = kBatchSeries;
  call.tenant = parameters.source.tenant;
  call.request_id = parameters.source.request_id;
  return call;
}

bool FitsTheService(const QueryParameters& parameters, const promql::EngineOptions& engine) {
  const promql::QueryOptions& query = parameters.query;
  return IsWholeSeconds(query.start_ms) && IsWholeSeconds(query.end_ms) && IsWholeSeconds(query.step_ms) &&
         IsWholeSeconds(query.lookback_ms) && IsWholeSeconds(engine.lookback_ms) &&
         IsWholeSeconds(parameters.source.max_resolution_ms) && parameters.source.shard.total_shards < 1;
}

}  // namespace

// Queriers, and all that is no querier as one.
struct QueryDistributor::Partition {
  std::string name;
  std::shared_ptr<storeapi::QueryApi> engine;  // null: the stores that are no queriers
  base::Status health;
  std::vector<labels::Labels> label_sets;
};

namespace {

// The external labels of the TSDBs behind an endpoint. Its label sets may hold some that no series has, which
// store gateways announce for old queriers.
std::vector<labels::Labels> ExternalLabels(const storeapi::StoreInfo& info) {
  std::vector<labels::Labels> label_sets;
  for (const storeapi::TsdbInfo& tsdb : info.tsdb_infos) {
    label_sets.push_back(tsdb.external_labels);
  }
  if (label_sets.empty()) {
    for (const labels::Labels& label_set : info.label_sets) {
      const bool compatibility = std::ranges::any_of(
          label_set, [](const labels::LabelView& label) { return label.name.starts_with("@thanos_compat"); });
      if (!compatibility) {
        label_sets.push_back(label_set);
      }
    }
  }
  return label_sets;
}

}  // namespace

std::vector<QueryDistributor::Partition> QueryDistributor::Partitions() const {
  std::vector<Partition> partitions;
  const auto engines = backends_.engines();
  for (const fanout::ApiRef& engine : *engines) {
    if (engine.served.query && engine.query_api != nullptr) {
      partitions.push_back({.name = engine.name,
                            .engine = engine.query_api,
                            .health = engine.health,
                            .label_sets = ExternalLabels(engine.store)});
    }
  }
  if (partitions.empty()) {
    return partitions;
  }
  const size_t num_engines = partitions.size();
  const auto stores = backends_.stores();
  Partition rest;
  bool has_rest = false;
  for (const fanout::StoreRef& store : *stores) {
    const auto is_engine = [&store](const Partition& partition) { return partition.name == store.name; };
    if (std::any_of(partitions.begin(), partitions.begin() + static_cast<ptrdiff_t>(num_engines),
                    is_engine)) {
      continue;
    }
    has_rest = true;
    const std::vector<labels::Labels> label_sets = ExternalLabels(store.info);
    if (label_sets.empty()) {
      return {};  // it may hold anything
    }
    rest.label_sets.insert(rest.label_sets.end(), label_sets.begin(), label_sets.end());
  }
  if (has_rest) {
    partitions.push_back(std::move(rest));
  }
  return partitions;
}

base::StatusOr<promql::Result> QueryDistributor::Evaluate(const base::CancelToken& cancel,
                                                          const promql_parser::Expr& expr,
                                                          const QueryParameters& parameters,
                                                          const promql::Engine& engine,
                                                          storeapi::Store& store, RequestGate* gate) {
  const auto evaluate_here = [&](const promql_parser::Expr& whole, storeapi::Store& over) {
    StoreSource source(over, parameters.source, gate);
    return engine.Query(cancel, whole, parameters.query, source);
  };
  const std::vector<Partition> partitions = Partitions();
  std::vector<std::vector<labels::Labels>> label_sets;
  for (const Partition& partition : partitions) {
    label_sets.push_back(partition.label_sets);
  }
  const std::vector<std::string> partition_labels = PartitionLabels(
      label_sets,
      parameters.source.deduplicate ? parameters.source.replica_labels : std::vector<std::string>(),
      options_.partition_labels);
  if (partition_labels.empty() || !FitsTheService(parameters, engine.options())) {
    return evaluate_here(expr, store);
  }
  const DistributedPlan plan = PlanDistribution(expr, partition_labels);
  if (plan.parts.empty()) {
    return evaluate_here(expr, store);
  }

  // The stores that are no queriers.
  std::string engine_names;
  for (const Partition& partition : partitions) {
    if (partition.engine != nullptr) {
      base::Append(engine_names, engine_names.empty() ? "" : "|", fanout::QuoteForRegex(partition.name));
    }
  }
  TH_ASSIGN_OR_RETURN(labels::Matcher no_engine,
                      labels::Matcher::Create(labels::MatchType::kNotRegexp, "__address__", engine_names));
  const std::unique_ptr<storeapi::Store> rest = backends_.narrow({{std::move(no_engine)}});

  const size_t num_calls = plan.parts.size() * partitions.size();
  std::vector<base::StatusOr<storeapi::QueryApiAnswer>> answers(num_calls, base::Unavailable("not asked"));
  const bool partial = parameters.source.partial_response == storeapi::PartialResponse::kWarn;
  {
    const base::CancelSource give_up(cancel, partial ? fanout::GiveUpTime(cancel) : base::kNoDeadline);
    concurrency::TaskGroup group(backends_.pool, give_up.token());
    for (size_t i = 0; i < num_calls; ++i) {
      group.Add([&, i](const base::CancelToken& token) -> base::Status {
        const Partition& partition = partitions[i % partitions.size()];
        const std::string& query = plan.parts[i / partitions.size()].query;
        if (!partition.health.ok()) {
          answers[i] = partition.health;
        } else if (partition.engine != nullptr) {
          answers[i] = partition.engine->Evaluate(token, MakeCall(query, parameters, engine.options()));
        } else {
          StoreSource source(*rest, parameters.source, gate);
          base::StatusOr<promql::Result> result = engine.Query(token, query, parameters.query, source);
          answers[i] = result.ok() ? ToAnswer(*std::move(result))
                                   : base::StatusOr<storeapi::QueryApiAnswer>(result.status());
        }
        if (!answers[i].ok()) {
          answers[i] = base::MakeStatus(
              answers[i].status().code(),
              base::Concat("evaluate at ", partition.name, ": ", base::CodeName(answers[i].status().code()),
                           ": ", base::Message(answers[i].status())));
        }
        return partial ? base::OkStatus() : answers[i].status();
      });
    }
    const base::Status failure = group.Wait();
    TH_RETURN_IF_ERROR(cancel.status());
    if (!failure.ok() && failure.code() != base::StatusCode::kUnimplemented) {
      return base::Aborted(base::Message(failure));
    }
  }
  const bool unable = std::ranges::any_of(
      answers, [](const auto& answer) { return answer.status().code() == base::StatusCode::kUnimplemented; });
  if (unable) {
    return evaluate_here(expr, store);  // native histograms, or a querier that cannot do this
  }
  JoinedStore joined(store, plan.parts.size());
  for (size_t i = 0; i < num_calls; ++i) {
    if (!answers[i].ok()) {
      joined.AddWarning(std::string(base::Message(answers[i].status())));
      continue;
    }
    for (const storeapi::QueryApiSeries& series : answers[i]->series) {
      joined.Add(i / partitions.size(), series, parameters.query);
    }
    for (std::string& warning : answers[i]->warnings) {
      joined.AddWarning(std::move(warning));
    }
  }
  joined.Sort();
  base::StatusOr<promql::Result> result = evaluate_here(*plan.expr, joined);
  if (result.ok()) {
    for (const auto& answer : answers) {
      if (answer.ok()) {
        result->stats.total_queryable_samples += answer->samples_total;
        result->stats.peak_samples = std::max(result->stats.peak_samples, answer->peak_samples);
      }
    }
  }
  return result;
}

}  // namespace thanos::query
