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
#include "relabel/relabel.h"
#include "storeapi/client.h"
#include "telemetry/metrics.h"

namespace thanos::fanout {

struct EndpointSpec {
  std::string address;  // host:port, or the name of a group; unique
  // Kept and asked for the whole time range even when it was never reached.
  bool strict = false;
  // Several addresses used in turns as one endpoint.
  bool group = false;
  // Of a group: the gRPC URI of its addresses, empty while none is known, and the name their certificates are
  // checked against.
  std::string target = {};
  std::string authority = {};
  std::string service_config = {};  // of a group; empty: round robin with retries
  friend bool operator==(const EndpointSpec&, const EndpointSpec&) = default;
};

// Opens an endpoint; called once per address that appears, and again when the target of a group changes.
// Injectable for tests.
using EndpointFactory =
    std::function<base::StatusOr<std::unique_ptr<storeapi::Endpoint>>(const EndpointSpec& spec)>;

// gRPC's service configuration of groups that have none of their own.
inline constexpr std::string_view kGroupServiceConfig =
    R"({"loadBalancingConfig":[{"round_robin":{}}],"methodConfig":[{"name":[{}],"retryPolicy":)"
    R"({"maxAttempts":3,"initialBackoff":"0.1s","maxBackoff":"1s","backoffMultiplier":2,)"
    R"("retryableStatusCodes":["UNAVAILABLE"]}}]})";

struct EndpointSetOptions {
  EndpointFactory connect;
  base::Duration info_timeout = std::chrono::seconds(5);
  base::Duration unhealthy_timeout = std::chrono::minutes(5);
  // How long requests wait for a strict endpoint that failed its last check.
  base::Duration strict_patience = std::chrono::seconds(2);
  // Only TSDBs whose external labels these rules keep are asked for series and labels.
  std::vector<relabel::Rule> selector = {};
  // Of thanos_store_nodes_grpc_connections: "external_labels", "store_type".
  std::vector<std::string> connection_labels = {"external_labels", "store_type"};
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
  // The store part of an endpoint; nothing when none of its TSDBs may be asked.
  std::optional<StoreRef> MakeStore(const State& state, storeapi::EndpointInfo info) const;
  telemetry::MetricLabels ConnectionLabels(const storeapi::EndpointInfo& info) const;
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
