#include "objstore/internal/sigv2.h"

#include <algorithm>
#include <array>
#include <map>

#include "base/strings.h"
#include "objstore/internal/digest.h"
#include "objstore/internal/s3_error.h"

namespace thanos::objstore::internal {
namespace {

// The parameters that name a part of the resource; others are not signed.
constexpr std::array<std::string_view, 20> kSubresources = {"acl",
                                                            "delete",
                                                            "lifecycle",
                                                            "location",
                                                            "logging",
                                                            "notification",
                                                            "partNumber",
                                                            "policy",
                                                            "requestPayment",
                                                            "response-cache-control",
                                                            "response-content-disposition",
                                                            "response-content-encoding",
                                                            "response-content-language",
                                                            "response-content-type",
                                                            "response-expires",
                                                            "uploadId",
                                                            "uploads",
                                                            "versionId",
                                                            "versioning",
                                                            "versions"};

std::string_view HeaderOrEmpty(const SigningInputV2& input, std::string_view name) {
  const std::string* value = FindHeader(input.headers, name);
  return value == nullptr ? std::string_view() : std::string_view(*value);
}

}  // namespace

std::string StringToSignV2(const SigningInputV2& input) {
  std::string out =
      base::Concat(input.method, "\n", HeaderOrEmpty(input, "Content-MD5"), "\n",
                   HeaderOrEmpty(input, "Content-Type"), "\n", HeaderOrEmpty(input, "Date"), "\n");
  std::map<std::string, std::string> amz_headers;
  for (const net::HttpHeader& header : input.headers) {
    if (const std::string name = base::ToLower(header.name); name.starts_with("x-amz-")) {
      std::string& value = amz_headers[name];
      base::Append(value, value.empty() ? "" : ",", base::Trim(header.value));
    }
  }
  for (const auto& [name, value] : amz_headers) {
    base::Append(out, name, ":", value, "\n");
  }
  out += input.resource;
  QueryParameters sorted = input.query;
  std::sort(sorted.begin(), sorted.end());
  char separator = '?';
  for (const auto& [name, value] : sorted) {
    if (std::find(kSubresources.begin(), kSubresources.end(), name) != kSubresources.end()) {
      base::Append(out, separator, name, value.empty() ? "" : "=", value);
      separator = '&';
    }
  }
  return out;
}

std::string AuthorizationV2(const SigningInputV2& input, const S3Credentials& credentials) {
  return base::Concat("AWS ", credentials.access_key, ":",
                      Base64(HmacSha1(credentials.secret_key, StringToSignV2(input))));
}

}  // namespace thanos::objstore::internal
