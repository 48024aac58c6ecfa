#pragma once

// AWS Signature Version 4 for S3, signed in the Authorization header.

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "net/http_client.h"

namespace thanos::objstore::internal {

// Never printed.
struct S3Credentials {
  std::string access_key;
  std::string secret_key;
  std::string session_token;  // empty: long-lived keys
};

using QueryParameters = std::vector<std::pair<std::string, std::string>>;

// Percent-encoding of everything but A-Z a-z 0-9 - . _ ~ (and '/' when `keep_slashes`), with upper-case
// digits.
std::string UriEncode(std::string_view text, bool keep_slashes);

// Encoded "name=value" pairs sorted by encoded name, then value; the same text is sent and signed.
std::string CanonicalQuery(const QueryParameters& query);

// A request as it will be sent.
struct SigningInput {
  std::string method = {};
  std::string encoded_path = {};  // as in the URL
  std::string canonical_query = {};
  std::vector<net::HttpHeader> headers =
      {};                           // all of them are signed; Host and X-Amz-Date must be among them
  std::string payload_sha256 = {};  // lower-case hex
};

// The text whose digest is signed.
std::string CanonicalRequest(const SigningInput& input);

// The value of the Authorization header. `amz_date` is that of AmzDate() and of the X-Amz-Date header.
std::string Authorization(const SigningInput& input, const S3Credentials& credentials,
                          std::string_view region, std::string_view amz_date);

// "20130524T000000Z".
std::string AmzDate(int64_t now_ms);

}  // namespace thanos::objstore::internal
