#pragma once

// A Prometheus server as a Store: remote read for data, its HTTP API for labels.

#include <atomic>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "base/cancel.h"
#include "base/status.h"
#include "labels/labels.h"
#include "labels/matcher.h"
#include "promapi/client.h"
#include "promstore/heartbeat.h"
#include "storeapi/store.h"
#include "telemetry/metrics.h"

namespace thanos::promstore {

// `matchers` without those that `external_labels` satisfy; nothing when one of them contradicts the external
// labels.
std::optional<std::vector<labels::Matcher>> WithoutExternalMatchers(
    const labels::Labels& external_labels, const std::vector<labels::Matcher>& matchers);

// Thread-safe. Unavailable before the heartbeat's first success and while Prometheus does not answer. A
// selector that names external labels only gives all series.
class PrometheusStore final : public storeapi::Store {
 public:
  // All references must outlive the store.
  PrometheusStore(promapi::PrometheusClient& client, const Heartbeat& heartbeat,
                  telemetry::Registry& metrics);

  base::StatusOr<std::unique_ptr<series::SeriesSet>> Series(const base::CancelToken& cancel,
                                                            const storeapi::SeriesRequest& request) override;
  base::StatusOr<storeapi::LabelsResponse> LabelNames(const base::CancelToken& cancel,
                                                      const storeapi::LabelNamesRequest& request) override;
  base::StatusOr<storeapi::LabelsResponse> LabelValues(const base::CancelToken& cancel,
                                                       const storeapi::LabelValuesRequest& request) override;
  base::StatusOr<storeapi::StoreInfo> Info() override;

 private:
  base::StatusOr<std::shared_ptr<const PrometheusState>> State() const;

  promapi::PrometheusClient& client_;
  const Heartbeat& heartbeat_;
  telemetry::Histogram& received_frames_;
  // Shared with running streams. Set once a stream was found out of order.
  std::shared_ptr<std::atomic<bool>> order_broken_ = std::make_shared<std::atomic<bool>>(false);
};

}  // namespace thanos::promstore
