#pragma once

#include <memory>
#include <string_view>

#include "base/status.h"
#include "objstore/bucket.h"
#include "telemetry/metrics.h"

namespace thanos::objstore {

// The bucket described by the YAML of --objstore.config: `type` (case-insensitive), `config`, `prefix`.
// Unknown keys are an error; so is a provider that is not built, with its name in the message. Operations are
// counted in `metrics`, which must outlive the bucket.
base::StatusOr<std::unique_ptr<Bucket>> FromConfig(std::string_view yaml, telemetry::Registry& metrics);

}  // namespace thanos::objstore
