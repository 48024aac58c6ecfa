#pragma once

#include <memory>
#include <string_view>

#include "base/status.h"
#include "block/filters.h"

namespace thanos::bucketstore {

// The content of --selector.relabel-config: keep, drop and hashmod rules over the external labels of a block
// and `__block_id`, its ULID. Blocks they drop belong to others. Null: no rules. InvalidArgument: malformed.
base::StatusOr<std::unique_ptr<block::BlockFilter>> ParseBlockSelector(std::string_view yaml);

}  // namespace thanos::bucketstore
