#pragma once

// `tools bucket mark`: marks on single blocks, and their removal.

#include <string>
#include <string_view>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/status.h"
#include "model/ulid.h"
#include "objstore/bucket.h"

namespace thanos::buckettools {

// Puts the marker of file name `marker` (block/markers.h) with reason "manual" beside a block. A marker that
// is there already stays, with a warning in the log. NotFound: there is no such block. InvalidArgument: no
// such marker, or no details.
base::Status MarkBlock(const base::CancelToken& cancel, objstore::Bucket& bucket, const base::Clock& clock,
                       std::string_view marker, const model::Ulid& ulid, std::string_view details);

// Removes a marker; one that is not there is no error, with a warning in the log.
base::Status UnmarkBlock(const base::CancelToken& cancel, objstore::Bucket& bucket, std::string_view marker,
                         const model::Ulid& ulid);

}  // namespace thanos::buckettools
