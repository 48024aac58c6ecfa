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
  bool insecure = false;
  S3Credentials credentials = {};  // as written; empty keys are looked up elsewhere
  std::vector<std::pair<std::string, std::string>> put_user_metadata = {};
  bool list_v1 = false;
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

// The keys of `config`, else those of the environment, else those of the shared credentials file.
// FailedPrecondition saying what was looked for when there are none.
base::StatusOr<S3Credentials> FindS3Credentials(const S3Config& config, const Environment& environment);

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
