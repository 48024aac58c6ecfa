#include "objstore/internal/s3_config.h"

#include <fstream>
#include <unistd.h>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace thanos::objstore::internal {
namespace {

using ::testing::HasSubstr;

base::StatusOr<S3Config> Parse(std::string_view yaml) {
  TH_ASSIGN_OR_RETURN(const config::YamlNode node, config::ParseYaml(yaml));
  return ParseS3Config(node);
}

std::string FileWith(const std::string& name, std::string_view content) {
  const std::string path = base::Concat(::testing::TempDir(), "/", name, "-", getpid());
  std::ofstream(path, std::ios::binary) << content;
  return path;
}

TEST(S3ConfigTest, ReadsAllKeysOfThanos) {
  const auto config = Parse(R"(
bucket: thanos
endpoint: minio.example:9000
region: eu-west-1
disable_dualstack: true
aws_sdk_auth: false
access_key: access
secret_key: secret
session_token: token
insecure: true
signature_version2: true
put_user_metadata: {X-Amz-Acl: private}
http_config:
  idle_conn_timeout: 1m30s
  response_header_timeout: 3m
  tls_handshake_timeout: 5s
  expect_continue_timeout: 1s
  max_idle_conns: 50
  max_idle_conns_per_host: 100
  max_conns_per_host: 7
  insecure_skip_verify: false
  disable_compression: true
  tls_config: {ca_file: /ca, cert_file: /cert, key_file: /key, server_name: s3.internal, insecure_skip_verify: true}
trace: {enable: true}
list_objects_version: v1
bucket_lookup_type: path
send_content_md5: false
disable_multipart: true
part_size: 134217728
sse_config: {type: SSE-KMS, kms_key_id: id, kms_encryption_context: {a: b}, encryption_key: ""}
sts_endpoint: "https://sts.example/"
max_retries: 4
)");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->bucket, "thanos");
  EXPECT_EQ(config->credentials.session_token, "token");
  EXPECT_EQ(config->put_user_metadata.front().first, "X-Amz-Acl");
  EXPECT_EQ(config->response_header_timeout, std::chrono::minutes(3));
  EXPECT_EQ(config->http.connect_timeout, std::chrono::seconds(5));
  EXPECT_EQ(config->http.ca_file, "/ca");
  EXPECT_EQ(config->http.tls_server_name, "s3.internal");
  EXPECT_EQ(config->http.idle_timeout, std::chrono::seconds(90));
  EXPECT_EQ(config->http.max_idle_connections, 50U);
  EXPECT_EQ(config->http.max_connections, 7U);
  EXPECT_TRUE(config->http.disable_compression);
  EXPECT_TRUE(config->signature_v2);
  EXPECT_TRUE(config->trace);
  EXPECT_EQ(config->sts_endpoint, "https://sts.example/");
  EXPECT_TRUE(config->http.insecure_skip_verify);
  EXPECT_TRUE(config->list_v1);
  EXPECT_EQ(config->lookup, S3Config::Lookup::kPath);
  EXPECT_FALSE(config->send_content_md5);
  EXPECT_EQ(config->part_size_bytes, 128 << 20);
  EXPECT_EQ(config->encryption, S3Config::Encryption::kKms);
  EXPECT_EQ(config->max_attempts, 4);
}

TEST(S3ConfigTest, HasTheDefaultsOfThanos) {
  const auto config = Parse("{bucket: b, endpoint: e}");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_FALSE(config->insecure);
  EXPECT_TRUE(config->send_content_md5);
  EXPECT_EQ(config->part_size_bytes, 64 << 20);
  EXPECT_EQ(config->response_header_timeout, std::chrono::minutes(2));
}

struct BadConfig {
  std::string_view yaml;
  std::string_view names;
};

TEST(S3ConfigTest, NamesWhatIsWrong) {
  for (const BadConfig& bad : {
           BadConfig{"{endpoint: e}", "bucket"},
           {"{bucket: b}", "endpoint"},
           {"{bucket: b/c, endpoint: e}", "bucket"},
           {"{bucket: b, endpoint: 'https://e'}", "endpoint"},
           {"{bucket: b, endpoint: e/path}", "endpoint"},
           {"{bucket: b, endpoint: e, colour: red}", "colour"},
           {"{bucket: b, endpoint: e, http_config: {colour: red}}", "colour"},
           {"{bucket: b, endpoint: e, access_key: a}", "secret_key"},
           {"{bucket: b, endpoint: e, secret_key: a}", "access_key"},
           {"{bucket: b, endpoint: e, aws_sdk_auth: true, access_key: a, secret_key: b}", "aws_sdk_auth"},
           {"{bucket: b, endpoint: e, sts_endpoint: sts.example}", "sts_endpoint"},
           {"{bucket: b, endpoint: e, http_config: {max_conns_per_host: -1}}", "max_conns_per_host"},
           {"{bucket: b, endpoint: e, list_objects_version: v3}", "list_objects_version"},
           {"{bucket: b, endpoint: e, bucket_lookup_type: dns}", "bucket_lookup_type"},
           {"{bucket: b, endpoint: e, part_size: 1000}", "part_size"},
           {"{bucket: b, endpoint: e, sse_config: {type: SSE-X}}", "SSE-KMS"},
           {"{bucket: b, endpoint: e, sse_config: {type: SSE-KMS}}", "kms_key_id"},
           {"{bucket: b, endpoint: e, sse_config: {type: SSE-C}}", "encryption_key"},
           {"{bucket: b, endpoint: e, sse_config: {type: SSE-C, encryption_key: /absent}}", "encryption_key"},
           {"{bucket: b, endpoint: e, http_config: {tls_config: {server_name: 'x y'}}}", "server_name"},
           {"{bucket: b, endpoint: e, http_config: {tls_config: {cert_file: x}}}", "cert_file"},
       }) {
    const auto config = Parse(bad.yaml);
    ASSERT_FALSE(config.ok()) << bad.yaml;
    EXPECT_THAT(std::string(base::Message(config.status())), HasSubstr(std::string(bad.names))) << bad.yaml;
  }
}

TEST(S3ConfigTest, CustomerKeysAreFilesOf32BytesAndNeedHttps) {
  const std::string good = FileWith("s3-key-32", std::string(32, 'k'));
  const std::string bad = FileWith("s3-key-33", std::string(32, 'k') + "\n");
  const auto yaml = [](const std::string& file, bool insecure) {
    return base::Concat("{bucket: b, endpoint: e, insecure: ", insecure,
                        ", sse_config: {type: SSE-C, encryption_key: ", file, "}}");
  };
  EXPECT_EQ(Parse(yaml(good, false))->customer_key, std::string(32, 'k'));
  EXPECT_FALSE(Parse(yaml(bad, false)).ok());
  EXPECT_FALSE(Parse(yaml(good, true)).ok());
}

struct LocationCase {
  std::string_view yaml;
  std::string_view url;
  std::string_view base_path;
  std::string_view region;
};

TEST(S3LocationTest, DerivesWhereRequestsGo) {
  for (const LocationCase& test : {
           LocationCase{"endpoint: minio:9000", "https://minio:9000", "/b/", "us-east-1"},
           {"{endpoint: 'minio:9000', insecure: true}", "http://minio:9000", "/b/", "us-east-1"},
           {"{endpoint: 'Minio:80', insecure: true}", "http://minio", "/b/", "us-east-1"},
           {"{endpoint: 'minio:443', region: x}", "https://minio", "/b/", "x"},
           {"{endpoint: '[::1]:9000'}", "https://[::1]:9000", "/b/", "us-east-1"},
           {"{endpoint: minio, bucket_lookup_type: virtual-hosted}", "https://b.minio", "/", "us-east-1"},
           {"endpoint: s3.amazonaws.com", "https://b.s3.amazonaws.com", "/", "us-east-1"},
           {"{endpoint: s3.amazonaws.com, region: eu-west-1}",
            "https://b.s3.dualstack.eu-west-1.amazonaws.com", "/", "eu-west-1"},
           {"{endpoint: s3.eu-west-1.amazonaws.com, disable_dualstack: true}",
            "https://b.s3.eu-west-1.amazonaws.com", "/", "eu-west-1"},
           {"{endpoint: s3-eu-west-1.amazonaws.com, bucket_lookup_type: path}",
            "https://s3.dualstack.eu-west-1.amazonaws.com", "/b/", "eu-west-1"},
           {"{endpoint: s3.cn-north-1.amazonaws.com.cn, disable_dualstack: true}",
            "https://b.s3.cn-north-1.amazonaws.com.cn", "/", "cn-north-1"},
           {"{endpoint: bucket.vpce-1.s3.eu-west-1.vpce.amazonaws.com, region: eu-west-1}",
            "https://b.bucket.vpce-1.s3.eu-west-1.vpce.amazonaws.com", "/", "eu-west-1"},
           {"endpoint: storage.googleapis.com", "https://b.storage.googleapis.com", "/", "us-east-1"},
       }) {
    const std::string yaml = test.yaml.front() == '{' ? base::Concat("{bucket: b, ", test.yaml.substr(1))
                                                      : base::Concat("bucket: b\n", test.yaml, "\n");
    const auto config = Parse(yaml);
    ASSERT_TRUE(config.ok()) << yaml << config.status();
    const auto location = ResolveS3Location(*config);
    ASSERT_TRUE(location.ok()) << yaml << location.status();
    EXPECT_EQ(location->url, test.url);
    EXPECT_EQ(location->base_path, test.base_path);
    EXPECT_EQ(location->region, test.region);
  }
  // A certificate of "*.s3..." does not cover more dots.
  EXPECT_EQ(ResolveS3Location(*Parse("{bucket: b.c, endpoint: s3.amazonaws.com}"))->base_path, "/b.c/");
}

}  // namespace
}  // namespace thanos::objstore::internal
