#include "objstore/internal/sigv4.h"

#include <algorithm>
#include <ctime>

#include "base/strings.h"
#include "objstore/internal/digest.h"

namespace thanos::objstore::internal {
namespace {

constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256";

bool IsUnreserved(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
         c == '_' || c == '~';
}

// Trimmed, inner runs of spaces made one.
std::string CanonicalValue(std::string_view value) {
  std::string out;
  for (const char c : base::Trim(value)) {
    if (c != ' ' || out.empty() || out.back() != ' ') {
      out.push_back(c);
    }
  }
  return out;
}

// Lower-case names with canonical values, sorted by name.
QueryParameters CanonicalHeaders(const SigningInput& input) {
  QueryParameters headers;
  for (const net::HttpHeader& header : input.headers) {
    headers.emplace_back(base::ToLower(header.name), CanonicalValue(header.value));
  }
  std::sort(headers.begin(), headers.end());
  return headers;
}

std::string SignedHeaderNames(const QueryParameters& headers) {
  std::string out;
  for (const auto& [name, value] : headers) {
    base::Append(out, out.empty() ? "" : ";", name);
  }
  return out;
}

}  // namespace

std::string UriEncode(std::string_view text, bool keep_slashes) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    if (IsUnreserved(c) || (c == '/' && keep_slashes)) {
      out.push_back(c);
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out.push_back('%');
    out.push_back(kDigits[byte >> 4]);
    out.push_back(kDigits[byte & 15]);
  }
  return out;
}

std::string CanonicalQuery(const QueryParameters& query) {
  QueryParameters encoded;
  for (const auto& [name, value] : query) {
    encoded.emplace_back(UriEncode(name, false), UriEncode(value, false));
  }
  std::sort(encoded.begin(), encoded.end());
  std::string out;
  for (const auto& [name, value] : encoded) {
    base::Append(out, out.empty() ? "" : "&", name, "=", value);
  }
  return out;
}

std::string CanonicalRequest(const SigningInput& input) {
  const QueryParameters headers = CanonicalHeaders(input);
  std::string out = base::Concat(input.method, "\n", input.encoded_path, "\n", input.canonical_query, "\n");
  for (const auto& [name, value] : headers) {
    base::Append(out, name, ":", value, "\n");
  }
  base::Append(out, "\n", SignedHeaderNames(headers), "\n", input.payload_sha256);
  return out;
}

std::string Authorization(const SigningInput& input, const S3Credentials& credentials,
                          std::string_view region, std::string_view amz_date) {
  const std::string_view day = amz_date.substr(0, 8);
  const std::string scope = base::Concat(day, "/", region, "/s3/aws4_request");
  const std::string text =
      base::Concat(kAlgorithm, "\n", amz_date, "\n", scope, "\n", Hex(Sha256(CanonicalRequest(input))));
  std::string key = HmacSha256(base::Concat("AWS4", credentials.secret_key), day);
  key = HmacSha256(key, region);
  key = HmacSha256(key, "s3");
  key = HmacSha256(key, "aws4_request");
  return base::Concat(kAlgorithm, " Credential=", credentials.access_key, "/", scope,
                      ", SignedHeaders=", SignedHeaderNames(CanonicalHeaders(input)),
                      ", Signature=", Hex(HmacSha256(key, text)));
}

std::string AmzDate(int64_t now_ms) {
  const time_t seconds = static_cast<time_t>(now_ms / 1000);
  tm parts{};
  gmtime_r(&seconds, &parts);
  char text[32];
  const size_t size = strftime(text, sizeof(text), "%Y%m%dT%H%M%SZ", &parts);
  return {text, size};
}

}  // namespace thanos::objstore::internal
