#pragma once

// What went wrong, and what that means for the rest of the work.

#include <string>
#include <vector>

#include "base/status.h"
#include "model/ulid.h"

namespace thanos::compact::internal {

enum class FailureKind : uint8_t {
  kNone,
  kRetry,      // bucket, network, local disk: the next iteration tries again
  kHalt,       // the data is not as it must be: only a person can tell
  kCancelled,  // stopped from outside
};

// A block that is the reason of a failure, for a no-compact mark.
struct BadBlock {
  model::Ulid ulid;
  std::string reason;
  std::string details;
};

struct Failure {
  FailureKind kind = FailureKind::kNone;
  base::Status status;
  std::vector<BadBlock> bad_blocks;

  bool failed() const { return kind != FailureKind::kNone; }

  static Failure Retry(base::Status status) {
    const bool cancelled = status.code() == base::StatusCode::kCancelled;
    return {cancelled ? FailureKind::kCancelled : FailureKind::kRetry, std::move(status), {}};
  }
  static Failure Halt(base::Status status, std::vector<BadBlock> bad_blocks = {}) {
    return {FailureKind::kHalt, std::move(status), std::move(bad_blocks)};
  }
};

// Errors that say something about the data rather than about how it was reached.
inline bool IsAboutData(const base::Status& status) {
  return status.code() == base::StatusCode::kDataLoss ||
         status.code() == base::StatusCode::kFailedPrecondition ||
         status.code() == base::StatusCode::kInvalidArgument;
}

}  // namespace thanos::compact::internal
