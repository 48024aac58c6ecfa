#pragma once

// thanos.shipper.json: which blocks of a data directory are in the bucket.

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "model/ulid.h"

namespace thanos::shipper {

// DataLoss: not JSON of this shape, an unknown version, or a name that is no ULID.
base::StatusOr<std::vector<model::Ulid>> ParseUploadedList(std::string_view json);
// Tab-indented with a newline at the end.
std::string FormatUploadedList(const std::vector<model::Ulid>& uploaded);

// NotFound when there is no file.
base::StatusOr<std::vector<model::Ulid>> ReadUploadedList(const std::string& path);
// Atomic and durable: after a crash there is the old file or the new one.
base::Status WriteUploadedList(const std::string& path, const std::vector<model::Ulid>& uploaded);

}  // namespace thanos::shipper
