#include "promstore/reloader.h"

#include <utility>

#include "base/strings.h"
#include "config/path_or_content.h"
#include "promstore/reloader_files.h"
#include "telemetry/log.h"

namespace thanos::promstore {
namespace {

constexpr size_t kMaxConfigBytes = size_t{64} << 20;

std::string DirectoryOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace

Reloader::Metrics::Metrics(telemetry::Registry& registry, bool use_signal)
    : applies(registry.AddCounter("thanos_sidecar_reloader_config_apply_operations_total",
                                  "Total number of config apply operations.")),
      applies_failed(registry.AddCounter("thanos_sidecar_reloader_config_apply_operations_failed_total",
                                         "Total number of config apply operations that failed.")),
      expansion_errors(registry.AddGauge(
          "thanos_sidecar_reloader_config_environment_variable_expansion_errors",
          "Number of environment variable expansions that failed during the last operation.")),
      last_success_time(registry.AddGauge("thanos_sidecar_reloader_last_reload_success_timestamp_seconds",
                                          "Timestamp of the last successful reload")),
      last_successful(registry.AddGauge("thanos_sidecar_reloader_last_reload_successful",
                                        "Whether the last reload attempt was successful")),
      reloads(
          registry.AddCounter("thanos_sidecar_reloader_reloads_total", "Total number of reload requests.")),
      reloads_failed(registry.AddCounter("thanos_sidecar_reloader_reloads_failed_total",
                                         "Total number of reload requests that failed.")),
      watch_errors(registry.AddCounter("thanos_sidecar_reloader_watch_errors_total",
                                       "Total number of errors received by the reloader from the watcher.")),
      watch_events(registry.AddCounter("thanos_sidecar_reloader_watch_events_total",
                                       "Total number of events received by the reloader from the watcher.")),
      watches(registry.AddGauge("thanos_sidecar_reloader_watches",
                                "Number of resources watched by the reloader.")) {
  registry
      .AddGauge("thanos_sidecar_reloader_info",
                "A metric with a constant '1' value labeled by reload method (either 'http' or 'signal').",
                {{"method", use_signal ? "signal" : "http"}})
      .Set(1);
}

Reloader::Reloader(ReloaderOptions options, net::HttpClient& http, const base::Clock& clock,
                   telemetry::Registry& metrics)
    : options_(std::move(options)), http_(http), clock_(clock), metrics_(metrics, options_.use_signal) {}

void Reloader::Run(const base::CancelToken& cancel) {
  if (options_.config_file.empty() && options_.directories.empty()) {
    return;
  }
  bool is_retry = false;
  while (!cancel.cancelled()) {
    UpdateWatches();  // before looking, so that no change falls between
    const base::Status status = Apply(cancel);
    if (cancel.cancelled()) {
      return;
    }
    if (!is_retry) {
      metrics_.applies.Increment();
      metrics_.applies_failed.Increment(status.ok() ? 0 : 1);
    }
    if (!status.ok()) {
      TH_LOG(kError, "applying configuration").With("err", status);
    } else if (options_.watch_interval <= base::Duration::zero()) {
      return;
    }
    is_retry = !status.ok();
    const int num_events = watch_.Wait(cancel, is_retry ? options_.retry_interval : options_.watch_interval);
    metrics_.watch_events.Increment(num_events);
    if (num_events > 0) {
      is_retry = false;
      Settle(cancel);
    }
  }
}

// Changes come in bursts; the last one counts.
void Reloader::Settle(const base::CancelToken& cancel) {
  const base::TimePoint end = base::SteadyNow() + options_.settle_time;
  while (!cancel.cancelled()) {
    const base::Duration left = end - base::SteadyNow();
    if (left <= base::Duration::zero()) {
      return;
    }
    metrics_.watch_events.Increment(watch_.Wait(cancel, left));
  }
}

void Reloader::UpdateWatches() {
  std::set<std::string> directories;
  if (!options_.config_file.empty()) {
    directories.insert(DirectoryOf(options_.config_file));
  }
  for (const std::string& directory : options_.directories) {
    // One that can not be read now is an error of Apply().
    if (const auto tree = ListTree(directory); tree.ok()) {
      directories.insert(tree->directories.begin(), tree->directories.end());
    }
  }
  if (const base::Status status = watch_.Watch(directories); !status.ok()) {
    metrics_.watch_errors.Increment();
    TH_LOG(kWarn, "not every directory is watched, changes are seen at the watch interval")
        .With("err", status);
  }
  metrics_.watches.Set(static_cast<double>(watch_.num_watches()));
}

base::StatusOr<std::string> Reloader::ReadConfig() {
  TH_ASSIGN_OR_RETURN(std::string text, config::ReadFile(options_.config_file));
  if (options_.config_output_file.empty()) {
    return text;
  }
  if (options_.config_file.ends_with(".gz")) {
    auto plain = Gunzip(text, kMaxConfigBytes);
    if (!plain.ok()) {
      return base::Annotate(plain.status(), "file ", options_.config_file);
    }
    text = *std::move(plain);
  }
  auto expanded = config::SubstituteEnvironment(text);
  metrics_.expansion_errors.Set(expanded.ok() ? 0 : 1);
  if (!expanded.ok()) {
    return base::Annotate(expanded.status(), "file ", options_.config_file);
  }
  TH_RETURN_IF_ERROR(WriteAtomically(options_.config_output_file, *expanded));
  return expanded;
}

base::Status Reloader::Apply(const base::CancelToken& cancel) {
  TreeDigest digest;
  if (!options_.config_file.empty()) {
    TH_ASSIGN_OR_RETURN(const std::string text, ReadConfig());
    digest.Add(options_.config_file, text);
  }
  for (const std::string& directory : options_.directories) {
    TH_ASSIGN_OR_RETURN(const Tree tree, ListTree(directory));
    for (const std::string& file : tree.files) {
      TH_RETURN_IF_ERROR(cancel.status());
      TH_ASSIGN_OR_RETURN(const std::string content, config::ReadFile(file));
      digest.Add(file, content);
    }
  }
  std::string found = digest.Finish();
  if (found == taken_over_) {
    return base::OkStatus();
  }
  metrics_.reloads.Increment();
  const base::Status status = Trigger(cancel);
  metrics_.last_successful.Set(status.ok() ? 1 : 0);
  if (!status.ok()) {
    metrics_.reloads_failed.Increment();
    return base::Annotate(status, "triggering reload");
  }
  metrics_.last_success_time.Set(static_cast<double>(clock_.NowMs()) / 1000);
  taken_over_ = std::move(found);
  TH_LOG(kInfo, "reload triggered")
      .With("cfg_in", options_.config_file)
      .With("cfg_out", options_.config_output_file)
      .With("watched_dirs", base::Join(options_.directories, ", "));
  return base::OkStatus();
}

base::Status Reloader::Trigger(const base::CancelToken& cancel) const {
  if (options_.use_signal) {
    return SignalProcess(options_.process_name);
  }
  net::ClientRequest request{.method = "POST", .url = options_.reload_url};
  if (options_.request_headers) {
    TH_ASSIGN_OR_RETURN(request.headers, options_.request_headers());
  }
  TH_ASSIGN_OR_RETURN(const net::ClientResponse response, http_.Do(cancel, request));
  if (response.status != 200) {
    return base::Unavailable("status ", response.status,
                             " instead of 200; Prometheus needs the flag --web.enable-lifecycle");
  }
  return base::OkStatus();
}

}  // namespace thanos::promstore
