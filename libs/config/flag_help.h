#pragma once

// Private: the --help text.

#include <string>
#include <vector>

#include "config/flag_value.h"

namespace thanos::config {

// `flags` in the order of declaration; hidden ones are left out.
std::string FormatHelp(const std::string& component, const std::string& help, const std::vector<Flag>& flags);

}  // namespace thanos::config
