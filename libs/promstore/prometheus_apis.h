#pragma once

#include "promapi/client.h"
#include "promstore/heartbeat.h"
#include "storeapi/apis.h"

namespace thanos::promstore {

// Rules, targets, metadata and exemplars of one Prometheus, with its external labels added: they win over
// labels of the same name. Unavailable until the external labels are known. Thread-safe.
class PrometheusApis final : public storeapi::EndpointApis {
 public:
  // References must outlive this.
  PrometheusApis(promapi::PrometheusClient& client, const Heartbeat& heartbeat);

  base::StatusOr<storeapi::RulesAnswer> Rules(const base::CancelToken& cancel,
                                              const ::thanos::RulesRequest& request) override;
  base::StatusOr<storeapi::TargetsAnswer> Targets(const base::CancelToken& cancel,
                                                  const ::thanos::TargetsRequest& request) override;
  base::StatusOr<storeapi::MetadataAnswer> Metadata(const base::CancelToken& cancel,
                                                    const ::thanos::MetricMetadataRequest& request) override;
  base::StatusOr<storeapi::ExemplarsAnswer> Exemplars(const base::CancelToken& cancel,
                                                      const ::thanos::ExemplarsRequest& request) override;

 private:
  base::StatusOr<labels::Labels> ExternalLabels() const;

  promapi::PrometheusClient& client_;
  const Heartbeat& heartbeat_;
};

}  // namespace thanos::promstore
