#include "base/status.h"

#include <cerrno>
#include <system_error>

namespace thanos::base {

Status MakeStatus(StatusCode code, std::string_view message) {
  return Status(code, absl::string_view(message.data(), message.size()));
}

std::string_view Message(const Status& status) {
  const absl::string_view message = status.message();
  return {message.data(), message.size()};
}

std::string_view CodeName(StatusCode code) {
  switch (code) {
    case StatusCode::kOk:
      return "OK";
    case StatusCode::kCancelled:
      return "Canceled";
    case StatusCode::kUnknown:
      return "Unknown";
    case StatusCode::kInvalidArgument:
      return "InvalidArgument";
    case StatusCode::kDeadlineExceeded:
      return "DeadlineExceeded";
    case StatusCode::kNotFound:
      return "NotFound";
    case StatusCode::kAlreadyExists:
      return "AlreadyExists";
    case StatusCode::kPermissionDenied:
      return "PermissionDenied";
    case StatusCode::kResourceExhausted:
      return "ResourceExhausted";
    case StatusCode::kFailedPrecondition:
      return "FailedPrecondition";
    case StatusCode::kAborted:
      return "Aborted";
    case StatusCode::kOutOfRange:
      return "OutOfRange";
    case StatusCode::kUnimplemented:
      return "Unimplemented";
    case StatusCode::kInternal:
      return "Internal";
    case StatusCode::kUnavailable:
      return "Unavailable";
    case StatusCode::kDataLoss:
      return "DataLoss";
    case StatusCode::kUnauthenticated:
      return "Unauthenticated";
    default:
      return "Unknown";
  }
}

Status AnnotateMessage(const Status& status, std::string_view prefix) {
  return MakeStatus(status.code(), Concat(prefix, ": ", Message(status)));
}

Status ErrnoStatus(int error_number, std::string_view what) {
  const std::string text = Concat(what, ": ", std::generic_category().message(error_number));
  switch (error_number) {
    case ENOENT:
      return MakeStatus(StatusCode::kNotFound, text);
    case ENOSPC:
    case EDQUOT:
      return MakeStatus(StatusCode::kResourceExhausted, text);
    case EACCES:
    case EPERM:
      return MakeStatus(StatusCode::kPermissionDenied, text);
    default:
      return MakeStatus(StatusCode::kInternal, text);
  }
}

}  // namespace thanos::base
