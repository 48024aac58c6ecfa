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
  size_t max_response_bytes = 1 << 20;
  // Looks at a response with a 2xx status; an error makes the attempt a failed one, which is retried.
  std::function<base::Status(const S3Response&)> verify = {};
};

// Thread-safe.
class S3Client {
 public:
  struct Options {
    S3Config config;
    S3Credentials credentials;
    S3Location location;
    RetryOptions retry;
  };
  // `clock` must outlive the client.
  S3Client(Options options, std::unique_ptr<net::HttpClient> http, const base::Clock& clock);

  // A verified response with a 2xx status. Every request sent through here may be applied more than once
  // without harm. Errors are those of ReadS3Failure, Unavailable for connections that fail, and the token's;
  // they name method and object, and hold no credentials.
  base::StatusOr<S3Response> Send(const base::CancelToken& cancel, S3Request request);

  const S3Config& config() const { return options_.config; }

 private:
  struct Attempt {
    S3Response response;
    S3Failure failure;
  };
  Attempt Try(const base::CancelToken& cancel, const S3Request& request, const std::string& body_sha256,
              net::ClientRequest& wire);
  void Sign(const S3Request& request, const std::string& body_sha256, net::ClientRequest* wire);
  base::StatusOr<S3Response> Exchange(const base::CancelToken& cancel, const S3Request& request,
                                      const net::ClientRequest& wire);
  // Takes over the region a failure tells when none is configured; true when that is news.
  bool LearnRegion(const S3Failure& failure);
  base::Status Describe(const S3Request& request, const base::Status& status, int64_t attempts) const;

  const Options options_;
  const std::unique_ptr<net::HttpClient> http_;
  const base::Clock& clock_;
  RetryPolicy retry_;
  base::Mutex mutex_;
  std::string region_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace thanos::objstore::internal
