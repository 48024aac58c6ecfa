#pragma once

#include <string>
#include <string_view>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/status.h"
#include "model/ulid.h"
#include "objstore/bucket.h"
#include "telemetry/metrics.h"

namespace thanos::compact {

// Marks blocks of a bucket and counts that in thanos_compact_blocks_marked_total. A mark that is there
// already stays and is not counted. Thread-safe.
class Marker {
 public:
  // References must outlive this.
  Marker(objstore::Bucket& bucket, const base::Clock& clock, telemetry::Registry& metrics);

  base::Status ForDeletion(const base::CancelToken& cancel, const model::Ulid& ulid,
                           std::string_view details);
  base::Status ForNoCompaction(const base::CancelToken& cancel, const model::Ulid& ulid,
                               std::string_view reason, std::string_view details);
  base::Status ForNoDownsampling(const base::CancelToken& cancel, const model::Ulid& ulid,
                                 std::string_view reason, std::string_view details);

 private:
  void Count(const model::Ulid& ulid, std::string_view marker, std::string_view reason,
             std::string_view details);

  objstore::Bucket& bucket_;
  const base::Clock& clock_;
  telemetry::Registry& metrics_;
};

}  // namespace thanos::compact
