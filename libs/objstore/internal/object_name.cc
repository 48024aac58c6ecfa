#include "objstore/internal/object_name.h"

namespace thanos::objstore::internal {

base::Status CheckObjectName(std::string_view name) {
  for (const std::string_view component : base::Split(name, '/')) {
    if (component.empty() || component == "." || component == ".." ||
        component.find('\0') != std::string_view::npos) {
      return base::InvalidArgument("invalid object name ", base::Quote(name));
    }
  }
  return base::OkStatus();
}

base::StatusOr<std::string> CleanDirectory(std::string_view directory) {
  if (directory.ends_with('/')) {
    directory.remove_suffix(1);
  }
  if (!directory.empty()) {
    TH_RETURN_IF_ERROR(CheckObjectName(directory));
  }
  return std::string(directory);
}

}  // namespace thanos::objstore::internal
