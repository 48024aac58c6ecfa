#include "services/sidecar/flags.h"

namespace thanos::sidecar {

void PrometheusFlags::AddTo(config::FlagSet& flags) {
  flags.Add("prometheus.url", &url,
            "URL at which to reach Prometheus's API. For better performance use local network.");
  flags.Add("prometheus.ready_timeout", &ready_timeout,
            "Maximum time to wait for the Prometheus instance to start up");
  flags.Add("prometheus.get_config_interval", &get_config_interval, "How often to get Prometheus config");
  flags.Add("prometheus.get_config_timeout", &get_config_timeout, "Timeout for getting Prometheus config");
  http_client.AddTo(flags, "the HTTP client configuration used towards Prometheus");
}

void ReloaderFlags::AddTo(config::FlagSet& flags) {
  flags.Add("reloader.config-file", &config_file, "Config file watched by the reloader.");
  flags.Add("reloader.config-envsubst-file", &config_envsubst_file,
            "Output file for environment variable substituted config file.");
  flags.Add("reloader.rule-dir", &rule_directories,
            "Rule directories for the reloader to refresh (repeated field).");
  flags.Add("reloader.watch-interval", &watch_interval,
            "Controls how often reloader re-reads config and rules.");
  flags.Add("reloader.retry-interval", &retry_interval,
            "Controls how often reloader retries config reload in case of error.");
  flags.AddEnum("reloader.method", &method, {"http", "signal"}, "Method used to reload the configuration.");
  flags.Add("reloader.process-name", &process_name,
            "Executable name used to match the process being reloaded when using the signal method.");
}

void SidecarFlags::AddTo(config::FlagSet& flags) {
  prometheus.AddTo(flags);
  flags.Add("tsdb.path", &tsdb_path, "Data directory of TSDB.");
  reloader.AddTo(flags);
  request_logging.AddTo(flags);
  objstore.AddTo(flags);
  shipper.AddTo(flags);
  limits.AddTo(flags);
  flags.Add("min-time", &min_time,
            "Start of time range limit to serve. Thanos sidecar will serve only metrics, which happened "
            "later than this "
            "value. Option can be a constant time in RFC3339 format or time duration relative to current "
            "time, such as -1d "
            "or 2h45m. Valid duration units are ms, s, m, h, d, w, y.");
}

}  // namespace thanos::sidecar
