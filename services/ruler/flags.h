#pragma once

// The command-line flags of thanos-rule.

#include <cstdint>
#include <string>
#include <vector>

#include "app/flag_groups.h"
#include "config/flags.h"
#include "config/path_or_content.h"

namespace thanos::services {

// Fields are named like their flags; help texts are in flags.cc. Logging, tracing and server flags belong to
// app::Service.
struct RulerFlags {
  app::ObjstoreFlags objstore;
  app::RequestLoggingFlags request_logging;
  app::StoreLimitFlags store_limits;
  app::WebFlags web;
  app::ShipperFlags shipper;

  // Queries.
  std::vector<std::string> query;
  config::PathOrContent query_config{"query.config", true};
  std::vector<std::string> query_sd_files;
  config::ExtDuration query_sd_interval{std::chrono::minutes(5)};
  config::ExtDuration query_sd_dns_interval{std::chrono::seconds(30)};
  std::string query_http_method = "POST";
  std::string query_sd_dns_resolver = "miekgdns";
  config::ExtDuration query_default_step{std::chrono::seconds(1)};
  bool query_only_prometheus_params = false;
  std::vector<std::string> grpc_query_endpoint;
  bool query_enable_x_functions = false;

  // Alerts.
  config::PathOrContent alertmanagers_config{"alertmanagers.config", true};
  std::vector<std::string> alertmanagers_url;
  config::ExtDuration alertmanagers_send_timeout{std::chrono::seconds(10)};
  config::ExtDuration alertmanagers_sd_dns_interval{std::chrono::seconds(30)};
  std::string alert_query_url;
  std::vector<std::string> alert_label_drop;
  config::PathOrContent alert_relabel_config{"alert.relabel-config", true};
  std::string alert_query_template = "/graph?g0.expr={{.Expr}}&g0.tab=1";

  // Local storage and remote write.
  std::vector<std::string> label;
  config::PromDuration tsdb_block_duration{std::chrono::hours(2)};
  config::PromDuration tsdb_retention{std::chrono::hours(48)};
  bool tsdb_no_lockfile = false;
  bool tsdb_wal_compression = true;
  std::string data_dir = "data/";
  bool tsdb_enable_native_histograms = true;
  config::PathOrContent remote_write_config{"remote-write.config", true};

  // Rules.
  std::vector<std::string> rule_file = {"rules/"};
  config::ExtDuration resend_delay{std::chrono::minutes(1)};
  config::ExtDuration eval_interval{std::chrono::minutes(1)};
  config::ExtDuration rule_query_offset{};
  config::ExtDuration for_outage_tolerance{std::chrono::hours(1)};
  config::ExtDuration for_grace_period{std::chrono::minutes(10)};
  std::vector<std::string> restore_ignored_label;
  int64_t rule_concurrent_evaluation = 1;
  std::vector<std::string> enable_feature;

  void AddTo(config::FlagSet& flags);

 private:
  void AddQueryFlags(config::FlagSet& flags);
  void AddAlertFlags(config::FlagSet& flags);
  void AddStorageFlags(config::FlagSet& flags);
  void AddRuleFlags(config::FlagSet& flags);
};

}  // namespace thanos::services
