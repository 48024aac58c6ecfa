#include "services/querier/querier.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/strings.h"
#include "concurrency/thread_pool.h"
#include "config/units.h"
#include "discovery/resolver.h"
#include "fanout/endpoint_discovery.h"
#include "fanout/endpoint_set.h"
#include "fanout/proxy_store.h"
#include "promql/engine.h"
#include "query/active_query_log.h"
#include "query/distributed.h"
#include "query/fan_in.h"
#include "query/http_api.h"
#include "query/page.h"
#include "relabel/config.h"
#include "rpc/channel.h"
#include "storeapi/apis_server.h"
#include "storeapi/client.h"
#include "storeapi/query_api_server.h"
#include "storeapi/server.h"
#include "telemetry/log.h"

namespace thanos::services {
namespace {

// Endpoints are asked for Info every --endpoint.info-timeout, but not more often than this.
constexpr base::Duration kShortestRefreshInterval = std::chrono::milliseconds(200);
// Label calls to endpoints; apart from the pool that serves requests and waits for these.
constexpr int kFanoutThreads = 32;
// Health checks, which a few hanging endpoints keep busy for the Info timeout.
constexpr int kInfoThreads = 32;
// How often files with endpoints are looked at.
constexpr base::Duration kFileCheckInterval = std::chrono::seconds(1);
// Calls to the other APIs of endpoints, apart from the above so that slow ones do not delay health checks.
constexpr int kApiThreads = 16;

// Queries that came by gRPC; each waits for stores.
constexpr int kGrpcQueryThreads = 32;
// In distributed mode: calls to queriers below.
constexpr int kRemoteQueryThreads = 32;

constexpr storeapi::ServedApis kServedApis{.rules = true,
                                           .metric_metadata = true,
                                           .targets = true,
                                           .exemplars = true,
                                           .query = true,
                                           .status = true};

// Repeated flags whose values may also be comma separated.
std::vector<std::string> SplitLists(const std::vector<std::string>& values) {
  std::vector<std::string> out;
  for (const std::string& value : values) {
    for (const std::string_view part : base::Split(value, ',')) {
      if (const std::string_view trimmed = base::Trim(part); !trimmed.empty()) {
        out.emplace_back(trimmed);
      }
    }
  }
  return out;
}

bool HasFeature(const QuerierFlags& flags, std::string_view feature) {
  const std::vector<std::string> features = SplitLists(flags.enable_feature);
  return std::ranges::find(features, feature) != features.end();
}

base::StatusOr<labels::Labels> SelectorLabels(const QuerierFlags& flags) {
  std::vector<std::pair<std::string, std::string>> pairs;
  for (const std::string& text : flags.selector_label) {
    TH_ASSIGN_OR_RETURN(auto pair, config::ParseLabelFlag(text));
    pairs.push_back(std::move(pair));
  }
  std::ranges::sort(pairs);
  std::vector<labels::LabelView> views;
  for (const auto& [name, value] : pairs) {
    if (!views.empty() && views.back().name == name) {
      return base::InvalidArgument("--selector-label: label ", name, " is given twice");
    }
    views.push_back({name, value});
  }
  return labels::Labels(views);
}

base::StatusOr<fanout::EndpointSetOptions> EndpointOptions(const QuerierFlags& flags,
                                                           telemetry::Registry& metrics) {
  rpc::ChannelOptions channel = flags.grpc_client.Options();
  channel.metrics = &metrics;
  TH_ASSIGN_OR_RETURN(std::shared_ptr<const rpc::ChannelFactory> channels,
                      rpc::ChannelFactory::Create(channel));
  storeapi::RemoteStoreOptions remote;
  remote.response_timeout = flags.store_response_timeout.value;
  fanout::EndpointSetOptions options;
  options.connect =
      [channels = std::move(channels),
       remote](const fanout::EndpointSpec& spec) -> base::StatusOr<std::unique_ptr<storeapi::Endpoint>> {
    if (!spec.group) {
      return storeapi::Connect(spec.address, spec.address, *channels, {}, remote);
    }
    return storeapi::Connect(
        spec.address, spec.target, *channels,
        {.authority = spec.authority,
         .service_config =
             spec.service_config.empty() ? std::string(fanout::kGroupServiceConfig) : spec.service_config},
        remote);
  };
  options.info_timeout = flags.endpoint_info_timeout.value;
  options.unhealthy_timeout = flags.store_unhealthy_timeout.value;
  options.strict_patience = std::min(options.strict_patience, options.info_timeout);
  options.connection_labels = SplitLists(flags.query_conn_metric_label);
  TH_ASSIGN_OR_RETURN(const std::string rules, flags.selector_relabel.config.Read());
  auto selector = relabel::ParseRules(rules, relabel::kSelectorActions);
  if (!selector.ok()) {
    return base::Annotate(selector.status(), "selector relabel configuration");
  }
  options.selector = *std::move(selector);
  return options;
}

fanout::EndpointSources Sources(const QuerierFlags& flags) {
  fanout::EndpointSources sources;
  sources.endpoints = flags.endpoint;
  sources.strict_endpoints = flags.endpoint_strict;
  sources.endpoint_groups = flags.endpoint_group;
  sources.strict_endpoint_groups = flags.endpoint_group_strict;
  sources.target_file_patterns = flags.store_sd_files;
  if (flags.endpoint_sd_config.is_set()) {
    sources.read_config = [config = flags.endpoint_sd_config] { return config.Read(); };
  }
  return sources;
}

promql::EngineOptions EngineOptions(const QuerierFlags& flags, concurrency::ThreadPool& cpu_pool) {
  promql::EngineOptions options;
  options.timeout = flags.query_timeout.value;
  options.default_subquery_step_ms = base::ToMs(flags.query_default_evaluation_interval.value);
  for (const std::string& feature : SplitLists(flags.enable_feature)) {
    promql::EnableFeature(feature, &options);
  }
  options.enable_x_functions = flags.query_enable_x_functions;
  options.separate_infos = flags.query_annotation_format == "prometheus";
  options.cpu_pool = &cpu_pool;
  return options;
}

// Bucket bounds given as repeated or comma separated numbers; nothing keeps the defaults.
base::Status ReadBounds(const std::vector<std::string>& values, std::string_view flag,
                        std::vector<double>* bounds) {
  std::vector<double> parsed;
  for (const std::string& text : SplitLists(values)) {
    const std::optional<double> bound = base::ParseDouble(text);
    if (!bound.has_value() || (!parsed.empty() && !(*bound > parsed.back()))) {
      return base::InvalidArgument("--", flag, ": ", base::Quote(text),
                                   " is not a number above the one before");
    }
    parsed.push_back(*bound);
  }
  if (!parsed.empty()) {
    *bounds = std::move(parsed);
  }
  return base::OkStatus();
}

base::StatusOr<query::QueryTelemetryBounds> TelemetryBounds(const QuerierFlags& flags) {
  query::QueryTelemetryBounds bounds;
  TH_RETURN_IF_ERROR(ReadBounds(flags.query_telemetry_request_duration_seconds_quantiles,
                                "query.telemetry.request-duration-seconds-quantiles", &bounds.seconds));
  TH_RETURN_IF_ERROR(ReadBounds(flags.query_telemetry_request_samples_quantiles,
                                "query.telemetry.request-samples-quantiles", &bounds.samples));
  TH_RETURN_IF_ERROR(ReadBounds(flags.query_telemetry_request_series_seconds_quantiles,
                                "query.telemetry.request-series-seconds-quantiles", &bounds.series));
  return bounds;
}

query::HttpApiOptions ApiOptions(const QuerierFlags& flags, std::string route_prefix) {
  query::HttpApiOptions options;
  options.timeout = flags.query_timeout.value;
  options.max_concurrent = static_cast<int>(std::clamp<int64_t>(flags.query_max_concurrent, 1, 1 << 20));
  options.max_concurrent_select =
      static_cast<int>(std::clamp<int64_t>(flags.query_max_concurrent_select, 1, 1 << 20));
  options.replica_labels = SplitLists(flags.query_replica_label);
  options.penalty_deduplication = flags.deduplication_func == "penalty";
  options.partial_response = flags.query_partial_response;
  options.apis_partial_response = {.rules = flags.rule_partial_response,
                                   .targets = flags.target_partial_response,
                                   .metadata = flags.metric_metadata_partial_response,
                                   .exemplars = flags.exemplar_partial_response,
                                   .status = flags.status_partial_response};
  options.auto_downsampling = flags.query_auto_downsampling;
  options.instant_max_resolution_ms = base::ToMs(flags.query_instant_default_max_source_resolution.value);
  options.default_step_ms = base::ToMs(flags.query_default_step.value);
  options.lookback_ms = base::ToMs(flags.query_lookback_delta.value);
  options.dynamic_lookback = flags.query_dynamic_lookback_delta;
  options.metadata_time_range_ms = base::ToMs(flags.query_metadata_default_time_range.value);
  options.enable_experimental = HasFeature(flags, "promql-experimental-functions");
  options.enable_x_functions = flags.query_enable_x_functions;
  options.default_engine = flags.query_promql_engine;
  options.tenancy = {.header = flags.query_tenant_header,
                     .default_tenant = flags.query_default_tenant_id,
                     .enforce = flags.query_enforce_tenancy,
                     .label = flags.query_tenant_label_name,
                     .certificate_field = flags.query_tenant_certificate_field};
  options.cors = !flags.web.disable_cors;
  options.route_prefix = std::move(route_prefix);
  return options;
}

void AddPages(app::Service& service, query::HttpApi& api, const QuerierFlags& flags,
              const std::string& route_prefix) {
  for (net::HttpServer::Route& route : api.Routes()) {
    service.AddRoute(std::move(route));
  }
  const std::string external_prefix = flags.web.ExternalPrefix();
  for (net::HttpServer::Route& route : query::PageRoutes(
           route_prefix, external_prefix.empty() ? route_prefix : external_prefix, flags.web.prefix_header)) {
    service.AddRoute(std::move(route));
  }
  service.AddStatusRoutes(route_prefix);
  service.UseTenantLabel(flags.query_tenant_header, flags.query_default_tenant_id);
}

// The querier is ready once all endpoints known at the start have been asked.
void AddRefreshes(app::Service& service, const QuerierFlags& flags, fanout::EndpointDiscovery& discovery,
                  fanout::EndpointSet& endpoints) {
  service.AddPeriodic(
      "endpoints", std::max<base::Duration>(flags.endpoint_info_timeout.value, kShortestRefreshInterval),
      [&service, &discovery, &endpoints, first = true](const base::CancelToken& cancel) mutable {
        base::Status status;
        if (std::exchange(first, false)) {
          status = discovery.RefreshFiles(cancel);
        }
        endpoints.Refresh(cancel);
        if (!cancel.cancelled()) {
          service.SetReady();
        }
        return status;
      });
  service.AddPeriodic("endpoints-dns", flags.store_sd_dns_interval.value,
                      [&discovery](const base::CancelToken& cancel) { return discovery.RefreshDns(cancel); });
  const base::Duration files_interval =
      std::min(flags.store_sd_interval.value, flags.endpoint_sd_config_reload_interval.value);
  service.AddPeriodic(
      "endpoints-files", std::max<base::Duration>(files_interval, std::chrono::seconds(1)),
      [&discovery](const base::CancelToken& cancel) { return discovery.RefreshFiles(cancel); });
  if (!flags.store_sd_files.empty() || !flags.endpoint_sd_config.path.empty()) {
    service.AddPeriodic(
        "endpoints-changed-files", kFileCheckInterval,
        [&discovery](const base::CancelToken& cancel) { return discovery.RefreshChangedFiles(cancel); });
  }
}

}  // namespace

int RunQuerier(app::Service& service, const QuerierFlags& flags) {
  const app::Deps deps = service.deps();
  if (const base::Status status = service.UseRequestLogging(flags.request_logging); !status.ok()) {
    return service.ExitWith(status);
  }
  base::StatusOr<labels::Labels> selector_labels = SelectorLabels(flags);
  if (!selector_labels.ok()) {
    return service.ExitWith(selector_labels.status());
  }
  const base::StatusOr<query::QueryTelemetryBounds> telemetry_bounds = TelemetryBounds(flags);
  if (!telemetry_bounds.ok()) {
    return service.ExitWith(telemetry_bounds.status());
  }
  concurrency::ThreadPool fanout_pool("fanout", kFanoutThreads);
  base::StatusOr<fanout::EndpointSetOptions> endpoint_options = EndpointOptions(flags, deps.metrics);
  if (!endpoint_options.ok()) {
    return service.ExitWith(endpoint_options.status());
  }
  concurrency::ThreadPool info_pool("endpoint-info", kInfoThreads);
  fanout::EndpointSet endpoints(*std::move(endpoint_options), deps.clock, info_pool, deps.metrics);
  const std::unique_ptr<discovery::Resolver> resolver = discovery::MakeSystemResolver();
  const auto discovery =
      fanout::EndpointDiscovery::Create(Sources(flags), *resolver, deps.metrics, endpoints);
  if (!discovery.ok()) {
    return service.ExitWith(base::Annotate(discovery.status(), "setting up endpoints"));
  }
  concurrency::ThreadPool api_pool("endpoint-apis", kApiThreads);
  query::FanIn fan_in(
      {.selector_labels = *selector_labels}, [&endpoints] { return endpoints.Apis(); }, api_pool);
  fanout::ProxyStore proxy(endpoints, fanout_pool, deps.metrics,
                           {.selector_labels = *std::move(selector_labels)});

  const std::string route_prefix = flags.web.RoutePrefix();
  const promql::Engine engine(EngineOptions(flags, deps.cpu_pool));
  std::unique_ptr<query::ActiveQueryLog> active_queries;
  if (!flags.query_active_query_path.empty()) {
    auto log = query::ActiveQueryLog::Open(
        flags.query_active_query_path,
        static_cast<int>(std::clamp<int64_t>(flags.query_max_concurrent, 1, 10'000)));
    if (!log.ok()) {
      return service.ExitWith(log.status());
    }
    active_queries = *std::move(log);
  }
  const query::NarrowStore narrow = [&proxy](std::vector<std::vector<labels::Matcher>> store_matchers) {
    return proxy.WithStoreMatchers(std::move(store_matchers));
  };
  const bool distributed = flags.query_mode == "distributed";
  concurrency::ThreadPool remote_pool("remote-queries", distributed ? kRemoteQueryThreads : 1);
  query::QueryDistributor distributor({.partition_labels = SplitLists(flags.query_partition_label)},
                                      {.engines = [&endpoints] { return endpoints.Apis(); },
                                       .stores = [&endpoints] { return endpoints.Stores(); },
                                       .narrow = narrow,
                                       .pool = remote_pool});
  query::HttpApiOptions api_options = ApiOptions(flags, route_prefix);
  api_options.telemetry = *telemetry_bounds;
  query::HttpApi api(std::move(api_options), {.store = proxy,
                                              .engine = engine,
                                              .clock = deps.clock,
                                              .metrics = deps.metrics,
                                              .narrow = narrow,
                                              .statuses = [&endpoints] { return endpoints.Statuses(); },
                                              .apis = &fan_in,
                                              .active_queries = active_queries.get(),
                                              .distributor = distributed ? &distributor : nullptr});
  AddPages(service, api, flags, route_prefix);

  storeapi::StoreServer store_server(
      proxy, deps.io_pool, deps.metrics,
      {.max_series = flags.store_limits.request_series, .max_samples = flags.store_limits.request_samples});
  storeapi::InfoServer info_server("query", proxy, kServedApis);
  const auto api_servers = storeapi::MakeApiServers(kServedApis, fan_in, deps.io_pool, deps.metrics);
  concurrency::ThreadPool query_pool("grpc-queries", kGrpcQueryThreads);
  const auto query_server = storeapi::MakeQueryApiServer(api.query_api(), query_pool, deps.metrics);
  service.AddGrpc(store_server);
  service.AddGrpc(*query_server);
  service.AddGrpc(info_server);
  for (const auto& server : api_servers) {
    service.AddGrpc(*server);
  }
  AddRefreshes(service, flags, **discovery, endpoints);
  return service.Run();
}

}  // namespace thanos::services
