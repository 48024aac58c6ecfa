#pragma once

// What an S3 server's refusal means.

#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "net/http_client.h"

namespace thanos::objstore::internal {

// A failed attempt.
struct S3Failure {
  base::Status status;
  bool retryable = false;
  base::Duration retry_after{};
  std::string code = {};  // of S3, such as "SlowDown"; empty when the answer has none
  std::string region;     // where the bucket is, when the server says that the request was for another region
};

// The failure told by a response that is no success. `body` may be empty or anything else than S3's XML.
//   NotFound: no such object. Aborted: no such multipart upload. FailedPrecondition: no such bucket and other
//   requests the server does not accept. PermissionDenied, Unauthenticated, OutOfRange as named.
//   Unavailable: may work later.
S3Failure ReadS3Failure(int http_status, const std::vector<net::HttpHeader>& headers, std::string_view body);

// The same for an <Error> document in a response with a successful HTTP status.
bool IsS3ErrorDocument(std::string_view body);

// A server's text for use in messages: on one line, without control bytes, at most 300 bytes.
std::string CleanServerText(std::string_view text);

// Null when absent; case-insensitive.
const std::string* FindHeader(const std::vector<net::HttpHeader>& headers, std::string_view name);

}  // namespace thanos::objstore::internal
