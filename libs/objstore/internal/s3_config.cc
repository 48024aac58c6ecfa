#include "objstore/internal/s3_config.h"

#include <algorithm>

#include "base/strings.h"
#include "config/path_or_content.h"
#include "net/url.h"

namespace thanos::objstore::internal {
namespace {

constexpr size_t kCustomerKeyBytes = 32;
constexpr int64_t kDefaultIdlePerHost = 2;
constexpr int64_t kMinPartBytes = 5 << 20;
constexpr int64_t kMaxPartBytes = int64_t{5} << 30;

// All connections go to one host, so that the two limits of idle ones are one.
void ReadPoolSizes(config::YamlMap& map, S3Config* out) {
  int64_t max_idle = static_cast<int64_t>(out->http.max_idle_connections);
  int64_t max_idle_per_host = max_idle;
  int64_t max_connections = 0;
  map.Read("max_idle_conns", &max_idle);
  map.Read("max_idle_conns_per_host", &max_idle_per_host);
  map.Read("max_conns_per_host", &max_connections);
  if (max_idle < 0 || max_idle_per_host < 0 || max_connections < 0) {
    map.Fail(max_idle < 0            ? "max_idle_conns"
             : max_idle_per_host < 0 ? "max_idle_conns_per_host"
                                     : "max_conns_per_host",
             "must not be negative");
    return;
  }
  // Zero is "no limit" for the first, and Go's default for the second.
  max_idle_per_host = max_idle_per_host == 0 ? kDefaultIdlePerHost : max_idle_per_host;
  out->http.max_idle_connections =
      static_cast<size_t>(max_idle == 0 ? max_idle_per_host : std::min(max_idle, max_idle_per_host));
  out->http.max_connections = static_cast<size_t>(max_connections);
}

void ReadHttpConfig(config::YamlMap& map, S3Config* out) {
  map.Read("response_header_timeout", &out->response_header_timeout);
  map.Read("tls_handshake_timeout", &out->http.connect_timeout);
  map.Read("insecure_skip_verify", &out->http.insecure_skip_verify);
  map.Read("idle_conn_timeout", &out->http.idle_timeout);
  map.Read("disable_compression", &out->http.disable_compression);
  // Requests are sent without waiting for "100 Continue", as they are by Thanos.
  map.Ignore("expect_continue_timeout");
  ReadPoolSizes(map, out);
  map.ReadMap("tls_config", [out](config::YamlMap& tls) {
    bool skip_verify = false;
    tls.Read("ca_file", &out->http.ca_file);
    tls.Read("cert_file", &out->http.cert_file);
    tls.Read("key_file", &out->http.key_file);
    tls.Read("insecure_skip_verify", &skip_verify);
    tls.Read("server_name", &out->http.tls_server_name);
    out->http.insecure_skip_verify = out->http.insecure_skip_verify || skip_verify;
    const std::string& server_name = out->http.tls_server_name;
    if (!server_name.empty() && !net::ParseUrl(base::Concat("https://", server_name)).ok()) {
      tls.Fail("server_name", "is not a host name");
    }
    if (out->http.cert_file.empty() != out->http.key_file.empty()) {
      tls.Fail("cert_file", "and key_file must be set together");
    }
  });
  if (out->response_header_timeout <= base::Duration::zero()) {
    out->response_header_timeout = std::chrono::minutes(2);
  }
  if (out->http.connect_timeout <= base::Duration::zero()) {
    out->http.connect_timeout = std::chrono::seconds(10);
  }
}

void ReadEncryption(config::YamlMap& map, S3Config* out) {
  std::string type;
  std::string key_file;
  map.Read("type", &type);
  map.Read("kms_key_id", &out->kms_key_id);
  map.Read("kms_encryption_context", &out->kms_encryption_context);
  map.Read("encryption_key", &key_file);
  if (type == "SSE-S3") {
    out->encryption = S3Config::Encryption::kS3;
  } else if (type == "SSE-KMS") {
    out->encryption = S3Config::Encryption::kKms;
    if (out->kms_key_id.empty()) {
      map.Fail("kms_key_id", "must be set for SSE-KMS");
    }
  } else if (type == "SSE-C") {
    out->encryption = S3Config::Encryption::kCustomer;
    if (key_file.empty()) {
      map.Fail("encryption_key", "must name the key's file for SSE-C");
    } else if (auto key = config::ReadFile(key_file); !key.ok()) {
      map.Fail("encryption_key", base::Message(key.status()));
    } else if (key->size() != kCustomerKeyBytes) {
      map.Fail("encryption_key", "the file must hold exactly 32 bytes");
    } else {
      out->customer_key = *std::move(key);
    }
  } else if (!type.empty()) {
    map.Fail("type", "must be SSE-S3, SSE-KMS or SSE-C");
  }
}

void ReadLookup(config::YamlMap& map, S3Config* out) {
  std::string lookup = "auto";
  map.Read("bucket_lookup_type", &lookup);
  if (lookup == "path") {
    out->lookup = S3Config::Lookup::kPath;
  } else if (lookup == "virtual-hosted") {
    out->lookup = S3Config::Lookup::kVirtualHosted;
  } else if (lookup != "auto" && !lookup.empty()) {
    map.Fail("bucket_lookup_type", "must be auto, path or virtual-hosted");
  }
}

void CheckConsistency(config::YamlMap& map, const S3Config& config) {
  const S3Credentials& keys = config.credentials;
  if (config.bucket.empty()) {
    map.Fail("bucket", "is missing");
  }
  if (config.bucket.find_first_of("/?#") != std::string::npos) {
    map.Fail("bucket", "is not a bucket name");
  }
  if (config.endpoint.empty()) {
    map.Fail("endpoint", "is missing");
  }
  if (config.aws_sdk_auth && !keys.access_key.empty()) {
    map.Fail("aws_sdk_auth", "and access_key exclude each other");
  }
  if (keys.access_key.empty() != keys.secret_key.empty()) {
    map.Fail(keys.access_key.empty() ? "access_key" : "secret_key",
             "is missing: both or none of access_key and secret_key must be set");
  }
  if (!config.sts_endpoint.empty()) {
    const auto url = net::ParseUrl(config.sts_endpoint);
    if (!url.ok() || (url->scheme != "http" && url->scheme != "https")) {
      map.Fail("sts_endpoint", "must be a URL with http or https");
    }
  }
  if (config.encryption == S3Config::Encryption::kCustomer && config.insecure) {
    map.Fail("insecure", "SSE-C sends its key with each request and needs https");
  }
  if (!config.disable_multipart &&
      (config.part_size_bytes < kMinPartBytes || config.part_size_bytes > kMaxPartBytes)) {
    map.Fail("part_size", "must be between 5 MiB and 5 GiB");
  }
}

}  // namespace

base::StatusOr<S3Config> ParseS3Config(const config::YamlNode& node) {
  S3Config out;
  std::string list_version;
  int64_t max_retries = 0;
  int64_t part_size = 0;
  config::YamlMap map(node, "config");
  map.Read("bucket", &out.bucket);
  map.Read("endpoint", &out.endpoint);
  map.Read("region", &out.region);
  map.Read("disable_dualstack", &out.disable_dualstack);
  map.Read("aws_sdk_auth", &out.aws_sdk_auth);
  map.Read("access_key", &out.credentials.access_key);
  map.Read("secret_key", &out.credentials.secret_key);
  map.Read("session_token", &out.credentials.session_token);
  map.Read("insecure", &out.insecure);
  map.Read("signature_version2", &out.signature_v2);
  map.Read("put_user_metadata", &out.put_user_metadata);
  map.ReadMap("http_config", [&](config::YamlMap& http) { ReadHttpConfig(http, &out); });
  map.ReadMap("trace", [&](config::YamlMap& trace) { trace.Read("enable", &out.trace); });
  map.Read("list_objects_version", &list_version);
  ReadLookup(map, &out);
  map.Read("send_content_md5", &out.send_content_md5);
  map.Read("disable_multipart", &out.disable_multipart);
  map.Read("part_size", &part_size);
  map.ReadMap("sse_config", [&](config::YamlMap& sse) { ReadEncryption(sse, &out); });
  map.Read("sts_endpoint", &out.sts_endpoint);
  map.Read("max_retries", &max_retries);
  out.part_size_bytes = part_size > 0 ? part_size : out.part_size_bytes;
  out.max_attempts = max_retries > 0 ? max_retries : out.max_attempts;
  out.list_v1 = list_version == "v1";
  out.list_v2_only = list_version == "v2";
  if (list_version != "" && list_version != "v1" && list_version != "v2") {
    map.Fail("list_objects_version", "must be v1 or v2");
  }
  CheckConsistency(map, out);
  TH_RETURN_IF_ERROR(map.Finish());
  TH_RETURN_IF_ERROR(ResolveS3Location(out).status());
  return out;
}

}  // namespace thanos::objstore::internal
