#pragma once

// Signed requests to one S3 bucket, tried again when that is safe and may help.

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "base/status.h"
#include "net/http_client.h"
#include "objstore/internal/retry.h"
#include "objstore/internal/s3_config.h"
#include "objstore/internal/s3_credentials.h"
#include "objstore/internal/s3_error.h"

namespace thanos::objstore::internal {

struct S3Response {
  int status = 0;
  std::vector<net::HttpHeader> headers = {};
  std::string body = {};
};

struct S3Request {
  std::string method = "GET";
  std::string key = {};  // object; empty: the bucket itself
  QueryParameters query = {};
  std::vector<net::HttpHeader> headers = {};
  std::string body = {};
  // Sent instead of `body` unless null; must outlive the call. `content_sha256` is its digest in hex.
  const net::BodySource* content = nullptr;
  std::string content_sha256 = {};
  size_t max_response_bytes = 1 << 20;
  // Looks at a response with a 2xx status; an error makes the attempt a failed one, which is retried.
  std::function<base::Status(const S3Response&)> verify = {};
};

// Thread-safe.
class S3Client {
 public:
  struct Options {
    S3Config config;
    std::unique_ptr<KeySource> keys;
    S3Location location;
    RetryOptions retry;
  };
  // `clock` must outlive the client.
  S3Client(Options options, std::unique_ptr<net::HttpClient> http, const base::Clock& clock);

  // A verified response with a 2xx status. Every request sent through here may be applied more than once
  // without harm. Errors are those of ReadS3Failure, Unavailable for connections that fail, and the token's;
  // they name method and object, and hold no credentials.
  base::StatusOr<S3Response> Send(const base::CancelToken& cancel, S3Request request);

  const S3Config& config() const { return config_; }

 private:
  struct Attempt {
    S3Response response;
    S3Failure failure;
    std::shared_ptr<const S3Credentials> keys;  // null when there are none
  };
  Attempt Try(const base::CancelToken& cancel, const S3Request& request, const std::string& body_sha256,
              net::ClientRequest& wire);
  // Sets URL and headers.
  void Sign(const S3Request& request, const std::string& body_sha256, const S3Credentials& keys,
            net::ClientRequest* wire);
  base::StatusOr<S3Response> Exchange(const base::CancelToken& cancel, const S3Request& request,
                                      const net::ClientRequest& wire);
  void Trace(const S3Request& request, const Attempt& attempt, base::TimePoint start) const;
  // Takes over the region a failure tells; true when that is news.
  bool LearnRegion(const S3Failure& failure);
  // Drops the keys of an attempt that failed because of them; true when there may be others.
  bool DropKeys(const S3Request& request, const Attempt& attempt);
  base::Status Describe(const S3Request& request, const Attempt& attempt, int64_t attempts) const;
  std::shared_ptr<const S3Location> location();

  const S3Config config_;
  const std::unique_ptr<net::HttpClient> http_;
  const base::Clock& clock_;
  RetryPolicy retry_;
  CredentialProvider credentials_;
  base::Mutex mutex_;
  std::shared_ptr<const S3Location> location_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace thanos::objstore::internal
