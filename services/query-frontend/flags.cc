#include "services/query-frontend/flags.h"

namespace thanos::services {

void QueryFrontendFlags::AddTo(config::FlagSet& flags) {
  request_logging.AddTo(flags);
  AddRangeFlags(flags);
  AddLabelFlags(flags);
  AddFrontendFlags(flags);
}

void QueryFrontendFlags::AddRangeFlags(config::FlagSet& flags) {
  flags.Add("query-range.align-range-with-step", &query_range_align_range_with_step,
            "Align range start and end to the step.");
  flags.Add("query-range.request-downsampled", &query_range_request_downsampled,
            "Ask again for downsampled data when the answer is empty or short.");
  flags.Add("query-range.split-interval", &query_range_split_interval,
            "Length of the parts a range query is cut into.");
  flags.Add("query-range.min-split-interval", &query_range_min_split_interval,
            "Dynamic split: ranges above this are cut.");
  flags.Add("query-range.max-split-interval", &query_range_max_split_interval,
            "Dynamic split: longest part.");
  flags.Add("query-range.horizontal-shards", &query_range_horizontal_shards,
            "Dynamic split: number of parts.");
  flags.Add("query-range.max-retries-per-request", &query_range_max_retries_per_request,
            "Retries per downstream range call.");
  flags.Add("query-range.max-query-length", &query_range_max_query_length,
            "Longest accepted query range, 0 is off.");
  flags.Add("query-range.max-query-parallelism", &query_range_max_query_parallelism,
            "Parallel downstream range calls.");
  flags.Add("query-range.response-cache-max-freshness", &query_range_response_cache_max_freshness,
            "Newest data that may be cached.");
  flags.Add("query-range.partial-response", &query_range_partial_response,
            "Partial_response default of range queries.");
  query_range_response_cache_config.AddTo(flags, "range cache configuration");
}

void QueryFrontendFlags::AddLabelFlags(config::FlagSet& flags) {
  flags.Add("labels.split-interval", &labels_split_interval,
            "Length of the parts a label or series call is cut into.");
  flags.Add("labels.max-retries-per-request", &labels_max_retries_per_request,
            "Retries per downstream label call.");
  flags.Add("labels.max-query-parallelism", &labels_max_query_parallelism,
            "Parallel downstream label calls.");
  flags.Add("labels.response-cache-max-freshness", &labels_response_cache_max_freshness,
            "Newest label data that may be cached.");
  flags.Add("labels.partial-response", &labels_partial_response, "Partial_response default of label calls.");
  flags.Add("labels.default-time-range", &labels_default_time_range,
            "Window used when a label call names none.");
  labels_response_cache_config.AddTo(flags, "label cache configuration");
}

void QueryFrontendFlags::AddFrontendFlags(config::FlagSet& flags) {
  flags.Add("web.disable-cors", &web_disable_cors, "Do not send CORS headers.");
  flags.Add("query-frontend.enable-x-functions", &query_frontend_enable_x_functions,
            "Accept xrate, xincrease and xdelta when parsing.");
  flags.Add("enable-feature", &enable_feature, "Experimental features to turn on (comma separated).");
  flags.AddEnum("cache-compression-type", &cache_compression_type, {"snappy", ""},
                "Compression of cached results.");
  flags.Add("query-frontend.downstream-url", &query_frontend_downstream_url, "URL of the query API behind.");
  query_frontend_downstream_tripper_config.AddTo(flags, "HTTP transport configuration");
  flags.Add("query-frontend.compress-responses", &query_frontend_compress_responses, "Gzip the responses.");
  flags.Add("query-frontend.log-queries-longer-than", &query_frontend_log_queries_longer_than,
            "Slow query log threshold, 0 off, negative all.");
  flags.Add("query-frontend.force-query-stats", &query_frontend_force_query_stats,
            "Ask stats for all queries and log them.");
  flags.Add("query-frontend.org-id-header", &query_frontend_org_id_header,
            "Headers that identify the caller (older than tenant-header).");
  flags.Add("query-frontend.forward-header", &query_frontend_forward_header,
            "Headers passed through to the querier.");
  flags.Add("query-frontend.tenant-header", &query_frontend_tenant_header,
            "Request header naming the tenant.", {.hidden = true});
  flags.Add("query-frontend.default-tenant-id", &query_frontend_default_tenant_id,
            "Tenant used when none is given.", {.hidden = true});
  flags.AddEnum("query-frontend.tenant-certificate-field", &query_frontend_tenant_certificate_field,
                {"", "organization", "organizationalUnit", "commonName"},
                "Client certificate field naming the tenant.", {.hidden = true});
  flags.Add("query-frontend.vertical-shards", &query_frontend_vertical_shards,
            "Shards of a shardable query.");
  flags.Add("query-frontend.slow-query-logs-user-header", &query_frontend_slow_query_logs_user_header,
            "Header whose value is logged as user.");
}

}  // namespace thanos::services
