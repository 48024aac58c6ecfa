#include "services/sidecar/sidecar.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "net/http_client.h"
#include "objstore/factory.h"
#include "promapi/client.h"
#include "promapi/client_config.h"
#include "promstore/block_durations.h"
#include "promstore/heartbeat.h"
#include "promstore/prometheus_apis.h"
#include "promstore/prometheus_store.h"
#include "promstore/reloader.h"
#include "shipper/shipper.h"
#include "storeapi/apis_server.h"
#include "storeapi/server.h"
#include "telemetry/log.h"

namespace thanos::sidecar {
namespace {

constexpr storeapi::ServedApis kServedApis{
    .rules = true, .metric_metadata = true, .targets = true, .exemplars = true};
constexpr base::Duration kShipInterval = std::chrono::seconds(30);
constexpr base::Duration kOnce = std::chrono::hours(24 * 365);  // for work that goes on until the end
constexpr base::Duration kStartPoll = std::chrono::milliseconds(200);

// Keeps readiness in step with Prometheus.
class HeartbeatLoop {
 public:
  HeartbeatLoop(app::Service& service, promstore::Heartbeat& heartbeat)
      : service_(service), heartbeat_(heartbeat) {}

  base::Status Round(const base::CancelToken& cancel) {
    const base::Status status = started_ ? heartbeat_.Beat(cancel) : heartbeat_.Start(cancel);
    if (cancel.cancelled()) {
      return base::OkStatus();
    }
    if (status.ok()) {
      if (!started_) {
        TH_LOG(kInfo, "successfully loaded prometheus external labels")
            .With("external_labels", labels::ToString(heartbeat_.state()->external_labels.span()));
      }
      started_ = true;
      service_.SetReady();
    } else if (!started_) {
      service_.Fail(status);
    } else {
      service_.SetNotReady(status);
    }
    return status;
  }

 private:
  app::Service& service_;
  promstore::Heartbeat& heartbeat_;
  bool started_ = false;
};

// Ships blocks once Prometheus is known and its compaction is off.
class ShipLoop {
 public:
  ShipLoop(const SidecarFlags& flags, promapi::PrometheusClient& client,
           const promstore::Heartbeat& heartbeat, std::unique_ptr<objstore::Bucket> bucket,
           const app::Deps& deps)
      : flags_(flags),
        client_(client),
        heartbeat_(heartbeat),
        bucket_(std::move(bucket)),
        shipper_(Options(), *bucket_, deps.io_pool, deps.clock, deps.metrics) {}

  base::Status Round(const base::CancelToken& cancel) {
    while (heartbeat_.state() == nullptr) {
      if (!cancel.SleepFor(kStartPoll)) {
        return base::OkStatus();
      }
    }
    if (!checked_ && !flags_.shipper.ignore_unequal_block_size) {
      TH_ASSIGN_OR_RETURN(const auto prometheus_flags, client_.Flags(cancel));
      std::string warning;
      TH_RETURN_IF_ERROR(promstore::CheckBlockDurations(
          prometheus_flags, base::Concat(flags_.tsdb_path, "/", flags_.shipper.meta_file_name), &warning));
      if (!warning.empty()) {
        TH_LOG(kWarn, warning);
      }
    }
    checked_ = true;
    const base::Status status = shipper_.Sync(cancel).status();
    return cancel.cancelled() ? base::OkStatus() : status;
  }

 private:
  shipper::ShipperOptions Options() const {
    shipper::ShipperOptions options;
    options.data_directory = flags_.tsdb_path;
    options.external_labels = [this] {
      const auto state = heartbeat_.state();
      return state == nullptr ? labels::Labels() : state->external_labels;
    };
    options.upload_compacted = flags_.shipper.upload_compacted;
    options.allow_out_of_order_uploads = flags_.shipper.allow_out_of_order_uploads;
    options.skip_corrupted_blocks = flags_.shipper.skip_corrupted_blocks;
    options.hash_files = flags_.shipper.hash_func == "SHA256";
    options.list_file_name = flags_.shipper.meta_file_name;
    options.upload_concurrency = static_cast<int>(flags_.shipper.upload_concurrency);
    return options;
  }

  const SidecarFlags& flags_;
  promapi::PrometheusClient& client_;
  const promstore::Heartbeat& heartbeat_;
  std::unique_ptr<objstore::Bucket> bucket_;
  shipper::Shipper shipper_;
  bool checked_ = false;
};

base::StatusOr<promapi::ClientConfig> ReadClientConfig(const SidecarFlags& flags) {
  TH_ASSIGN_OR_RETURN(const std::string yaml, flags.prometheus.http_client.Read());
  return promapi::ParseClientConfig(yaml);
}

// Null without a bucket configuration.
base::StatusOr<std::unique_ptr<objstore::Bucket>> OpenBucket(const SidecarFlags& flags,
                                                             telemetry::Registry& metrics) {
  TH_ASSIGN_OR_RETURN(const std::string yaml, flags.objstore.config.Read());
  if (base::Trim(yaml).empty()) {
    TH_LOG(kInfo, "no supported bucket was configured, uploads will be disabled");
    return std::unique_ptr<objstore::Bucket>();
  }
  return objstore::FromConfig(yaml, metrics);
}

promstore::ReloaderOptions ReloaderOptionsOf(const SidecarFlags& flags,
                                             const promapi::Authorization& authorization) {
  promstore::ReloaderOptions options;
  options.config_file = flags.reloader.config_file;
  options.config_output_file = flags.reloader.config_envsubst_file;
  options.directories = flags.reloader.rule_directories;
  options.watch_interval = flags.reloader.watch_interval.value;
  options.retry_interval = flags.reloader.retry_interval.value;
  options.use_signal = flags.reloader.method == "signal";
  options.process_name = flags.reloader.process_name;
  std::string url = flags.prometheus.url;
  while (url.ends_with('/')) {
    url.pop_back();
  }
  options.reload_url = url + "/-/reload";
  options.request_headers = [authorization] { return authorization.Headers(); };
  return options;
}

}  // namespace

int Run(app::Service& service, const SidecarFlags& flags) {
  const app::Deps deps = service.deps();
  if (const base::Status status = service.UseRequestLogging(flags.request_logging); !status.ok()) {
    return service.ExitWith(status);
  }
  auto client_config = ReadClientConfig(flags);
  if (!client_config.ok()) {
    return service.ExitWith(base::Annotate(client_config.status(), "http client config"));
  }
  auto bucket = OpenBucket(flags, deps.metrics);
  if (!bucket.ok()) {
    return service.ExitWith(base::Annotate(bucket.status(), "bucket"));
  }
  const auto http = net::HttpClient::Create(client_config->http);
  promapi::PrometheusClient client(*http, flags.prometheus.url, client_config->authorization);
  promstore::Heartbeat heartbeat({.timeout = flags.prometheus.get_config_timeout.value,
                                  .ready_timeout = flags.prometheus.ready_timeout.value,
                                  .min_time = flags.min_time},
                                 client, deps.clock, deps.metrics);
  promstore::PrometheusStore store(client, heartbeat, deps.metrics);
  storeapi::StoreServer store_server(
      store, deps.io_pool, deps.metrics,
      {.max_series = flags.limits.request_series, .max_samples = flags.limits.request_samples});
  promstore::PrometheusApis apis(client, heartbeat);
  storeapi::InfoServer info_server("sidecar", store, kServedApis);
  const auto api_servers = storeapi::MakeApiServers(kServedApis, apis, deps.io_pool);
  service.AddGrpc(store_server);
  service.AddGrpc(info_server);
  for (const auto& server : api_servers) {
    service.AddGrpc(*server);
  }

  HeartbeatLoop heartbeat_loop(service, heartbeat);
  service.AddPeriodic("prometheus heartbeat", flags.prometheus.get_config_interval.value,
                      [&](const base::CancelToken& cancel) { return heartbeat_loop.Round(cancel); });
  promstore::Reloader reloader(ReloaderOptionsOf(flags, client_config->authorization), *http, deps.clock,
                               deps.metrics);
  service.AddPeriodic("reloader", kOnce, [&](const base::CancelToken& cancel) {
    reloader.Run(cancel);
    return base::OkStatus();
  });
  std::optional<ShipLoop> ship_loop;
  if (*bucket != nullptr) {
    ship_loop.emplace(flags, client, heartbeat, *std::move(bucket), deps);
    service.AddPeriodic("shipper", kShipInterval,
                        [&](const base::CancelToken& cancel) { return ship_loop->Round(cancel); });
  }
  return service.Run();
}

}  // namespace thanos::sidecar
