#pragma once

// The command-line flags of thanos-query.

#include <cstdint>
#include <string>
#include <vector>

#include "app/flag_groups.h"
#include "config/flags.h"
#include "config/path_or_content.h"

namespace thanos::services {

// Fields are named like their flags; help texts are in flags.cc. Logging, tracing and server flags belong to
// app::Service.
struct QuerierFlags {
  app::GrpcClientFlags grpc_client;
  app::RequestLoggingFlags request_logging;
  app::SelectorRelabelFlags selector_relabel;
  app::StoreLimitFlags store_limits;
  app::WebFlags web;

  // Tenancy.
  std::string query_tenant_header = "THANOS-TENANT";
  std::string query_default_tenant_id = "default-tenant";
  std::string query_tenant_certificate_field;
  bool query_enforce_tenancy = false;
  std::string query_tenant_label_name = "tenant_id";

  // Evaluation.
  config::PromDuration query_timeout{std::chrono::minutes(2)};
  std::string query_promql_engine = "prometheus";
  bool query_disable_fallback = false;
  bool query_enable_x_functions = false;
  std::string query_annotation_format = "thanos";
  std::string query_mode = "local";
  int64_t query_max_concurrent = 20;
  config::ExtDuration query_lookback_delta{};
  bool query_dynamic_lookback_delta = true;
  int64_t query_max_concurrent_select = 4;
  config::PromDuration query_instant_default_max_source_resolution{};
  bool query_auto_downsampling = false;
  std::string query_active_query_path;
  std::vector<std::string> enable_feature;
  config::PromDuration query_default_evaluation_interval{std::chrono::minutes(1)};
  config::PromDuration query_default_step{std::chrono::seconds(1)};
  std::string alert_query_url;

  // What is selected and merged.
  std::string deduplication_func = "penalty";
  std::vector<std::string> query_replica_label;
  std::vector<std::string> query_partition_label;
  bool query_distributed_with_overlapping_interval = false;
  config::ExtDuration query_metadata_default_time_range{};
  std::vector<std::string> selector_label;
  bool query_partial_response = true;
  bool rule_partial_response = true;
  bool target_partial_response = true;
  bool metric_metadata_partial_response = true;
  bool exemplar_partial_response = true;
  bool status_partial_response = true;

  // Endpoints.
  std::vector<std::string> query_conn_metric_label = {"external_labels", "store_type"};
  config::PromDuration store_response_timeout{};
  std::string grpc_proxy_strategy = "eager";
  config::PromDuration store_sd_dns_interval{std::chrono::seconds(30)};
  std::string store_sd_dns_resolver = "miekgdns";
  config::PromDuration store_unhealthy_timeout{std::chrono::minutes(5)};
  config::PromDuration endpoint_info_timeout{std::chrono::seconds(5)};
  config::PathOrContent endpoint_sd_config{"endpoint.sd-config"};
  config::PromDuration endpoint_sd_config_reload_interval{std::chrono::minutes(5)};
  std::vector<std::string> store_sd_files;
  config::PromDuration store_sd_interval{std::chrono::minutes(5)};
  std::vector<std::string> endpoint;
  std::vector<std::string> endpoint_group;
  std::vector<std::string> endpoint_strict;
  std::vector<std::string> endpoint_group_strict;
  std::vector<std::string> inject_test_addresses;
  int64_t query_lazy_retrieval_max_buffered_responses = 20;

  // Histograms of queries; values are bucket bounds.
  std::vector<std::string> query_telemetry_request_duration_seconds_quantiles = {
      "0.1", "0.25", "0.75", "1.25", "1.75", "2.5", "3", "5", "10"};
  std::vector<std::string> query_telemetry_request_samples_quantiles = {"100", "1000", "10000", "100000",
                                                                        "1000000"};
  std::vector<std::string> query_telemetry_request_series_seconds_quantiles = {"10", "100", "1000", "10000",
                                                                               "100000"};

  void AddTo(config::FlagSet& flags);

 private:
  void AddTenancyFlags(config::FlagSet& flags);
  void AddEngineFlags(config::FlagSet& flags);
  void AddDataFlags(config::FlagSet& flags);
  void AddEndpointFlags(config::FlagSet& flags);
  void AddTelemetryFlags(config::FlagSet& flags);
};

}  // namespace thanos::services
