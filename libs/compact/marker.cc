#include "compact/marker.h"

#include "block/markers.h"
#include "telemetry/log.h"

namespace thanos::compact {
namespace {

telemetry::Counter& MarkedCounter(telemetry::Registry& metrics, std::string_view marker,
                                  std::string_view reason) {
  return metrics.AddCounter("thanos_compact_blocks_marked_total",
                            "Total number of blocks marked in compactor.",
                            {{"marker", std::string(marker)}, {"reason", std::string(reason)}});
}

}  // namespace

Marker::Marker(objstore::Bucket& bucket, const base::Clock& clock, telemetry::Registry& metrics)
    : bucket_(bucket), clock_(clock), metrics_(metrics) {
  // Exposed before the first mark.
  (void)MarkedCounter(metrics, block::kDeletionMarkFileName, "");
  (void)MarkedCounter(metrics, block::kNoCompactMarkFileName, block::kReasonOutOfOrderChunk);
  (void)MarkedCounter(metrics, block::kNoCompactMarkFileName, block::kReasonIndexSize);
  (void)MarkedCounter(metrics, block::kNoCompactMarkFileName, block::kReasonVerticalDownsampled);
}

void Marker::Count(const model::Ulid& ulid, std::string_view marker, std::string_view reason,
                   std::string_view details) {
  MarkedCounter(metrics_, marker, reason).Increment();
  TH_LOG(kInfo, "block has been marked")
      .With("block", ulid.ToString())
      .With("marker", marker)
      .With("reason", reason)
      .With("details", details);
}

base::Status Marker::ForDeletion(const base::CancelToken& cancel, const model::Ulid& ulid,
                                 std::string_view details) {
  const block::DeletionMark mark{ulid, std::string(details), clock_.NowMs() / 1000};
  TH_ASSIGN_OR_RETURN(const bool written, block::WriteMark(cancel, bucket_, mark));
  if (written) {
    Count(ulid, block::kDeletionMarkFileName, "", details);
  }
  return base::OkStatus();
}

base::Status Marker::ForNoCompaction(const base::CancelToken& cancel, const model::Ulid& ulid,
                                     std::string_view reason, std::string_view details) {
  const block::NoCompactMark mark{ulid, std::string(details), clock_.NowMs() / 1000, std::string(reason)};
  TH_ASSIGN_OR_RETURN(const bool written, block::WriteMark(cancel, bucket_, mark));
  if (written) {
    Count(ulid, block::kNoCompactMarkFileName, reason, details);
  }
  return base::OkStatus();
}

base::Status Marker::ForNoDownsampling(const base::CancelToken& cancel, const model::Ulid& ulid,
                                       std::string_view reason, std::string_view details) {
  const block::NoDownsampleMark mark{ulid, std::string(details), clock_.NowMs() / 1000, std::string(reason)};
  TH_ASSIGN_OR_RETURN(const bool written, block::WriteMark(cancel, bucket_, mark));
  if (written) {
    Count(ulid, block::kNoDownsampleMarkFileName, reason, details);
  }
  return base::OkStatus();
}

}  // namespace thanos::compact
