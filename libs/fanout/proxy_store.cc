#include "fanout/proxy_store.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "concurrency/task_group.h"
#include "fanout/selection.h"
#include "fanout/store_stream.h"
#include "series/merge.h"

namespace thanos::fanout {
namespace {

using storeapi::LabelsResponse;
using storeapi::PartialResponse;
using SeriesSetPtr = std::unique_ptr<series::SeriesSet>;

// Nothing to merge.
class EmptySet final : public series::SeriesSet {
 public:
  base::StatusOr<bool> Next(const base::CancelToken& cancel, series::SeriesBatch* batch) override {
    batch->Clear();
    TH_RETURN_IF_ERROR(cancel.status());
    return false;
  }
};

// Adds the values of `more` to `values`; both sorted and unique.
void MergeValues(std::vector<std::string>* values, std::vector<std::string> more) {
  std::vector<std::string> merged;
  merged.reserve(values->size() + more.size());
  std::set_union(std::make_move_iterator(values->begin()), std::make_move_iterator(values->end()),
                 std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()),
                 std::back_inserter(merged));
  *values = std::move(merged);
}

// Waits for no store longer than GiveUpTime under kWarn.
base::CancelSource StoreCancel(const base::CancelToken& cancel, PartialResponse partial_response) {
  return base::CancelSource(
      cancel, partial_response == PartialResponse::kWarn ? GiveUpTime(cancel) : base::kNoDeadline);
}

// Until when a store must have begun to answer; never for one that is healthy.
base::TimePoint FirstBy(const StoreRef& store) {
  return store.patience > base::Duration::zero() ? base::SteadyNow() + store.patience : base::kNoDeadline;
}

// `request` as this store gets it.
template <typename Request>
Request Selected(const StoreRef& store, const Request& request) {
  Request own = request;
  own.matchers.insert(own.matchers.end(), store.selector_matchers.begin(), store.selector_matchers.end());
  return own;
}

}  // namespace

class ProxyStore::Impl {
 public:
  Impl(const StoreProvider& stores, concurrency::ThreadPool& pool, telemetry::Registry& metrics,
       ProxyStoreOptions options)
      : stores_(stores),
        pool_(pool),
        options_(std::move(options)),
        empty_streams_(metrics.AddCounter("thanos_proxy_store_empty_stream_responses_total",
                                          "Total number of empty responses received.")) {}

  base::StatusOr<SeriesSetPtr> Series(const base::CancelToken& cancel,
                                      const storeapi::SeriesRequest& original,
                                      const StoreMatchers& store_matchers) {
    TH_RETURN_IF_ERROR(cancel.status());
    storeapi::SeriesRequest request = original;
    TH_ASSIGN_OR_RETURN(const bool possible, NarrowMatchers(&request.matchers));
    if (!possible) {
      return std::make_unique<EmptySet>();
    }
    std::vector<SeriesSetPtr> streams;
    const std::shared_ptr<const StoreList> stores = stores_.Stores();
    const Selection selection{request.min_time_ms, request.max_time_ms, request.matchers, store_matchers};
    const base::TimePoint give_up_at = GiveUpTime(cancel);
    for (const StoreRef& store : *stores) {
      if (MayHold(store, selection)) {
        streams.push_back(OpenStream(cancel, store, request, give_up_at));
      }
    }
    if (streams.empty()) {
      return std::make_unique<EmptySet>();
    }
    SeriesSetPtr merged = series::MergeSets(std::move(streams));
    return request.limit > 0 ? series::Limit(std::move(merged), request.limit) : std::move(merged);
  }

  // `call` asks one store; `what` begins the texts of failures.
  template <typename Request, typename Call>
  base::StatusOr<LabelsResponse> Labels(const base::CancelToken& cancel, const Request& original,
                                        const StoreMatchers& store_matchers, std::string_view what,
                                        Call call) {
    Request request = original;
    LabelsResponse response;
    if (!request.matchers.empty()) {
      std::optional<std::vector<labels::Matcher>> rest =
          ApplySelectorLabels(request.matchers, options_.selector_labels);
      if (!rest.has_value()) {
        return response;
      }
      request.matchers = *std::move(rest);
    }
    const std::shared_ptr<const StoreList> stores = stores_.Stores();
    const Selection selection{request.min_time_ms, request.max_time_ms, request.matchers, store_matchers};
    std::vector<const StoreRef*> chosen;
    for (const StoreRef& store : *stores) {
      if (MayHold(store, selection)) {
        chosen.push_back(&store);
      }
    }
    std::vector<base::StatusOr<LabelsResponse>> answers(chosen.size(), base::Unavailable("not asked"));
    const base::CancelSource source = StoreCancel(cancel, request.partial_response);
    {
      concurrency::TaskGroup group(pool_, source.token());
      for (size_t i = 0; i < chosen.size(); ++i) {
        group.Add([&, i](const base::CancelToken& token) -> base::Status {
          const StoreRef& store = *chosen[i];
          const base::CancelSource patience(token, FirstBy(store));
          answers[i] = store.health.ok() ? call(*store.store, patience.token(), Selected(store, request))
                                         : base::StatusOr<LabelsResponse>(store.health);
          // Under kAbort the first failure ends the call.
          return request.partial_response == PartialResponse::kAbort ? Failure(what, store, answers[i])
                                                                     : base::OkStatus();
        });
      }
      const base::Status failure = group.Wait();
      TH_RETURN_IF_ERROR(cancel.status());
      if (request.partial_response == PartialResponse::kAbort && !failure.ok()) {
        return failure;
      }
    }
    for (size_t i = 0; i < chosen.size(); ++i) {
      if (const base::Status failure = Failure(what, *chosen[i], answers[i]); !failure.ok()) {
        response.warnings.emplace_back(base::Message(failure));
      }
      if (answers[i].ok()) {
        MergeValues(&response.values, std::move(answers[i]->values));
        std::move(answers[i]->warnings.begin(), answers[i]->warnings.end(),
                  std::back_inserter(response.warnings));
      }
    }
    if (request.limit > 0 && response.values.size() > static_cast<size_t>(request.limit)) {
      response.values.resize(static_cast<size_t>(request.limit));
    }
    return response;
  }

  base::StatusOr<LabelsResponse> LabelNames(const base::CancelToken& cancel,
                                            const storeapi::LabelNamesRequest& request,
                                            const StoreMatchers& store_matchers) {
    return Labels(cancel, request, store_matchers, "fetch label names from store",
                  [](storeapi::Store& store, const base::CancelToken& token, const auto& asked) {
                    return store.LabelNames(token, asked);
                  });
  }
  base::StatusOr<LabelsResponse> LabelValues(const base::CancelToken& cancel,
                                             const storeapi::LabelValuesRequest& request,
                                             const StoreMatchers& store_matchers) {
    return Labels(cancel, request, store_matchers, "fetch label values from store",
                  [](storeapi::Store& store, const base::CancelToken& token, const auto& asked) {
                    return store.LabelValues(token, asked);
                  });
  }

  base::StatusOr<storeapi::StoreInfo> Info() const {
    storeapi::StoreInfo info;
    info.supports_sharding = true;
    info.supports_without_replica_labels = true;
    const std::shared_ptr<const StoreList> stores = stores_.Stores();
    for (const StoreRef& store : *stores) {
      info.min_time_ms = std::min(info.min_time_ms, store.info.min_time_ms);
      info.max_time_ms = std::max(info.max_time_ms, store.info.max_time_ms);
      info.label_sets.insert(info.label_sets.end(), store.info.label_sets.begin(),
                             store.info.label_sets.end());
      info.tsdb_infos.insert(info.tsdb_infos.end(), store.info.tsdb_infos.begin(),
                             store.info.tsdb_infos.end());
    }
    std::sort(info.label_sets.begin(), info.label_sets.end());
    info.label_sets.erase(std::unique(info.label_sets.begin(), info.label_sets.end()), info.label_sets.end());
    return info;
  }

 private:
  // Applies the selector labels. False: nothing can match. InvalidArgument: no matcher is left.
  base::StatusOr<bool> NarrowMatchers(std::vector<labels::Matcher>* matchers) const {
    std::optional<std::vector<labels::Matcher>> rest =
        ApplySelectorLabels(*matchers, options_.selector_labels);
    if (!rest.has_value()) {
      return false;
    }
    if (rest->empty()) {
      return base::InvalidArgument("no matchers specified (excluding external labels)");
    }
    *matchers = *std::move(rest);
    return true;
  }

  SeriesSetPtr OpenStream(const base::CancelToken& cancel, const StoreRef& store,
                          const storeapi::SeriesRequest& request, base::TimePoint give_up_at) {
    base::StatusOr<SeriesSetPtr> inner = store.health.ok()
                                             ? store.store->Series(cancel, Selected(store, request))
                                             : base::StatusOr<SeriesSetPtr>(store.health);
    if (inner.ok() && !request.without_replica_labels.empty() &&
        !store.info.supports_without_replica_labels) {
      inner = series::WithoutLabels(*std::move(inner), request.without_replica_labels);
    }
    if (inner.ok() && request.shard.total_shards >= 1 && !store.info.supports_sharding) {
      inner = std::make_unique<ShardedSet>(*std::move(inner), request.shard);
    }
    return std::make_unique<StoreStream>(std::move(inner), StoreStream::Options{
                                                               .store = store.store,
                                                               .store_name = store.name,
                                                               .partial_response = request.partial_response,
                                                               .give_up_at = give_up_at,
                                                               .first_by = FirstBy(store),
                                                               .empty_streams = &empty_streams_,
                                                           });
  }

  // OK, or Aborted with the text for users.
  static base::Status Failure(std::string_view what, const StoreRef& store,
                              const base::StatusOr<LabelsResponse>& answer) {
    return answer.ok() ? base::OkStatus()
                       : base::Aborted(what, " ", store.name, ": ", base::CodeName(answer.status().code()),
                                       ": ", base::Message(answer.status()));
  }

  const StoreProvider& stores_;
  concurrency::ThreadPool& pool_;
  const ProxyStoreOptions options_;
  telemetry::Counter& empty_streams_;
};

// One request's view of a proxy.
class ProxyStore::Narrowed final : public storeapi::Store {
 public:
  Narrowed(Impl& impl, StoreMatchers store_matchers)
      : impl_(impl), store_matchers_(std::move(store_matchers)) {}
  base::StatusOr<SeriesSetPtr> Series(const base::CancelToken& cancel,
                                      const storeapi::SeriesRequest& request) override {
    return impl_.Series(cancel, request, store_matchers_);
  }
  base::StatusOr<LabelsResponse> LabelNames(const base::CancelToken& cancel,
                                            const storeapi::LabelNamesRequest& request) override {
    return impl_.LabelNames(cancel, request, store_matchers_);
  }
  base::StatusOr<LabelsResponse> LabelValues(const base::CancelToken& cancel,
                                             const storeapi::LabelValuesRequest& request) override {
    return impl_.LabelValues(cancel, request, store_matchers_);
  }
  base::StatusOr<storeapi::StoreInfo> Info() override { return impl_.Info(); }

 private:
  Impl& impl_;
  const StoreMatchers store_matchers_;
};

ProxyStore::ProxyStore(const StoreProvider& stores, concurrency::ThreadPool& pool,
                       telemetry::Registry& metrics, ProxyStoreOptions options)
    : impl_(std::make_unique<Impl>(stores, pool, metrics, std::move(options))) {}
ProxyStore::~ProxyStore() = default;

base::StatusOr<SeriesSetPtr> ProxyStore::Series(const base::CancelToken& cancel,
                                                const storeapi::SeriesRequest& request) {
  return impl_->Series(cancel, request, {});
}
base::StatusOr<LabelsResponse> ProxyStore::LabelNames(const base::CancelToken& cancel,
                                                      const storeapi::LabelNamesRequest& request) {
  return impl_->LabelNames(cancel, request, {});
}
base::StatusOr<LabelsResponse> ProxyStore::LabelValues(const base::CancelToken& cancel,
                                                       const storeapi::LabelValuesRequest& request) {
  return impl_->LabelValues(cancel, request, {});
}
base::StatusOr<storeapi::StoreInfo> ProxyStore::Info() {
  return impl_->Info();
}

std::unique_ptr<storeapi::Store> ProxyStore::WithStoreMatchers(StoreMatchers store_matchers) {
  return std::make_unique<Narrowed>(*impl_, std::move(store_matchers));
}

}  // namespace thanos::fanout
