#pragma once

// AWS Signature Version 2 for S3: for servers that know nothing newer.

#include <string>
#include <string_view>
#include <vector>

#include "net/http_client.h"
#include "objstore/internal/sigv4.h"

namespace thanos::objstore::internal {

// A request as it will be sent.
struct SigningInputV2 {
  std::string method = {};
  std::string resource =
      {};  // encoded path with the bucket, "/bucket/key", also when a host name has the bucket
  QueryParameters query = {};
  std::vector<net::HttpHeader> headers = {};  // with Date
};

// The text whose digest is signed.
std::string StringToSignV2(const SigningInputV2& input);

// The value of the Authorization header.
std::string AuthorizationV2(const SigningInputV2& input, const S3Credentials& credentials);

}  // namespace thanos::objstore::internal
