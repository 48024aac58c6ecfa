#include "objstore/internal/s3_error.h"

#include <algorithm>
#include <array>

#include "base/strings.h"
#include "objstore/internal/http_date.h"
#include "objstore/internal/xml.h"

namespace thanos::objstore::internal {
namespace {

constexpr size_t kMaxMessageBytes = 300;
constexpr int64_t kMaxRetryAfterSeconds = 3600;

// Codes that come with a 4xx or 200 status, and still are no fault of the request.
constexpr std::array<std::string_view, 11> kRetryableCodes = {
    "RequestTimeout",      "SlowDown",
    "SlowDownRead",        "InternalError",
    "ServiceUnavailable",  "Throttling",
    "ThrottlingException", "RequestLimitExceeded",
    "BadDigest",           "XAmzContentSHA256Mismatch",
    "OperationAborted"};

// Seconds, or a date, which counts from the server's own clock.
base::Duration RetryAfter(const std::vector<net::HttpHeader>& headers) {
  const std::string* after = FindHeader(headers, "Retry-After");
  const std::string* date = FindHeader(headers, "Date");
  if (after == nullptr) {
    return {};
  }
  int64_t seconds = base::ParseInt64(*after).value_or(0);
  const auto until_ms = ParseHttpDateMs(*after);
  if (const auto now_ms = date == nullptr ? std::nullopt : ParseHttpDateMs(*date); until_ms && now_ms) {
    seconds = (*until_ms - *now_ms) / 1000;
  }
  return std::chrono::seconds(std::clamp<int64_t>(seconds, 0, kMaxRetryAfterSeconds));
}

base::StatusCode CodeOf(int http_status, std::string_view s3_code) {
  if (s3_code == "NoSuchUpload") {
    return base::StatusCode::kAborted;
  }
  if (s3_code == "NoSuchBucket") {
    return base::StatusCode::kFailedPrecondition;
  }
  switch (http_status) {
    case 401:
      return base::StatusCode::kUnauthenticated;
    case 403:
      return base::StatusCode::kPermissionDenied;
    case 404:
      return base::StatusCode::kNotFound;
    case 416:
      return base::StatusCode::kOutOfRange;
    default:
      return base::StatusCode::kFailedPrecondition;
  }
}

}  // namespace

const std::string* FindHeader(const std::vector<net::HttpHeader>& headers, std::string_view name) {
  const auto found = std::find_if(headers.begin(), headers.end(), [name](const net::HttpHeader& header) {
    return base::EqualsIgnoreCase(header.name, name);
  });
  return found == headers.end() ? nullptr : &found->value;
}

std::string CleanServerText(std::string_view text) {
  std::string out(base::Trim(text.substr(0, kMaxMessageBytes)));
  for (char& c : out) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
      c = ' ';
    }
  }
  return base::IsValidUtf8(out) ? out : base::Quote(out);
}

bool IsS3ErrorDocument(std::string_view body) {
  const auto root = ParseXml(body);
  return root.ok() && root->name == "Error";
}

S3Failure ReadS3Failure(int http_status, const std::vector<net::HttpHeader>& headers, std::string_view body) {
  S3Failure out;
  std::string code;
  std::string message;
  if (const auto root = ParseXml(body); root.ok() && root->name == "Error") {
    code = CleanServerText(root->Text("Code"));
    message = CleanServerText(root->Text("Message"));
    out.region = std::string(root->Text("Region"));
  }
  if (const std::string* region = FindHeader(headers, "x-amz-bucket-region"); region != nullptr) {
    out.region = *region;
  }
  if (http_status < 300 || http_status >= 500 || http_status == 408 || http_status == 429) {
    out.retryable = http_status != 501 && http_status != 505;
  }
  if (std::find(kRetryableCodes.begin(), kRetryableCodes.end(), code) != kRetryableCodes.end()) {
    out.retryable = true;
  }
  // A success that holds an error is only worth another attempt when the code says so.
  if (http_status < 300 && !code.empty()) {
    out.retryable = std::find(kRetryableCodes.begin(), kRetryableCodes.end(), code) != kRetryableCodes.end();
  }
  out.retry_after = RetryAfter(headers);
  std::string text = base::Concat("HTTP status ", http_status);
  if (!code.empty()) {
    base::Append(text, ", ", code);
  }
  if (!message.empty()) {
    base::Append(text, ": ", message);
  }
  out.code = code;
  out.status =
      base::MakeStatus(out.retryable ? base::StatusCode::kUnavailable : CodeOf(http_status, code), text);
  return out;
}

}  // namespace thanos::objstore::internal
