#pragma once

// Makes Prometheus take over changes of its configuration and rule files.

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/status.h"
#include "net/http_client.h"
#include "promstore/reloader_watch.h"
#include "telemetry/metrics.h"

namespace thanos::promstore {

struct ReloaderOptions {
  std::string config_file;         // may be empty; *.gz is decompressed for the output file
  std::string config_output_file;  // gets the configuration with $(VAR) replaced; may be empty
  std::vector<std::string> directories;
  base::Duration watch_interval = std::chrono::minutes(3);  // between looks without a change; 0: one look
  base::Duration retry_interval = std::chrono::seconds(5);  // after an error
  base::Duration settle_time = std::chrono::seconds(1);     // changes within it are taken together
  bool use_signal = false;                                  // SIGHUP to `process_name` instead of a request
  std::string process_name = {};
  std::string reload_url = {};
  // Credentials for the request; may be null.
  std::function<base::StatusOr<std::vector<net::HttpHeader>>()> request_headers = {};
};

// Not thread-safe.
class Reloader {
 public:
  // `http`, `clock` and `metrics` must outlive this.
  Reloader(ReloaderOptions options, net::HttpClient& http, const base::Clock& clock,
           telemetry::Registry& metrics);

  // Watches and reloads until cancelled; errors are logged and tried again. Returns at once when there is
  // nothing to watch.
  void Run(const base::CancelToken& cancel);
  // One look: writes the output file and reloads when something differs from what was last taken over, which
  // it always does the first time.
  base::Status Apply(const base::CancelToken& cancel);

 private:
  struct Metrics {
    explicit Metrics(telemetry::Registry& registry, bool use_signal);
    telemetry::Counter& applies;
    telemetry::Counter& applies_failed;
    telemetry::Gauge& expansion_errors;
    telemetry::Gauge& last_success_time;
    telemetry::Gauge& last_successful;
    telemetry::Counter& reloads;
    telemetry::Counter& reloads_failed;
    telemetry::Counter& watch_errors;
    telemetry::Counter& watch_events;
    telemetry::Gauge& watches;
  };
  void UpdateWatches();
  void Settle(const base::CancelToken& cancel);
  base::StatusOr<std::string> ReadConfig();
  base::Status Trigger(const base::CancelToken& cancel) const;

  const ReloaderOptions options_;
  net::HttpClient& http_;
  const base::Clock& clock_;
  Metrics metrics_;
  DirectoryWatch watch_;
  std::string taken_over_;  // digest of what Prometheus has
};

}  // namespace thanos::promstore
