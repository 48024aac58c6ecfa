#include "objstore/internal/s3_client.h"

#include <algorithm>

#include "base/strings.h"
#include "objstore/internal/digest.h"

namespace thanos::objstore::internal {
namespace {

// A request that is sent slower than this is given up, besides the time allowed for the answer to begin.
constexpr size_t kMinBytesPerSecond = 64 * 1024;
constexpr size_t kMaxErrorBytes = 64 * 1024;
constexpr size_t kMaxReservedBytes = 64 << 20;

base::Duration TransferTime(size_t num_bytes) {
  return std::chrono::seconds(num_bytes / kMinBytesPerSecond + 1);
}

S3Failure Retryable(base::Status status) {
  return {.status = std::move(status), .retryable = true, .retry_after = {}, .region = {}};
}

// Deadlines that are ours, not the caller's, mean a slow server.
base::Status OwnTimeout(const base::CancelToken& caller, const base::Status& status) {
  if (caller.cancelled()) {
    return caller.status();
  }
  return status.code() == base::StatusCode::kDeadlineExceeded ? base::Unavailable("the server is too slow")
                                                              : status;
}

// Room for a body of the announced length, so that it is not copied while it grows.
void ReserveAnnounced(size_t limit, S3Response* response) {
  const std::string* length = FindHeader(response->headers, "Content-Length");
  const auto announced = length == nullptr ? std::nullopt : base::ParseUint64(*length);
  if (announced.has_value() && *announced <= std::min(limit, kMaxReservedBytes)) {
    response->body.reserve(*announced);
  }
}

void Mask(const std::string& secret, std::string* text) {
  for (size_t at = 0; !secret.empty() && (at = text->find(secret, at)) != std::string::npos;) {
    text->replace(at, secret.size(), "<secret>");
  }
}

}  // namespace

S3Client::S3Client(Options options, std::unique_ptr<net::HttpClient> http, const base::Clock& clock)
    : options_(std::move(options)),
      http_(std::move(http)),
      clock_(clock),
      retry_(options_.retry),
      region_(options_.location.region) {}

void S3Client::Sign(const S3Request& request, const std::string& body_sha256, net::ClientRequest* wire) {
  std::string region;
  {
    base::MutexLock lock(mutex_);
    region = region_;
  }
  const std::string date = AmzDate(clock_.NowMs());
  SigningInput input;
  input.method = request.method;
  input.encoded_path = base::Concat(options_.location.base_path, UriEncode(request.key, true));
  input.canonical_query = CanonicalQuery(request.query);
  input.headers = request.headers;
  input.headers.push_back({"Host", options_.location.host});
  input.headers.push_back({"X-Amz-Content-Sha256", body_sha256});
  input.headers.push_back({"X-Amz-Date", date});
  if (!options_.credentials.session_token.empty()) {
    input.headers.push_back({"X-Amz-Security-Token", options_.credentials.session_token});
  }
  input.payload_sha256 = body_sha256;
  wire->method = request.method;
  wire->url = base::Concat(options_.location.url, input.encoded_path,
                           input.canonical_query.empty() ? "" : "?", input.canonical_query);
  wire->headers = input.headers;
  wire->headers.push_back({"Authorization", Authorization(input, options_.credentials, region, date)});
}

base::StatusOr<S3Response> S3Client::Exchange(const base::CancelToken& cancel, const S3Request& request,
                                              const net::ClientRequest& wire) {
  const base::CancelSource answer(cancel,
                                  options_.config.response_header_timeout + TransferTime(wire.body.size()));
  TH_ASSIGN_OR_RETURN(const auto stream, http_->Open(answer.token(), wire));
  S3Response response{stream->status(), stream->headers()};
  const bool success = response.status >= 200 && response.status < 300;
  const size_t limit = success ? request.max_response_bytes : kMaxErrorBytes;
  while (true) {
    const bool is_first = response.body.empty();
    // Large objects may take long, but each piece must come in time.
    const base::CancelSource piece(cancel, options_.config.response_header_timeout + TransferTime(0));
    TH_ASSIGN_OR_RETURN(const bool more, stream->Read(piece.token(), &response.body));
    if (!more) {
      return response;
    }
    if (is_first) {
      ReserveAnnounced(limit, &response);
    }
    if (response.body.size() > limit) {
      if (!success) {
        response.body.resize(limit);
        return response;
      }
      return base::DataLoss("the answer is longer than the ", limit, " bytes it may have");
    }
  }
}

S3Client::Attempt S3Client::Try(const base::CancelToken& cancel, const S3Request& request,
                                const std::string& body_sha256, net::ClientRequest& wire) {
  Attempt out;
  Sign(request, body_sha256, &wire);
  auto response = Exchange(cancel, request, wire);
  if (!response.ok()) {
    const base::Status status = OwnTimeout(cancel, response.status());
    out.failure = Retryable(status);
    out.failure.retryable = !cancel.cancelled() && status.code() != base::StatusCode::kInvalidArgument;
    return out;
  }
  out.response = *std::move(response);
  if (out.response.status < 200 || out.response.status >= 300) {
    out.failure = ReadS3Failure(out.response.status, out.response.headers, out.response.body);
  } else if (request.verify) {
    if (base::Status status = request.verify(out.response); !status.ok()) {
      out.failure = Retryable(std::move(status));
    }
  }
  return out;
}

bool S3Client::LearnRegion(const S3Failure& failure) {
  if (options_.location.region_is_known || failure.status.ok() || failure.region.empty()) {
    return false;
  }
  base::MutexLock lock(mutex_);
  if (region_ == failure.region) {
    return false;
  }
  region_ = failure.region;
  return true;
}

base::Status S3Client::Describe(const S3Request& request, const base::Status& status,
                                int64_t attempts) const {
  std::string text = base::Concat("S3 ", request.method, " ", options_.config.bucket, "/", request.key, ": ",
                                  base::Message(status));
  if (attempts > 1) {
    base::Append(text, " (after ", attempts, " attempts)");
  }
  // Some servers repeat what they were sent.
  Mask(options_.credentials.secret_key, &text);
  Mask(options_.credentials.session_token, &text);
  Mask(options_.credentials.access_key, &text);
  return base::MakeStatus(status.code(), text);
}

base::StatusOr<S3Response> S3Client::Send(const base::CancelToken& cancel, S3Request request) {
  TH_RETURN_IF_ERROR(cancel.status());
  const std::string body_sha256 = Hex(Sha256(request.body));
  net::ClientRequest wire;
  wire.body = std::move(request.body);
  bool changed_region = false;
  for (int64_t attempt = 1;; ++attempt) {
    Attempt result = Try(cancel, request, body_sha256, wire);
    if (result.failure.status.ok()) {
      retry_.Succeeded();
      return std::move(result.response);
    }
    if (!changed_region && LearnRegion(result.failure)) {
      changed_region = true;
      continue;
    }
    if (!result.failure.retryable || !retry_.MayRetry(attempt)) {
      return Describe(request, result.failure.status, attempt);
    }
    const base::Duration wait = retry_.Backoff(attempt, result.failure.retry_after);
    if (cancel.Remaining(wait + std::chrono::milliseconds(1)) <= wait) {
      return Describe(request, result.failure.status, attempt);
    }
    if (!cancel.SleepFor(wait)) {
      return cancel.status();
    }
  }
}

}  // namespace thanos::objstore::internal
