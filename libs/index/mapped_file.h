#pragma once

#include <string>

#include "base/bytes.h"
#include "base/status.h"

namespace thanos::index {

// Maps a whole file for reading; unmapped when the last owner is gone. An empty file gives empty bytes.
// NotFound: no such file.
base::StatusOr<base::SharedBytes> MapFile(const std::string& path);

}  // namespace thanos::index
