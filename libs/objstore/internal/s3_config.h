#pragma once

// The `config` section of a bucket of type S3.

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "config/yaml.h"
#include "net/http_client.h"
#include "objstore/internal/sigv4.h"

namespace thanos::objstore::internal {

struct S3Config {
  enum class Lookup { kAuto, kPath, kVirtualHosted };
  enum class Encryption { kNone, kS3, kKms, kCustomer };

  std::string bucket = {};
  std::string endpoint = {};  // host[:port]
  std::string region = {};    // empty: derived from the endpoint, or learned from the server
  bool disable_dualstack = false;
  bool aws_sdk_auth = false;      // look for keys in the order of Amazon's SDK
  std::string sts_endpoint = {};  // URL of the STS, or else of the metadata service; empty: the public one
  bool signature_v2 = false;
  bool trace = false;  // log each request at level debug
  bool insecure = false;
  S3Credentials credentials = {};  // as written; empty keys are looked up elsewhere
  std::vector<std::pair<std::string, std::string>> put_user_metadata = {};
  bool list_v1 = false;
  bool list_v2_only = false;      // else version 1 is used when the server turns out not to know version 2
  int64_t list_page_size = 1000;  // the most that servers give
  Lookup lookup = Lookup::kAuto;
  bool send_content_md5 = true;
  bool disable_multipart = false;
  int64_t part_size_bytes = 64 << 20;
  Encryption encryption = Encryption::kNone;
  std::string kms_key_id = {};
  std::vector<std::pair<std::string, std::string>> kms_encryption_context = {};
  std::string customer_key = {};  // 32 bytes
  int64_t max_attempts = 10;
  base::Duration response_header_timeout = std::chrono::minutes(2);
  net::HttpClientOptions http = {};
};

// Strict: unknown keys, and known ones that this build cannot honour, are errors.
base::StatusOr<S3Config> ParseS3Config(const config::YamlNode& node);

// An environment variable; nullopt when it is not set or empty.
using Environment = std::function<std::optional<std::string>(const std::string& name)>;
std::optional<std::string> ProcessEnvironment(const std::string& name);

// Where requests go.
struct S3Location {
  std::string url;        // "https://host:port"
  std::string host;       // value of the Host header, without the scheme's default port
  std::string base_path;  // of the bucket's root: "/bucket/" or "/"
  std::string region;     // to sign with
  bool region_is_known = false;
};
base::StatusOr<S3Location> ResolveS3Location(const S3Config& config);

}  // namespace thanos::objstore::internal
