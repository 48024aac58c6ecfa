#pragma once

#include <string>
#include <string_view>

#include "base/status.h"

namespace thanos::objstore::internal {

// InvalidArgument unless `name` is a relative path of non-empty components without ".", ".." and NUL, so that
// it cannot leave a bucket's root.
base::Status CheckObjectName(std::string_view name);

// `directory` without its trailing '/'; "" is the root. InvalidArgument as above.
base::StatusOr<std::string> CleanDirectory(std::string_view directory);

}  // namespace thanos::objstore::internal
