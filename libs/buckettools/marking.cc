#include "buckettools/marking.h"

#include "base/strings.h"
#include "block/markers.h"
#include "block/meta.h"
#include "telemetry/log.h"

namespace thanos::buckettools {
namespace {

base::StatusOr<bool> Write(const base::CancelToken& cancel, objstore::Bucket& bucket, int64_t now_s,
                           std::string_view marker, const model::Ulid& ulid, std::string details) {
  const std::string reason(block::kReasonManual);
  if (marker == block::kDeletionMarkFileName) {
    return block::WriteMark(cancel, bucket, block::DeletionMark{ulid, std::move(details), now_s});
  }
  if (marker == block::kNoCompactMarkFileName) {
    return block::WriteMark(cancel, bucket, block::NoCompactMark{ulid, std::move(details), now_s, reason});
  }
  if (marker == block::kNoDownsampleMarkFileName) {
    return block::WriteMark(cancel, bucket, block::NoDownsampleMark{ulid, std::move(details), now_s, reason});
  }
  return base::InvalidArgument("not supported marker ", marker);
}

}  // namespace

base::Status MarkBlock(const base::CancelToken& cancel, objstore::Bucket& bucket, const base::Clock& clock,
                       std::string_view marker, const model::Ulid& ulid, std::string_view details) {
  if (details.empty()) {
    return base::InvalidArgument("required flag --details not provided");
  }
  // A mark for a mistyped name would make a directory that looks like an unfinished upload.
  TH_ASSIGN_OR_RETURN(const bool exists, bucket.Exists(cancel, block::MetaPath(ulid)));
  if (!exists) {
    return base::NotFound("block ", ulid.ToString(), " is not in the bucket");
  }
  TH_ASSIGN_OR_RETURN(const bool written,
                      Write(cancel, bucket, clock.NowMs() / 1000, marker, ulid, std::string(details)));
  if (!written) {
    TH_LOG(kWarn, "requested to mark, but the marker exists already; this should not happen; investigate")
        .With("block", ulid.ToString())
        .With("marker", marker);
  } else {
    TH_LOG(kInfo, "block has been marked").With("block", ulid.ToString()).With("marker", marker);
  }
  return base::OkStatus();
}

base::Status UnmarkBlock(const base::CancelToken& cancel, objstore::Bucket& bucket, std::string_view marker,
                         const model::Ulid& ulid) {
  const base::Status status = bucket.Delete(cancel, base::Concat(ulid.ToString(), "/", marker));
  if (status.code() == base::StatusCode::kNotFound) {
    TH_LOG(kWarn, "requested to remove the mark, but file does not exist")
        .With("block", ulid.ToString())
        .With("marker", marker);
    return base::OkStatus();
  }
  TH_RETURN_IF_ERROR(status);
  TH_LOG(kInfo, "mark has been removed from the block").With("block", ulid.ToString()).With("marker", marker);
  return base::OkStatus();
}

}  // namespace thanos::buckettools
