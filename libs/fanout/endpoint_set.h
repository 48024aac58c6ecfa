#pragma once

// The endpoints a querier talks to: which there are, what they announce, whether they are healthy.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "base/status.h"
#include "concurrency/thread_pool.h"
#include "fanout/api_provider.h"
#include "fanout/store_provider.h"
#include "storeapi/client.h"
#include "telemetry/metrics.h"

namespace thanos::fanout {

struct EndpointSpec {
  std::string address;  // host:port
  // Kept and asked for the whole time range even when it was never reached.
  bool strict = false;
  friend bool operator==(const EndpointSpec&, const EndpointSpec&) = default;
};

// Opens an endpoint; called once per address that appears. Injectable for tests.
using EndpointFactory =
    std::function<base::StatusOr<std::unique_ptr<storeapi::Endpoint>>(const std::string& address)>;

struct EndpointSetOptions {
  EndpointFactory connect;
  base::Duration info_timeout = std::chrono::seconds(5);
  base::Duration unhealthy_timeout = std::chrono::minutes(5);
};

// A row of /api/v1/stores.
struct EndpointStatus {
  std::string name;
  int64_t last_check_ms = 0;  // Unix milliseconds; 0 before the first check
  std::string last_error;     // empty while healthy
  std::vector<labels::Labels> label_sets;
  int64_t min_time_ms = 0;
  int64_t max_time_ms = 0;
  storeapi::ServedApis apis;
  bool strict = false;
};

// Health rules: an endpoint is used while its last Info succeeded. One that never answered is not listed,
// unless strict. One that answered before and fails now stays listed for the unhealthy timeout; for that long
// requests it should have contributed to are told (see StoreRef::health). Thread-safe; Refresh calls must not
// overlap.
class EndpointSet final : public StoreProvider {
 public:
  // Info calls run on `pool`, one thread per endpoint at a time; no task of that pool may call Refresh. All
  // references must outlive the set.
  EndpointSet(EndpointSetOptions options, const base::Clock& clock, concurrency::ThreadPool& pool,
              telemetry::Registry& metrics);
  ~EndpointSet() override;

  // Replaces the list of addresses; takes effect with the next Refresh. Of equal addresses the last one
  // counts.
  void SetSpecs(std::vector<EndpointSpec> specs);
  // Asks all endpoints for Info in parallel and publishes the new list. Call every few seconds.
  void Refresh(const base::CancelToken& cancel);

  std::shared_ptr<const StoreList> Stores() const override;
  // Endpoints with APIs besides the store; never null, never changed afterwards.
  std::shared_ptr<const ApiList> Apis() const;
  // By component, sorted by name; for /api/v1/stores.
  std::map<std::string, std::vector<EndpointStatus>> Statuses() const;

 private:
  struct State;
  void Reconcile();
  void Check(const base::CancelToken& cancel, State& state);
  // What is known of an endpoint for users; nothing when it is not listed.
  std::optional<storeapi::EndpointInfo> Announced(const State& state) const;
  void Publish();
  // Number of healthy endpoints by labels of the connection gauge.
  void PublishMetrics(const std::map<telemetry::MetricLabels, double>& connections);

  const EndpointSetOptions options_;
  const base::Clock& clock_;
  concurrency::ThreadPool& pool_;
  telemetry::Registry& metrics_;
  telemetry::Counter& duplicates_;
  // Labels of the connection gauges that are set, with the instrument.
  std::map<telemetry::MetricLabels, telemetry::Gauge*> gauges_;
  // By address; only Refresh touches the map and its states.
  std::map<std::string, std::shared_ptr<State>> states_;

  mutable base::Mutex mutex_;
  std::vector<EndpointSpec> specs_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<const StoreList> stores_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<const ApiList> apis_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, std::vector<EndpointStatus>> statuses_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace thanos::fanout
