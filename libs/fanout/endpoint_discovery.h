#pragma once

// Feeds an EndpointSet from everything operators can name endpoints with.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/mutex.h"
#include "base/status.h"
#include "discovery/endpoint_config.h"
#include "discovery/provider.h"
#include "fanout/endpoint_set.h"
#include "telemetry/metrics.h"

namespace thanos::fanout {

struct EndpointSources {
  std::vector<std::string> endpoints;         // may carry DNS prefixes
  std::vector<std::string> strict_endpoints;  // static only
  std::vector<std::string> endpoint_groups;   // each is one endpoint with all addresses behind its name
  std::vector<std::string> strict_endpoint_groups;
  std::vector<std::string> target_file_patterns;  // Prometheus file SD
  // Current text of the endpoints YAML; null when there is none.
  std::function<base::StatusOr<std::string>()> read_config;
};

// Thread-safe.
class EndpointDiscovery {
 public:
  // InvalidArgument: an invalid address, or a strict one that needs a look-up. The first reading of the
  // endpoints YAML must succeed. References must outlive the result.
  static base::StatusOr<std::unique_ptr<EndpointDiscovery>> Create(EndpointSources sources,
                                                                   discovery::Resolver& resolver,
                                                                   telemetry::Registry& metrics,
                                                                   EndpointSet& set);
  // Resolves names, for ten seconds at most, and hands the list to the set. An error is for the log: what was
  // known before stays.
  base::Status RefreshDns(const base::CancelToken& cancel);
  // Reads files and the endpoints YAML again, then as RefreshDns.
  base::Status RefreshFiles(const base::CancelToken& cancel);
  // RefreshFiles when a file or the endpoints YAML is not what the last call saw; cheap when nothing changed.
  base::Status RefreshChangedFiles(const base::CancelToken& cancel);

 private:
  EndpointDiscovery(EndpointSources sources, discovery::Resolver& resolver, telemetry::Registry& metrics,
                    EndpointSet& set);
  base::Status ReadConfig() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  base::Status ReadAll();
  struct Group {
    std::string address;
    bool strict = false;
    std::string service_config = {};
  };
  base::Status ResolveGroups(const base::CancelToken& cancel, const std::vector<Group>& groups,
                             std::vector<EndpointSpec>* specs);

  const EndpointSources sources_;
  EndpointSet& set_;
  discovery::Provider provider_;
  discovery::Provider group_provider_;
  // Held for a whole look-up, so that an older list never replaces a newer one. Only refreshes wait for it.
  base::Mutex refresh_mutex_;
  base::Mutex mutex_;
  discovery::TargetFiles files_ ABSL_GUARDED_BY(mutex_);
  std::vector<discovery::ConfiguredEndpoint> configured_ ABSL_GUARDED_BY(mutex_);
  std::string seen_files_ ABSL_GUARDED_BY(mutex_);  // of the last RefreshChangedFiles
};

}  // namespace thanos::fanout
