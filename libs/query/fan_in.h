#pragma once

// Rules, targets, metadata, exemplars and TSDB statistics of all endpoints that announce them.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "concurrency/thread_pool.h"
#include "fanout/api_provider.h"
#include "labels/matcher.h"
#include "storeapi/apis.h"

namespace thanos::query {

struct FanInOptions {
  // Matchers of an exemplar query that contradict these give an empty answer, satisfied ones are not sent on.
  labels::Labels selector_labels = {};
  // Of one endpoint; also at most three quarters of the time the caller has, so that the others' answers
  // survive an endpoint that hangs.
  base::Duration endpoint_timeout = std::chrono::minutes(1);
};

// Asks all endpoints at once and unites what they answer, replicas included; the order is that of the
// endpoints. An endpoint that fails adds a warning under the WARN strategy and fails the call with Aborted
// under ABORT. Thread-safe.
class FanIn final : public storeapi::EndpointApis {
 public:
  using Endpoints = std::function<std::shared_ptr<const fanout::ApiList>()>;
  // Calls run on `pool`, which must not be the pool that the callers of this wait on.
  FanIn(FanInOptions options, Endpoints endpoints, concurrency::ThreadPool& pool);

  base::StatusOr<storeapi::RulesAnswer> Rules(const base::CancelToken& cancel,
                                              const ::thanos::RulesRequest& request) override;
  base::StatusOr<storeapi::TargetsAnswer> Targets(const base::CancelToken& cancel,
                                                  const ::thanos::TargetsRequest& request) override;
  base::StatusOr<storeapi::MetadataAnswer> Metadata(const base::CancelToken& cancel,
                                                    const ::thanos::MetricMetadataRequest& request) override;
  // InvalidArgument when the query does not parse.
  base::StatusOr<storeapi::ExemplarsAnswer> Exemplars(const base::CancelToken& cancel,
                                                      const ::thanos::ExemplarsRequest& request) override;
  base::StatusOr<storeapi::StatisticsAnswer> Statistics(
      const base::CancelToken& cancel, const ::thanos::TSDBStatisticsRequest& request) override;

 private:
  template <typename Answer, typename Ask>
  base::StatusOr<Answer> AskAll(const base::CancelToken& cancel, bool storeapi::ServedApis::*api,
                                bool partial_response, Ask ask) const;
  base::Duration EndpointTimeout(const base::CancelToken& cancel) const;

  const FanInOptions options_;
  const Endpoints endpoints_;
  concurrency::ThreadPool& pool_;
};

// The query to send to an endpoint with `label_sets` so that it answers what `selectors` select: the
// selectors joined by "+". Empty when none can match. Matchers that the only label set satisfies are left
// out, because Prometheus does not know its external labels; an endpoint with several sets checks them
// itself.
std::string ExemplarQuery(const std::vector<std::vector<labels::Matcher>>& selectors,
                          const std::vector<labels::Labels>& label_sets);

}  // namespace thanos::query
