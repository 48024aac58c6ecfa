#pragma once

// Marks beside a block in a bucket: small JSON objects that tell other components what to do with it.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/cancel.h"
#include "base/status.h"
#include "model/ulid.h"
#include "objstore/bucket.h"

namespace thanos::block {

inline constexpr std::string_view kDeletionMarkFileName = "deletion-mark.json";
inline constexpr std::string_view kNoCompactMarkFileName = "no-compact-mark.json";
inline constexpr std::string_view kNoDownsampleMarkFileName = "no-downsample-mark.json";

// Reasons Thanos writes into marks.
inline constexpr std::string_view kReasonManual = "manual";
inline constexpr std::string_view kReasonIndexSize = "index-size-exceeding";
inline constexpr std::string_view kReasonOutOfOrderChunk = "block-index-out-of-order-chunk";
inline constexpr std::string_view kReasonVerticalDownsampled = "downsample-vertical-compaction";
// Reasons of blocks set aside because of their data.
inline constexpr std::string_view kReasonOverlap = "overlap";
inline constexpr std::string_view kReasonDamaged = "damaged-block";

// Times are seconds since the Unix epoch.
struct DeletionMark {
  model::Ulid id;
  std::string details;
  int64_t deletion_time_s = 0;
  friend bool operator==(const DeletionMark&, const DeletionMark&) = default;
};
struct NoCompactMark {
  model::Ulid id;
  std::string details;
  int64_t no_compact_time_s = 0;
  std::string reason;
  friend bool operator==(const NoCompactMark&, const NoCompactMark&) = default;
};
struct NoDownsampleMark {
  model::Ulid id;
  std::string details;
  int64_t no_downsample_time_s = 0;
  std::string reason;
  friend bool operator==(const NoDownsampleMark&, const NoDownsampleMark&) = default;
};

// DataLoss: not such a mark. FailedPrecondition: a version other than 1.
base::StatusOr<DeletionMark> ParseDeletionMark(std::string_view json);
base::StatusOr<NoCompactMark> ParseNoCompactMark(std::string_view json);
base::StatusOr<NoDownsampleMark> ParseNoDownsampleMark(std::string_view json);

// One line with a newline at the end, as Thanos writes them.
std::string FormatMark(const DeletionMark& mark);
std::string FormatMark(const NoCompactMark& mark);
std::string FormatMark(const NoDownsampleMark& mark);

// The mark of a block in `bucket`; nothing when there is none, or when it cannot be parsed, which is logged
// (like Thanos). A wrong version and bucket errors are errors.
base::StatusOr<std::optional<DeletionMark>> ReadDeletionMark(const base::CancelToken& cancel,
                                                             objstore::Bucket& bucket,
                                                             const model::Ulid& ulid);
base::StatusOr<std::optional<NoCompactMark>> ReadNoCompactMark(const base::CancelToken& cancel,
                                                               objstore::Bucket& bucket,
                                                               const model::Ulid& ulid);
base::StatusOr<std::optional<NoDownsampleMark>> ReadNoDownsampleMark(const base::CancelToken& cancel,
                                                                     objstore::Bucket& bucket,
                                                                     const model::Ulid& ulid);

// Writes a mark beside its block unless there is one of the kind already, which stays as it is. True: it was
// written now.
base::StatusOr<bool> WriteMark(const base::CancelToken& cancel, objstore::Bucket& bucket,
                               const DeletionMark& mark);
base::StatusOr<bool> WriteMark(const base::CancelToken& cancel, objstore::Bucket& bucket,
                               const NoCompactMark& mark);
base::StatusOr<bool> WriteMark(const base::CancelToken& cancel, objstore::Bucket& bucket,
                               const NoDownsampleMark& mark);

}  // namespace thanos::block
