#pragma once

// Names of tenants, which become metadata, labels and directories.

#include <string_view>

#include "base/status.h"

namespace thanos::model {

inline constexpr size_t kMaxTenantBytes = 200;

// InvalidArgument for a name that is empty, longer than kMaxTenantBytes, not UTF-8, ".", "..", begins with
// '-', or holds '/', '\\' or a control character. To be asked wherever a tenant enters the process.
base::Status ValidateTenant(std::string_view tenant);

}  // namespace thanos::model
