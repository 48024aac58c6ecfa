#pragma once

// Durable writing of local files.

#include <string>
#include <string_view>

#include "base/status.h"

namespace thanos::block::internal {

base::StatusOr<std::string> ReadFile(const std::string& path);
// Through `<path>.tmp`, synced, renamed; with `sync_directory` the rename is durable on return.
base::Status WriteFileAtomically(const std::string& path, std::string_view content, bool sync_directory);
// With missing parents; existing is fine.
base::Status MakeDirectories(const std::string& path);
base::Status SyncDirectory(const std::string& path);
// Missing is fine.
base::Status RemoveTree(const std::string& path);

}  // namespace thanos::block::internal
