#include "services/querier/flags.h"

namespace thanos::services {

void QuerierFlags::AddTo(config::FlagSet& flags) {
  grpc_client.AddTo(flags);
  request_logging.AddTo(flags);
  selector_relabel.AddTo(flags);
  store_limits.AddTo(flags);
  web.AddTo(flags, true);
  AddTenancyFlags(flags);
  AddEngineFlags(flags);
  AddDataFlags(flags);
  AddEndpointFlags(flags);
  AddTelemetryFlags(flags);
}

void QuerierFlags::AddTenancyFlags(config::FlagSet& flags) {
  flags.Add("query.tenant-header", &query_tenant_header, "Request header naming the tenant.");
  flags.Add("query.default-tenant-id", &query_default_tenant_id, "Tenant used when the request names none.");
  flags.AddEnum("query.tenant-certificate-field", &query_tenant_certificate_field,
                {"", "organization", "organizationalUnit", "commonName"},
                "Client certificate field naming the tenant.");
  flags.Add("query.enforce-tenancy", &query_enforce_tenancy, "Add a tenant matcher to each selector.");
  flags.Add("query.tenant-label-name", &query_tenant_label_name, "Label used by that matcher.");
}

void QuerierFlags::AddEngineFlags(config::FlagSet& flags) {
  flags.Add("query.timeout", &query_timeout, "Time limit of one query.");
  flags.AddEnum("query.promql-engine", &query_promql_engine, {"prometheus", "thanos"},
                "Engine used when the request names none.");
  flags.Add("query.disable-fallback", &query_disable_fallback,
            "Fail instead of falling back to the Prometheus engine.", {.hidden = true, .no_effect = true});
  flags.Add("query.enable-x-functions", &query_enable_x_functions, "Enable xrate, xincrease and xdelta.");
  flags.AddEnum(
      "query.annotation-format", &query_annotation_format, {"thanos", "prometheus"},
      "Where notes on a query go: all in warnings without position, or infos apart and both with position.",
      {.hidden = true});
  flags.AddEnum("query.mode", &query_mode, {"local", "distributed"},
                "Evaluate locally or push parts of a query to leaf queriers.");
  flags.Add("query.max-concurrent", &query_max_concurrent, "Queries evaluated at once.");
  flags.Add("query.lookback-delta", &query_lookback_delta, "Lookback for instant selectors, unset means 5m.");
  flags.Add("query.dynamic-lookback-delta", &query_dynamic_lookback_delta,
            "Raise the lookback for downsampled resolutions.", {.hidden = true});
  flags.Add("query.max-concurrent-select", &query_max_concurrent_select,
            "Selects run at once within a query.");
  flags.Add("query.instant.default.max_source_resolution", &query_instant_default_max_source_resolution,
            "Default max_source_resolution of instant queries.", {.hidden = true});
  flags.Add("query.auto-downsampling", &query_auto_downsampling,
            "Default max_source_resolution of range queries is a fifth of the step.");
  flags.Add("query.active-query-path", &query_active_query_path, "Directory of the active query log.");
  flags.Add("enable-feature", &enable_feature, "Experimental features to turn on (comma separated).");
  flags.Add("query.default-evaluation-interval", &query_default_evaluation_interval,
            "Step of subqueries that name none.");
  flags.Add("query.default-step", &query_default_step, "Lower bound of the default range query step.");
  flags.Add("alert.query-url", &alert_query_url, "URL base used in alert source links.", {.no_effect = true});
}

void QuerierFlags::AddDataFlags(config::FlagSet& flags) {
  flags.AddEnum("deduplication.func", &deduplication_func, {"penalty", "chain"},
                "How overlapping replicas are merged.");
  flags.Add("query.replica-label", &query_replica_label,
            "Label that distinguishes replicas (also comma separated).");
  flags.Add("query.partition-label", &query_partition_label,
            "Label that partitions leaf queriers in distributed mode.");
  flags.Add("query.distributed-with-overlapping-interval", &query_distributed_with_overlapping_interval,
            "Distribute using the lowest minimum time of the leaves.", {.hidden = true, .no_effect = true});
  flags.Add("query.metadata.default-time-range", &query_metadata_default_time_range,
            "Default window of label and series calls, 0 means everything.");
  flags.Add("selector-label", &selector_label, "Label announced by this querier and required by matchers.");
  flags.Add("query.partial-response", &query_partial_response,
            "Partial responses allowed unless the request says otherwise.");
  flags.Add("rule.partial-response", &rule_partial_response, "Same for the rules API.", {.hidden = true});
  flags.Add("target.partial-response", &target_partial_response, "Same for the targets API.",
            {.hidden = true});
  flags.Add("metric-metadata.partial-response", &metric_metadata_partial_response,
            "Same for the metadata API.", {.hidden = true});
  flags.Add("exemplar.partial-response", &exemplar_partial_response, "Same for the exemplars API.",
            {.hidden = true});
  flags.Add("status.partial-response", &status_partial_response, "Same for the TSDB status API.",
            {.hidden = true});
}

void QuerierFlags::AddEndpointFlags(config::FlagSet& flags) {
  flags.Add("query.conn-metric.label", &query_conn_metric_label, "Labels of the store connection gauge.");
  flags.Add("store.response-timeout", &store_response_timeout,
            "Longest silence of a store inside a stream, 0 is off.");
  flags.AddEnum("grpc.proxy-strategy", &grpc_proxy_strategy, {"eager", "lazy"},
                "Eager or lazy reading of store streams.", {.hidden = true, .no_effect = true});
  flags.Add("store.sd-dns-interval", &store_sd_dns_interval, "Period of DNS lookups for endpoints.");
  flags.AddEnum("store.sd-dns-resolver", &store_sd_dns_resolver, {"golang", "miekgdns"}, "DNS library.",
                {.hidden = true, .no_effect = true});
  flags.Add("store.unhealthy-timeout", &store_unhealthy_timeout, "How long a dead endpoint stays listed.");
  flags.Add("endpoint.info-timeout", &endpoint_info_timeout, "Time limit of one Info call.",
            {.hidden = true});
  endpoint_sd_config.AddTo(flags, "the endpoints");
  flags.Add("endpoint.sd-config-reload-interval", &endpoint_sd_config_reload_interval,
            "Period of the endpoints file re-read.");
  flags.Add("store.sd-files", &store_sd_files, "File-SD JSON or YAML with endpoint addresses (glob).");
  flags.Add("store.sd-interval", &store_sd_interval, "Period of the file-SD re-read.");
  flags.Add("endpoint", &endpoint, "Endpoint address, may carry dns+, dnssrv+ or dnssrvnoa+.");
  flags.Add("endpoint-group", &endpoint_group, "DNS name whose targets are used round-robin.");
  flags.Add("endpoint-strict", &endpoint_strict, "Static endpoint kept even when unhealthy.");
  flags.Add("endpoint-group-strict", &endpoint_group_strict, "Endpoint group kept even when unhealthy.");
  flags.Add("inject-test-addresses", &inject_test_addresses, "Fixed DNS answers for tests.",
            {.hidden = true, .no_effect = true});
  flags.Add("query.lazy-retrieval-max-buffered-responses", &query_lazy_retrieval_max_buffered_responses,
            "Responses buffered per store in lazy mode.", {.hidden = true, .no_effect = true});
}

void QuerierFlags::AddTelemetryFlags(config::FlagSet& flags) {
  flags.Add("query.telemetry.request-duration-seconds-quantiles",
            &query_telemetry_request_duration_seconds_quantiles,
            "Duration buckets of the query telemetry histogram.");
  flags.Add("query.telemetry.request-samples-quantiles", &query_telemetry_request_samples_quantiles,
            "Sample buckets of the query telemetry histogram.");
  flags.Add("query.telemetry.request-series-seconds-quantiles",
            &query_telemetry_request_series_seconds_quantiles,
            "Series buckets of the query telemetry histogram.");
}

}  // namespace thanos::services
