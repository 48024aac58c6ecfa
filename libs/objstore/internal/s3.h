#pragma once

// The S3 provider: a bucket of Amazon S3 or of a server that speaks its API.

#include <atomic>
#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "config/yaml.h"
#include "net/http_client.h"
#include "objstore/bucket.h"
#include "objstore/internal/retry.h"
#include "objstore/internal/s3_client.h"
#include "objstore/internal/s3_config.h"
#include "objstore/internal/s3_credentials.h"

namespace thanos::objstore::internal {

// Nothing a server answers is passed on unless its length, range and completeness were checked.
class S3Bucket final : public Bucket {
 public:
  // What tests replace.
  struct Options {
    RetryOptions retry = {};  // max_attempts comes from the configuration
    Environment environment = ProcessEnvironment;
  };
  // Does not connect. Errors are about the configuration and missing credentials.
  static base::StatusOr<std::unique_ptr<S3Bucket>> Open(const S3Config& config, const Options& options);
  // The same from the `config` section.
  static base::StatusOr<std::unique_ptr<Bucket>> FromYaml(const config::YamlNode& node);

  std::string_view provider() const override { return "S3"; }
  std::string_view name() const override { return client_.config().bucket; }

  base::Status List(const base::CancelToken& cancel, std::string_view directory, const ListOptions& options,
                    const std::function<base::Status(const ListEntry&)>& visit) override;
  base::StatusOr<base::SharedBytes> Get(const base::CancelToken& cancel, std::string_view name) override;
  base::StatusOr<base::SharedBytes> GetRange(const base::CancelToken& cancel, std::string_view name,
                                             int64_t offset, int64_t length) override;
  base::StatusOr<bool> Exists(const base::CancelToken& cancel, std::string_view name) override;
  base::StatusOr<ObjectAttributes> Attributes(const base::CancelToken& cancel,
                                              std::string_view name) override;
  base::Status Upload(const base::CancelToken& cancel, std::string_view name,
                      std::string_view content) override;
  base::Status UploadFile(const base::CancelToken& cancel, std::string_view name,
                          const std::string& local_path) override;
  base::Status Delete(const base::CancelToken& cancel, std::string_view name) override;

 private:
  S3Bucket(S3Client::Options options, std::unique_ptr<net::HttpClient> http);

  base::SystemClock clock_;
  S3Client client_;
  std::atomic<bool> knows_only_list_v1_ = false;
};

}  // namespace thanos::objstore::internal
