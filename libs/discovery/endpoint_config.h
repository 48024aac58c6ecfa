#pragma once

// Files that list endpoints.

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace thanos::discovery {

// One entry of the endpoints file.
struct ConfiguredEndpoint {
  std::string address;
  bool strict = false;
  bool group = false;
  std::string service_config;
  friend bool operator==(const ConfiguredEndpoint&, const ConfiguredEndpoint&) = default;
};

// YAML: `endpoints: [{address, strict, group, service_config}]`. InvalidArgument: unknown keys, an invalid
// address, a strict entry that needs a look-up, a service_config outside of a group.
base::StatusOr<std::vector<ConfiguredEndpoint>> ParseEndpointConfig(std::string_view text);

// The targets of Prometheus target groups, YAML or JSON: `[{targets: [...], labels: {...}}]`. Labels are not
// used. InvalidArgument also for an empty text: that is a file about to be written.
base::StatusOr<std::vector<std::string>> ParseTargetGroups(std::string_view text);

// Target group files named by glob patterns. A file that cannot be read or parsed keeps its last good
// content; one that is gone is forgotten. Not thread-safe.
class TargetFiles {
 public:
  explicit TargetFiles(std::vector<std::string> patterns) : patterns_(std::move(patterns)) {}
  // Reads all files again; the first error, for a log line.
  base::Status Read();
  // Sorted and unique.
  std::vector<std::string> Targets() const;
  // Differs when files came, went or were written since.
  std::string Signature() const;

 private:
  const std::vector<std::string> patterns_;
  std::map<std::string, std::vector<std::string>> files_;
};

}  // namespace thanos::discovery
