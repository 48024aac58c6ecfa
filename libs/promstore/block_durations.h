#pragma once

#include <string>
#include <string_view>

#include "base/status.h"
#include "base/strings.h"

namespace thanos::promstore {

// Whether blocks of a Prometheus with these flags may be uploaded: its own compaction must be off, because a
// block that was uploaded would otherwise be merged into another. That is so when the minimum and maximum
// block durations are equal, or when Prometheus delays compaction until blocks are listed in
// `uploaded_list_path`. FailedPrecondition when not; DataLoss when a flag is missing. `*warning` is set for a
// duration other than two hours.
base::Status CheckBlockDurations(const base::StringMap<std::string>& flags,
                                 std::string_view uploaded_list_path, std::string* warning);

}  // namespace thanos::promstore
