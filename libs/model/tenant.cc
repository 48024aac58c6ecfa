#include "model/tenant.h"

#include <algorithm>

#include "base/strings.h"

namespace thanos::model {

base::Status ValidateTenant(std::string_view tenant) {
  if (tenant.empty()) {
    return base::InvalidArgument("tenant name is empty");
  }
  if (tenant.size() > kMaxTenantBytes) {
    return base::InvalidArgument("tenant name has ", tenant.size(), " bytes, the limit is ", kMaxTenantBytes);
  }
  const bool harmful = std::ranges::any_of(tenant, [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return c == '/' || c == '\\' || byte < 0x20 || byte == 0x7f;
  });
  if (harmful || tenant == "." || tenant == ".." || tenant.front() == '-' || !base::IsValidUtf8(tenant)) {
    return base::InvalidArgument("tenant name ", base::Quote(tenant), " is not allowed");
  }
  return base::OkStatus();
}

}  // namespace thanos::model
