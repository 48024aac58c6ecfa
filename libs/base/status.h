#pragma once

// Errors are absl::Status and absl::StatusOr, used through this header. The constructors below concatenate
// their arguments, because Debian's absl::string_view does not convert from std::string_view.

#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/strings.h"

namespace thanos::base {

using Status = absl::Status;
using StatusCode = absl::StatusCode;
template <typename T>
using StatusOr = absl::StatusOr<T>;

inline Status OkStatus() {
  return absl::OkStatus();
}

// A status with `code` and `message`. `code` kOk gives OK and drops the message.
Status MakeStatus(StatusCode code, std::string_view message);

// The message of `status`; valid while `status` lives.
std::string_view Message(const Status& status);

// "InvalidArgument", "NotFound", ... as in gRPC.
std::string_view CodeName(StatusCode code);

// `status` with "<parts>: " put before its message; OK stays OK.
Status AnnotateMessage(const Status& status, std::string_view prefix);
template <typename... Parts>
Status Annotate(const Status& status, const Parts&... parts) {
  return status.ok() ? status : AnnotateMessage(status, Concat(parts...));
}

#define TH_DEFINE_STATUS_CONSTRUCTOR(Name)                    \
  template <typename... Parts>                                \
  Status Name(const Parts&... parts) {                        \
    return MakeStatus(StatusCode::k##Name, Concat(parts...)); \
  }
TH_DEFINE_STATUS_CONSTRUCTOR(InvalidArgument)     // bad input of the caller; never retried
TH_DEFINE_STATUS_CONSTRUCTOR(NotFound)            // expected absence
TH_DEFINE_STATUS_CONSTRUCTOR(AlreadyExists)       // conflict with what is there
TH_DEFINE_STATUS_CONSTRUCTOR(DataLoss)            // damaged bytes in a file, bucket, cache or message
TH_DEFINE_STATUS_CONSTRUCTOR(ResourceExhausted)   // a limit; the message names limit and value
TH_DEFINE_STATUS_CONSTRUCTOR(FailedPrecondition)  // understood but not executable
TH_DEFINE_STATUS_CONSTRUCTOR(Aborted)             // stopped on purpose, for example a strict partial failure
TH_DEFINE_STATUS_CONSTRUCTOR(OutOfRange)
TH_DEFINE_STATUS_CONSTRUCTOR(Unimplemented)
TH_DEFINE_STATUS_CONSTRUCTOR(Internal)     // our own bug or a local failure
TH_DEFINE_STATUS_CONSTRUCTOR(Unavailable)  // a dependency is down; retryable
TH_DEFINE_STATUS_CONSTRUCTOR(DeadlineExceeded)
TH_DEFINE_STATUS_CONSTRUCTOR(Cancelled)
TH_DEFINE_STATUS_CONSTRUCTOR(PermissionDenied)
TH_DEFINE_STATUS_CONSTRUCTOR(Unauthenticated)
TH_DEFINE_STATUS_CONSTRUCTOR(Unknown)
#undef TH_DEFINE_STATUS_CONSTRUCTOR

// Internal (or NotFound for ENOENT, ResourceExhausted for ENOSPC) with the text of `error_number` (an errno
// value).
Status ErrnoStatus(int error_number, std::string_view what);

}  // namespace thanos::base

#define TH_STATUS_CONCAT_INNER(a, b) a##b
#define TH_STATUS_CONCAT(a, b) TH_STATUS_CONCAT_INNER(a, b)

// Returns the status of `expression` from the enclosing function unless it is OK.
#define TH_RETURN_IF_ERROR(expression)                    \
  do {                                                    \
    if (auto th_status = (expression); !th_status.ok()) { \
      return th_status;                                   \
    }                                                     \
  } while (false)

// `TH_ASSIGN_OR_RETURN(auto x, F())` declares or assigns the value of a StatusOr, or returns its status.
#define TH_ASSIGN_OR_RETURN(declaration, expression) \
  TH_ASSIGN_OR_RETURN_IMPL(TH_STATUS_CONCAT(th_status_or_, __LINE__), declaration, expression)
#define TH_ASSIGN_OR_RETURN_IMPL(temporary, declaration, expression) \
  auto temporary = (expression);                                     \
  if (!temporary.ok()) {                                             \
    return std::move(temporary).status();                            \
  }                                                                  \
  declaration = *std::move(temporary)
