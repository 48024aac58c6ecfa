#pragma once

// A Store over many stores: picks those that may hold data, asks them at the same time and merges their
// answers.

#include <memory>
#include <string>
#include <vector>

#include "concurrency/thread_pool.h"
#include "fanout/store_provider.h"
#include "storeapi/store.h"
#include "telemetry/metrics.h"

namespace thanos::fanout {

struct ProxyStoreOptions {
  // Labels of this querier: matchers that contradict them give an empty answer, satisfied ones are not passed
  // on.
  labels::Labels selector_labels;
};

// A store that fails, or is known to be down, gives a warning "receive series from <store>: ..." under
// PartialResponse::kWarn and fails the call (Aborted) under kAbort. One that hangs is given up a little
// before the request's deadline, so that the answer of the others is still delivered. No store at all is an
// empty answer. Matchers on external labels are passed on unchanged. Removes replica labels and applies
// sharding for stores that cannot.
class ProxyStore final : public storeapi::Store {
 public:
  // Label calls run on `pool`, whose tasks must not use this proxy themselves. All references must outlive
  // the proxy.
  ProxyStore(const StoreProvider& stores, concurrency::ThreadPool& pool, telemetry::Registry& metrics,
             ProxyStoreOptions options = {});
  ~ProxyStore() override;

  base::StatusOr<std::unique_ptr<series::SeriesSet>> Series(const base::CancelToken& cancel,
                                                            const storeapi::SeriesRequest& request) override;
  base::StatusOr<storeapi::LabelsResponse> LabelNames(const base::CancelToken& cancel,
                                                      const storeapi::LabelNamesRequest& request) override;
  base::StatusOr<storeapi::LabelsResponse> LabelValues(const base::CancelToken& cancel,
                                                       const storeapi::LabelValuesRequest& request) override;
  // Union of the label sets, hull of the time ranges.
  base::StatusOr<storeapi::StoreInfo> Info() override;

  // Sets of matchers on `__address__`, of which one must hold.
  using StoreMatchers = std::vector<std::vector<labels::Matcher>>;
  // The same proxy over the stores that satisfy `store_matchers` (none: all). Cheap; must not outlive this.
  std::unique_ptr<storeapi::Store> WithStoreMatchers(StoreMatchers store_matchers);

 private:
  class Impl;
  class Narrowed;
  std::unique_ptr<Impl> impl_;
};

}  // namespace thanos::fanout
