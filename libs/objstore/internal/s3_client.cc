#include "objstore/internal/s3_client.h"

#include <algorithm>

#include "base/strings.h"
#include "objstore/internal/digest.h"
#include "objstore/internal/http_date.h"
#include "objstore/internal/sigv2.h"
#include "telemetry/log.h"

namespace thanos::objstore::internal {
namespace {

// A request that is sent slower than this is given up, besides the time allowed for the answer to begin.
constexpr size_t kMinBytesPerSecond = 64 * 1024;
constexpr size_t kMaxErrorBytes = 64 * 1024;
constexpr size_t kMaxRegionBytes = 64;
constexpr size_t kMaxReservedBytes = 64 << 20;

base::Duration TransferTime(size_t num_bytes) {
  return std::chrono::seconds(num_bytes / kMinBytesPerSecond + 1);
}

S3Failure Retryable(base::Status status) {
  return {.status = std::move(status), .retryable = true, .retry_after = {}, .code = {}, .region = {}};
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
  constexpr std::string_view kMasked = "<secret>";
  for (size_t at = 0; !secret.empty() && (at = text->find(secret, at)) != std::string::npos;) {
    text->replace(at, secret.size(), kMasked);
    at += kMasked.size();  // a short secret may be a part of the mask
  }
}

}  // namespace

S3Client::S3Client(Options options, std::unique_ptr<net::HttpClient> http, const base::Clock& clock)
    : config_(std::move(options.config)),
      http_(std::move(http)),
      clock_(clock),
      retry_(options.retry),
      credentials_(std::move(options.keys), clock),
      location_(std::make_shared<const S3Location>(std::move(options.location))) {}

std::shared_ptr<const S3Location> S3Client::location() {
  base::MutexLock lock(mutex_);
  return location_;
}

void S3Client::Sign(const S3Request& request, const std::string& body_sha256, const S3Credentials& keys,
                    net::ClientRequest* wire) {
  const auto location = this->location();
  const int64_t now_ms = clock_.NowMs();
  const std::string path = base::Concat(location->base_path, UriEncode(request.key, true));
  const std::string query = CanonicalQuery(request.query);
  std::vector<net::HttpHeader> headers = request.headers;
  headers.push_back({"Host", location->host});
  if (!keys.session_token.empty()) {
    headers.push_back({"X-Amz-Security-Token", keys.session_token});
  }
  std::string authorization;
  if (config_.signature_v2) {
    headers.push_back({"Date", FormatHttpDate(now_ms)});
    const std::string resource =
        base::Concat("/", UriEncode(config_.bucket, false), "/", UriEncode(request.key, true));
    authorization = AuthorizationV2({request.method, resource, request.query, headers}, keys);
  } else {
    const std::string date = AmzDate(now_ms);
    headers.push_back({"X-Amz-Content-Sha256", body_sha256});
    headers.push_back({"X-Amz-Date", date});
    authorization =
        Authorization({request.method, path, query, headers, body_sha256}, keys, location->region, date);
  }
  headers.push_back({"Authorization", std::move(authorization)});
  if (request.method == "GET" && !request.key.empty()) {
    // Objects come as they are stored. Not signed: proxies change this header.
    headers.push_back({"Accept-Encoding", "identity"});
  }
  wire->method = request.method;
  wire->url = base::Concat(location->url, path, query.empty() ? "" : "?", query);
  wire->headers = std::move(headers);
}

base::StatusOr<S3Response> S3Client::Exchange(const base::CancelToken& cancel, const S3Request& request,
                                              const net::ClientRequest& wire) {
  const size_t body_bytes =
      wire.body_source == nullptr ? wire.body.size() : static_cast<size_t>(wire.body_source->size_bytes());
  const base::CancelSource answer(cancel, config_.response_header_timeout + TransferTime(body_bytes));
  TH_ASSIGN_OR_RETURN(const auto stream, http_->Open(answer.token(), wire));
  S3Response response{stream->status(), stream->headers()};
  const bool success = response.status >= 200 && response.status < 300;
  const size_t limit = success ? request.max_response_bytes : kMaxErrorBytes;
  while (true) {
    const bool is_first = response.body.empty();
    // Large objects may take long, but each piece must come in time.
    const base::CancelSource piece(cancel, config_.response_header_timeout + TransferTime(0));
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
  auto keys = credentials_.Get(cancel);
  if (!keys.ok()) {
    out.failure = Retryable(keys.status());
    out.failure.retryable = !cancel.cancelled() && keys.status().code() == base::StatusCode::kUnavailable;
    return out;
  }
  out.keys = *std::move(keys);
  Sign(request, body_sha256, *out.keys, &wire);
  auto response = Exchange(cancel, request, wire);
  if (!response.ok()) {
    const base::Status status = OwnTimeout(cancel, response.status());
    // Data loss of an upload is what reading its content said.
    const bool may_pass = status.code() == base::StatusCode::kUnavailable ||
                          (status.code() == base::StatusCode::kDataLoss && request.content == nullptr);
    out.failure = Retryable(status);
    out.failure.retryable = may_pass && !cancel.cancelled();
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

void S3Client::Trace(const S3Request& request, const Attempt& attempt, base::TimePoint start) const {
  const std::string* id = FindHeader(attempt.response.headers, "x-amz-request-id");
  TH_LOG(kDebug, "S3 request")
      .With("method", request.method)
      .With("bucket", config_.bucket)
      .With("object", request.key)
      .With("status", attempt.response.status)
      .With("bytes", attempt.response.body.size())
      .With("seconds", base::ToSeconds(base::SteadyNow() - start))
      .With("request_id", id == nullptr ? "" : *id)
      .With("err", attempt.failure.status.ok() ? "" : base::Message(Describe(request, attempt, 1)));
}

bool S3Client::LearnRegion(const S3Failure& failure) {
  const auto is_region_character = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  };
  const std::string& region = failure.region;
  // It becomes part of a host name.
  if (failure.status.ok() || region.empty() || region.size() > kMaxRegionBytes ||
      !std::all_of(region.begin(), region.end(), is_region_character)) {
    return false;
  }
  S3Config elsewhere = config_;
  elsewhere.region = region;
  auto location = ResolveS3Location(elsewhere);
  base::MutexLock lock(mutex_);
  if (location_->region == region || !location.ok()) {
    return false;
  }
  if (location_->region_is_known) {
    TH_LOG(kWarn, "the bucket is in another region than configured")
        .With("bucket", config_.bucket)
        .With("configured", location_->region)
        .With("region", region);
  }
  location->region_is_known = false;
  location_ = std::make_shared<const S3Location>(*std::move(location));
  return true;
}

bool S3Client::DropKeys(const S3Request& request, const Attempt& attempt) {
  static constexpr std::string_view kCodes[] = {"ExpiredToken", "ExpiredTokenException", "InvalidToken",
                                                "TokenRefreshRequired", "InvalidAccessKeyId"};
  const std::string& code = attempt.failure.code;
  // The answer to HEAD has no room for a code.
  const bool is_about_keys = std::find(std::begin(kCodes), std::end(kCodes), code) != std::end(kCodes) ||
                             (request.method == "HEAD" && attempt.response.status == 400);
  return attempt.keys != nullptr && is_about_keys && credentials_.Invalidate(*attempt.keys);
}

base::Status S3Client::Describe(const S3Request& request, const Attempt& attempt, int64_t attempts) const {
  const base::Status& status = attempt.failure.status;
  std::string text =
      base::Concat("S3 ", request.method, " ", config_.bucket, "/", request.key, ": ", base::Message(status));
  const std::string* date = FindHeader(attempt.response.headers, "Date");
  const auto server_ms = date == nullptr ? std::nullopt : ParseHttpDateMs(*date);
  if (attempt.failure.code == "RequestTimeTooSkewed" && server_ms.has_value()) {
    const int64_t ahead_s = (clock_.NowMs() - *server_ms) / 1000;
    base::Append(text, "; this machine's clock is ", ahead_s < 0 ? -ahead_s : ahead_s, " s ",
                 ahead_s < 0 ? "behind" : "ahead of", " the server's");
  }
  if (attempts > 1) {
    base::Append(text, " (after ", attempts, " attempts)");
  }
  if (attempt.keys != nullptr) {  // some servers repeat what they were sent
    Mask(attempt.keys->secret_key, &text);
    Mask(attempt.keys->session_token, &text);
    Mask(attempt.keys->access_key, &text);
  }
  return base::MakeStatus(status.code(), text);
}

base::StatusOr<S3Response> S3Client::Send(const base::CancelToken& cancel, S3Request request) {
  TH_RETURN_IF_ERROR(cancel.status());
  const std::string body_sha256 =
      request.content == nullptr ? Hex(Sha256(request.body)) : request.content_sha256;
  net::ClientRequest wire;
  wire.body = std::move(request.body);
  wire.body_source = request.content;
  bool changed_region = false;
  bool changed_keys = false;
  for (int64_t attempt = 1;; ++attempt) {
    const base::TimePoint start = base::SteadyNow();
    Attempt result = Try(cancel, request, body_sha256, wire);
    if (config_.trace) {
      Trace(request, result, start);
    }
    if (result.failure.status.ok()) {
      retry_.Succeeded();
      return std::move(result.response);
    }
    if (!changed_region && LearnRegion(result.failure)) {
      changed_region = true;
      continue;
    }
    if (!changed_keys && DropKeys(request, result)) {
      changed_keys = true;
      continue;
    }
    if (!result.failure.retryable || !retry_.MayRetry(attempt)) {
      return Describe(request, result, attempt);
    }
    const base::Duration wait = retry_.Backoff(attempt, result.failure.retry_after);
    if (cancel.Remaining(wait + std::chrono::milliseconds(1)) <= wait) {
      return Describe(request, result, attempt);
    }
    if (!cancel.SleepFor(wait)) {
      return cancel.status();
    }
  }
}

}  // namespace thanos::objstore::internal
