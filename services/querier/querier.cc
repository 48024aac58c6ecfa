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
#include "query/fan_in.h"
#include "query/http_api.h"
#include "query/page.h"
#include "storeapi/apis_server.h"
#include "storeapi/client.h"
#include "storeapi/server.h"
#include "telemetry/log.h"

namespace thanos::services {
namespace {

constexpr base::Duration kEndpointRefreshInterval = std::chrono::seconds(5);
// Info and label calls to endpoints; apart from the pool that serves requests and waits for these.
constexpr int kFanoutThreads = 32;
// Calls to the other APIs of endpoints, apart from the above so that slow ones do not delay health checks.
constexpr int kApiThreads = 16;

// The Query API itself is not among them.
constexpr storeapi::ServedApis kServedApis{
    .rules = true, .metric_metadata = true, .targets = true, .exemplars = true, .status = true};

int64_t ToMs(base::Duration duration) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
}

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

// "/prefix" without trailing slash, or "".
std::string NormalizePrefix(std::string_view prefix) {
  while (prefix.ends_with('/')) {
    prefix.remove_suffix(1);
  }
  while (prefix.starts_with('/')) {
    prefix.remove_prefix(1);
  }
  return prefix.empty() ? "" : base::Concat("/", prefix);
}

bool HasFeature(const QuerierFlags& flags, std::string_view feature) {
  const std::vector<std::string> features = SplitLists(flags.enable_feature);
  return std::ranges::find(features, feature) != features.end();
}

void WarnAboutIgnoredFlags(const QuerierFlags& flags) {
  std::vector<std::string> ignored;
  const auto check = [&](bool set, const char* name) {
    if (set) {
      ignored.emplace_back(name);
    }
  };
  check(flags.selector_relabel.config.is_set(), "selector.relabel-config");
  check(flags.query_mode != "local", "query.mode");
  check(!flags.query_partition_label.empty(), "query.partition-label");
  check(!flags.query_tenant_certificate_field.empty(), "query.tenant-certificate-field");
  check(!flags.query_active_query_path.empty(), "query.active-query-path");
  check(!flags.web.prefix_header.empty(), "web.prefix-header");
  if (!ignored.empty()) {
    TH_LOG(kWarn, "flags without effect yet").With("flags", base::Join(ignored, ","));
  }
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

fanout::EndpointSetOptions EndpointOptions(const QuerierFlags& flags) {
  storeapi::RemoteStoreOptions remote;
  remote.response_timeout = flags.store_response_timeout.value;
  fanout::EndpointSetOptions options;
  options.connect = [channel = flags.grpc_client.Options(), remote](const std::string& address) {
    return storeapi::Connect(address, channel, remote);
  };
  options.info_timeout = flags.endpoint_info_timeout.value;
  options.unhealthy_timeout = flags.store_unhealthy_timeout.value;
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
  options.default_subquery_step_ms = ToMs(flags.query_default_evaluation_interval.value);
  options.enable_experimental = HasFeature(flags, "promql-experimental-functions");
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
  options.instant_max_resolution_ms = ToMs(flags.query_instant_default_max_source_resolution.value);
  options.default_step_ms = ToMs(flags.query_default_step.value);
  options.lookback_ms = ToMs(flags.query_lookback_delta.value);
  options.dynamic_lookback = flags.query_dynamic_lookback_delta;
  options.metadata_time_range_ms = ToMs(flags.query_metadata_default_time_range.value);
  options.enable_experimental = HasFeature(flags, "promql-experimental-functions");
  options.enable_x_functions = flags.query_enable_x_functions;
  options.default_engine = flags.query_promql_engine;
  options.tenancy = {.header = flags.query_tenant_header,
                     .default_tenant = flags.query_default_tenant_id,
                     .enforce = flags.query_enforce_tenancy,
                     .label = flags.query_tenant_label_name};
  options.cors = !flags.web.disable_cors;
  options.route_prefix = std::move(route_prefix);
  return options;
}

void AddPages(app::Service& service, query::HttpApi& api, const QuerierFlags& flags,
              const std::string& route_prefix) {
  for (net::HttpServer::Route& route : api.Routes()) {
    service.AddRoute(std::move(route));
  }
  const std::string external_prefix = NormalizePrefix(flags.web.external_prefix);
  for (net::HttpServer::Route& route :
       query::PageRoutes(route_prefix, external_prefix.empty() ? route_prefix : external_prefix)) {
    service.AddRoute(std::move(route));
  }
  service.AddStatusRoutes(route_prefix);
  service.UseTenantLabel(flags.query_tenant_header, flags.query_default_tenant_id);
}

// The querier is ready once all endpoints known at the start have been asked.
void AddRefreshes(app::Service& service, const QuerierFlags& flags, fanout::EndpointDiscovery& discovery,
                  fanout::EndpointSet& endpoints) {
  service.AddPeriodic(
      "endpoints", kEndpointRefreshInterval,
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
}

}  // namespace

int RunQuerier(app::Service& service, const QuerierFlags& flags) {
  const app::Deps deps = service.deps();
  WarnAboutIgnoredFlags(flags);
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
  fanout::EndpointSet endpoints(EndpointOptions(flags), deps.clock, fanout_pool, deps.metrics);
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

  std::string route_prefix = NormalizePrefix(flags.web.route_prefix);
  if (route_prefix.empty()) {
    route_prefix = NormalizePrefix(flags.web.external_prefix);
  }
  const promql::Engine engine(EngineOptions(flags, deps.cpu_pool));
  query::HttpApiOptions api_options = ApiOptions(flags, route_prefix);
  api_options.telemetry = *telemetry_bounds;
  query::HttpApi api(std::move(api_options),
                     {.store = proxy,
                      .engine = engine,
                      .clock = deps.clock,
                      .metrics = deps.metrics,
                      .narrow =
                          [&proxy](std::vector<std::vector<labels::Matcher>> store_matchers) {
                            return proxy.WithStoreMatchers(std::move(store_matchers));
                          },
                      .statuses = [&endpoints] { return endpoints.Statuses(); },
                      .apis = &fan_in});
  AddPages(service, api, flags, route_prefix);

  storeapi::StoreServer store_server(
      proxy, deps.io_pool, deps.metrics,
      {.max_series = flags.store_limits.request_series, .max_samples = flags.store_limits.request_samples});
  storeapi::InfoServer info_server("query", proxy, kServedApis);
  const auto api_servers = storeapi::MakeApiServers(kServedApis, fan_in, deps.io_pool);
  service.AddGrpc(store_server);
  service.AddGrpc(info_server);
  for (const auto& server : api_servers) {
    service.AddGrpc(*server);
  }
  AddRefreshes(service, flags, **discovery, endpoints);
  return service.Run();
}

}  // namespace thanos::services
