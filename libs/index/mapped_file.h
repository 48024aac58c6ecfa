#pragma once

#include <string>

#include "base/bytes.h"
#include "base/status.h"

namespace thanos::index {

// Maps a whole file for reading; unmapped when the last owner is gone. An empty file gives empty bytes.
// NotFound: no such file. A file that is cut short meanwhile reads as zeros (base/file_mapping.h): who uses
// bytes after their checksum was verified asks base::IsIntact before the result leaves the process.
base::StatusOr<base::SharedBytes> MapFile(const std::string& path);

}  // namespace thanos::index
