#pragma once

#include <string>
#include <vector>

#include "app/flag_groups.h"
#include "config/flags.h"
#include "config/path_or_content.h"

namespace thanos::sidecar {

struct PrometheusFlags {
  std::string url = "http://localhost:9090";
  config::ExtDuration ready_timeout{std::chrono::minutes(10)};
  config::ExtDuration get_config_interval{std::chrono::seconds(30)};
  config::ExtDuration get_config_timeout{std::chrono::seconds(30)};
  config::PathOrContent http_client{"prometheus.http-client"};
  void AddTo(config::FlagSet& flags);
};

struct ReloaderFlags {
  std::string config_file;
  std::string config_envsubst_file;
  std::vector<std::string> rule_directories;
  config::ExtDuration watch_interval{std::chrono::minutes(3)};
  config::ExtDuration retry_interval{std::chrono::seconds(5)};
  std::string method = "http";
  std::string process_name = "prometheus";
  void AddTo(config::FlagSet& flags);
};

struct SidecarFlags {
  PrometheusFlags prometheus;
  ReloaderFlags reloader;
  std::string tsdb_path = "./data";
  config::TimeOrDuration min_time{"0000-01-01T00:00:00Z"};
  app::RequestLoggingFlags request_logging;
  app::ObjstoreFlags objstore;
  app::ShipperFlags shipper;
  app::StoreLimitFlags limits;
  void AddTo(config::FlagSet& flags);
};

}  // namespace thanos::sidecar
