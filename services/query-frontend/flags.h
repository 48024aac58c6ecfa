#pragma once

// The command-line flags of thanos-query-frontend.

#include <cstdint>
#include <string>
#include <vector>

#include "app/flag_groups.h"
#include "config/flags.h"
#include "config/path_or_content.h"

namespace thanos::services {

// Fields are named like their flags; help texts are in flags.cc. Logging, tracing and server flags belong to
// app::Service.
struct QueryFrontendFlags {
  app::RequestLoggingFlags request_logging;

  // Range queries.
  bool query_range_align_range_with_step = true;
  bool query_range_request_downsampled = true;
  config::ExtDuration query_range_split_interval{std::chrono::hours(24)};
  config::ExtDuration query_range_min_split_interval{};
  config::ExtDuration query_range_max_split_interval{};
  int64_t query_range_horizontal_shards = 0;
  int64_t query_range_max_retries_per_request = 5;
  config::ExtDuration query_range_max_query_length{};
  int64_t query_range_max_query_parallelism = 14;
  config::ExtDuration query_range_response_cache_max_freshness{std::chrono::minutes(1)};
  bool query_range_partial_response = true;
  config::PathOrContent query_range_response_cache_config{"query-range.response-cache-config", true};

  // Label and series calls.
  config::ExtDuration labels_split_interval{std::chrono::hours(24)};
  int64_t labels_max_retries_per_request = 5;
  int64_t labels_max_query_parallelism = 14;
  config::ExtDuration labels_response_cache_max_freshness{std::chrono::minutes(1)};
  bool labels_partial_response = true;
  config::ExtDuration labels_default_time_range{std::chrono::hours(24)};
  config::PathOrContent labels_response_cache_config{"labels.response-cache-config", true};

  // Everything else.
  bool web_disable_cors = false;
  bool query_frontend_enable_x_functions = false;
  std::vector<std::string> enable_feature;
  std::string cache_compression_type;
  std::string query_frontend_downstream_url = "http://localhost:9090";
  config::PathOrContent query_frontend_downstream_tripper_config{"query-frontend.downstream-tripper-config"};
  bool query_frontend_compress_responses = false;
  config::ExtDuration query_frontend_log_queries_longer_than{};
  bool query_frontend_force_query_stats = false;
  std::vector<std::string> query_frontend_org_id_header;
  std::vector<std::string> query_frontend_forward_header;
  std::string query_frontend_tenant_header = "THANOS-TENANT";
  std::string query_frontend_default_tenant_id = "default-tenant";
  std::string query_frontend_tenant_certificate_field;
  int64_t query_frontend_vertical_shards = 0;
  std::string query_frontend_slow_query_logs_user_header;

  void AddTo(config::FlagSet& flags);

 private:
  void AddRangeFlags(config::FlagSet& flags);
  void AddLabelFlags(config::FlagSet& flags);
  void AddFrontendFlags(config::FlagSet& flags);
};

}  // namespace thanos::services
