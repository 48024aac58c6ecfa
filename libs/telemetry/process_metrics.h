#pragma once

// Private: the process_* values of this process, read from /proc.

#include <string>
#include <vector>

namespace thanos::telemetry {

struct ProcessValue {
  std::string name;
  std::string help;
  bool counter = false;
  double value = 0;
};

// What could be read; values that are not available are left out.
std::vector<ProcessValue> ReadProcessMetrics();

}  // namespace thanos::telemetry
