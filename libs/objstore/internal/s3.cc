#include "objstore/internal/s3.h"

#include <utility>

#include "base/strings.h"
#include "objstore/internal/digest.h"
#include "objstore/internal/http_date.h"
#include "objstore/internal/object_name.h"
#include "objstore/internal/s3_content.h"
#include "objstore/internal/s3_list.h"
#include "objstore/internal/s3_upload.h"

namespace thanos::objstore::internal {
namespace {

constexpr size_t kMaxNameBytes = 1024;
constexpr size_t kMaxListPageBytes = 16 << 20;
constexpr size_t kMaxObjectBytes = size_t{4} << 30;  // read at once
constexpr int kMaxEmptyPages = 1000;

base::Status CheckName(const base::CancelToken& cancel, std::string_view name) {
  TH_RETURN_IF_ERROR(cancel.status());
  TH_RETURN_IF_ERROR(CheckObjectName(name));
  if (name.size() > kMaxNameBytes) {
    return base::InvalidArgument("object name of ", name.size(), " bytes is longer than ", kMaxNameBytes);
  }
  return base::OkStatus();
}

// "bytes 0-9/100" -> {0, 9, 100}.
struct ContentRange {
  int64_t first = 0;
  int64_t last = 0;
  int64_t total = 0;
};
std::optional<ContentRange> ParseContentRange(std::string_view text) {
  constexpr std::string_view kUnit = "bytes ";
  const size_t dash = text.find('-');
  const size_t slash = text.find('/');
  if (!text.starts_with(kUnit) || dash == std::string_view::npos || slash == std::string_view::npos ||
      slash < dash || dash < kUnit.size()) {
    return std::nullopt;
  }
  const auto first = base::ParseInt64(text.substr(kUnit.size(), dash - kUnit.size()));
  const auto last = base::ParseInt64(text.substr(dash + 1, slash - dash - 1));
  const auto total = base::ParseInt64(text.substr(slash + 1));
  if (!first.has_value() || !last.has_value() || !total.has_value()) {
    return std::nullopt;
  }
  return ContentRange{*first, *last, *total};
}

// OK when `response` is what a request for `length` bytes from `offset` must be answered with, or when the
// object ends before: then it sets `is_short`.
base::Status VerifyRange(const S3Response& response, int64_t offset, int64_t length, bool* is_short) {
  const std::string* header = FindHeader(response.headers, "Content-Range");
  const auto range = header == nullptr ? std::nullopt : ParseContentRange(*header);
  if (response.status != 206 || !range.has_value() || range->first != offset) {
    return base::DataLoss("asked for bytes ", offset, "+", length, ", got HTTP status ", response.status,
                          " with Content-Range ", base::Quote(header == nullptr ? "" : *header));
  }
  *is_short = range->total < offset + length && range->last == range->total - 1;
  if (*is_short) {
    return base::OkStatus();
  }
  if (range->last != offset + length - 1 || response.body.size() != static_cast<size_t>(length)) {
    return base::DataLoss("asked for bytes ", offset, "+", length, ", got ", response.body.size(),
                          " bytes with Content-Range ", base::Quote(*header));
  }
  return base::OkStatus();
}

// The digest in an object's ETag; empty when it has none: the ETags of objects of several parts, and of those
// encrypted with other keys than S3's own, are something else, and so are all of a directory bucket.
std::string_view Md5OfETag(const S3Response& response, std::string_view bucket) {
  constexpr size_t kMd5Digits = 32;
  constexpr std::string_view kDirectoryBucket = "--x-s3";
  const std::string* etag = FindHeader(response.headers, "ETag");
  const std::string* encryption = FindHeader(response.headers, "x-amz-server-side-encryption");
  if (etag == nullptr || (encryption != nullptr && *encryption != "AES256") ||
      FindHeader(response.headers, "x-amz-server-side-encryption-customer-algorithm") != nullptr ||
      bucket.ends_with(kDirectoryBucket)) {
    return {};
  }
  std::string_view digest = *etag;
  if (digest.size() == kMd5Digits + 2 && digest.front() == '"' && digest.back() == '"') {
    digest = digest.substr(1, kMd5Digits);
  }
  const bool is_hex = digest.find_first_not_of("0123456789abcdef") == std::string_view::npos;
  return digest.size() == kMd5Digits && is_hex ? digest : std::string_view();
}

base::Status VerifyWhole(const S3Response& response, std::string_view bucket) {
  const std::string* length = FindHeader(response.headers, "Content-Length");
  if (response.status != 200 || (length != nullptr && base::ParseUint64(*length) != response.body.size())) {
    return base::DataLoss("asked for the object, got HTTP status ", response.status, " with ",
                          response.body.size(), " bytes");
  }
  const std::string_view digest = Md5OfETag(response, bucket);
  if (!digest.empty() && digest != Hex(Md5(response.body))) {
    return base::DataLoss("the bytes do not have the MD5 of the object's ETag");
  }
  return base::OkStatus();
}

}  // namespace

S3Bucket::S3Bucket(S3Client::Options options, std::unique_ptr<net::HttpClient> http)
    : client_(std::move(options), std::move(http), clock_) {}

base::StatusOr<std::unique_ptr<S3Bucket>> S3Bucket::Open(const S3Config& config, const Options& options) {
  S3Client::Options client{.config = config, .keys = {}, .location = {}, .retry = options.retry};
  client.retry.max_attempts = config.max_attempts;
  TH_ASSIGN_OR_RETURN(client.keys, ChooseKeySource(config, options.environment));
  TH_ASSIGN_OR_RETURN(client.location, ResolveS3Location(config));
  return std::unique_ptr<S3Bucket>(new S3Bucket(std::move(client), net::HttpClient::Create(config.http)));
}

base::StatusOr<std::unique_ptr<Bucket>> S3Bucket::FromYaml(const config::YamlNode& node) {
  TH_ASSIGN_OR_RETURN(const S3Config config, ParseS3Config(node));
  TH_ASSIGN_OR_RETURN(std::unique_ptr<Bucket> bucket, Open(config, Options()));
  return bucket;
}

base::Status S3Bucket::List(const base::CancelToken& cancel, std::string_view directory,
                            const ListOptions& options,
                            const std::function<base::Status(const ListEntry&)>& visit) {
  TH_ASSIGN_OR_RETURN(std::string prefix, CleanDirectory(directory));
  if (!prefix.empty()) {
    prefix.push_back('/');
  }
  bool v1 = client_.config().list_v1 || knows_only_list_v1_;
  std::string next;
  std::string last;
  int empty_pages = 0;
  while (true) {
    S3ListPage page;
    S3Request request{
        .query = S3ListQuery({v1, prefix, options.recursive, client_.config().list_page_size}, next)};
    request.max_response_bytes = kMaxListPageBytes;
    request.verify = [&](const S3Response& response) -> base::Status {
      TH_ASSIGN_OR_RETURN(page, ParseS3ListPage(v1, prefix, response.body));
      return base::OkStatus();
    };
    TH_RETURN_IF_ERROR(client_.Send(cancel, std::move(request)).status());
    for (std::string& name : page.names) {
      if (name < last) {
        return base::DataLoss("S3 listing of ", base::Quote(prefix), " is not in order: ", name, " after ",
                              last);
      }
      if (name == last) {
        continue;  // some servers repeat a directory that goes on in the next page
      }
      last = name;
      TH_RETURN_IF_ERROR(visit(ListEntry{std::move(name)}));
    }
    if (!page.is_truncated) {
      return base::OkStatus();
    }
    if (page.is_v1 && client_.config().list_v2_only) {
      return base::DataLoss("S3 listing of ", base::Quote(prefix), " is of version 1, not 2");
    }
    if (page.is_v1) {
      v1 = true;
      knows_only_list_v1_ = true;
    }
    empty_pages = page.names.empty() ? empty_pages + 1 : 0;
    if (page.next == next || empty_pages > kMaxEmptyPages) {
      return base::DataLoss("S3 listing of ", base::Quote(prefix), " does not go on after ",
                            base::Quote(last));
    }
    next = std::move(page.next);
  }
}

base::StatusOr<base::SharedBytes> S3Bucket::Get(const base::CancelToken& cancel, std::string_view name) {
  TH_RETURN_IF_ERROR(CheckName(cancel, name));
  S3Request request{.key = std::string(name), .headers = CustomerKeyHeaders(client_.config())};
  request.max_response_bytes = kMaxObjectBytes;
  request.verify = [this](const S3Response& response) {
    return VerifyWhole(response, client_.config().bucket);
  };
  TH_ASSIGN_OR_RETURN(S3Response response, client_.Send(cancel, std::move(request)));
  return base::SharedBytes::FromString(std::move(response.body));
}

base::StatusOr<base::SharedBytes> S3Bucket::GetRange(const base::CancelToken& cancel, std::string_view name,
                                                     int64_t offset, int64_t length) {
  TH_RETURN_IF_ERROR(CheckName(cancel, name));
  int64_t end = 0;
  if (offset < 0 || length < 0 || __builtin_add_overflow(offset, length, &end)) {
    return base::InvalidArgument("object ", name, ": range ", offset, "+", length);
  }
  if (length == 0) {  // HTTP has no empty ranges
    TH_ASSIGN_OR_RETURN(const ObjectAttributes attributes, Attributes(cancel, name));
    if (offset > attributes.size_bytes) {
      return base::OutOfRange("object ", name, ": range ", offset, "+0 of ", attributes.size_bytes, " bytes");
    }
    return base::SharedBytes{};
  }
  bool is_short = false;
  S3Request request{.key = std::string(name), .headers = CustomerKeyHeaders(client_.config())};
  request.headers.push_back({"Range", base::Concat("bytes=", offset, "-", end - 1)});
  request.max_response_bytes = static_cast<size_t>(length);
  request.verify = [&](const S3Response& response) {
    return VerifyRange(response, offset, length, &is_short);
  };
  TH_ASSIGN_OR_RETURN(S3Response response, client_.Send(cancel, std::move(request)));
  if (is_short) {
    return base::OutOfRange("object ", name, ": range ", offset, "+", length, " is beyond the object's end");
  }
  return base::SharedBytes::FromString(std::move(response.body));
}

base::StatusOr<bool> S3Bucket::Exists(const base::CancelToken& cancel, std::string_view name) {
  const auto attributes = Attributes(cancel, name);
  if (attributes.status().code() == base::StatusCode::kNotFound) {
    return false;
  }
  TH_RETURN_IF_ERROR(attributes.status());
  return true;
}

base::StatusOr<ObjectAttributes> S3Bucket::Attributes(const base::CancelToken& cancel,
                                                      std::string_view name) {
  TH_RETURN_IF_ERROR(CheckName(cancel, name));
  ObjectAttributes out;
  S3Request request{
      .method = "HEAD", .key = std::string(name), .headers = CustomerKeyHeaders(client_.config())};
  request.verify = [&out](const S3Response& response) {
    const std::string* length = FindHeader(response.headers, "Content-Length");
    const std::string* modified = FindHeader(response.headers, "Last-Modified");
    const auto size = length == nullptr ? std::nullopt : base::ParseInt64(*length);
    const auto time = modified == nullptr ? std::nullopt : ParseHttpDateMs(*modified);
    if (!size.has_value() || *size < 0 || !time.has_value()) {
      return base::DataLoss("the answer lacks a valid Content-Length or Last-Modified");
    }
    out = {*size, *time};
    return base::OkStatus();
  };
  TH_RETURN_IF_ERROR(client_.Send(cancel, std::move(request)).status());
  return out;
}

base::Status S3Bucket::Upload(const base::CancelToken& cancel, std::string_view name,
                              std::string_view content) {
  TH_RETURN_IF_ERROR(CheckName(cancel, name));
  return UploadToS3(cancel, client_, name, MemoryContent(content));
}

base::Status S3Bucket::UploadFile(const base::CancelToken& cancel, std::string_view name,
                                  const std::string& local_path) {
  TH_RETURN_IF_ERROR(CheckName(cancel, name));
  const auto content = FileContent::Open(local_path);
  if (!content.ok()) {
    return base::Annotate(content.status(), "upload ", name);
  }
  return base::Annotate(UploadToS3(cancel, client_, name, **content), "upload of ", local_path);
}

base::Status S3Bucket::Delete(const base::CancelToken& cancel, std::string_view name) {
  // S3 does not say whether there was anything to delete.
  TH_RETURN_IF_ERROR(Attributes(cancel, name).status());
  S3Request request{.method = "DELETE", .key = std::string(name)};
  const base::Status status = client_.Send(cancel, std::move(request)).status();
  // An earlier attempt may have been applied although its answer was lost.
  return status.code() == base::StatusCode::kNotFound ? base::OkStatus() : status;
}

}  // namespace thanos::objstore::internal
