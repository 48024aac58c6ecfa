#include "objstore/internal/s3_upload.h"

#include <algorithm>
#include <map>

#include "base/strings.h"
#include "concurrency/task_group.h"
#include "concurrency/thread_pool.h"
#include "objstore/internal/digest.h"
#include "objstore/internal/s3_content.h"
#include "objstore/internal/xml.h"

namespace thanos::objstore::internal {
namespace {

constexpr int64_t kMaxParts = 10'000;
constexpr size_t kParallelParts = 4;  // as Thanos
constexpr int64_t kMaxObjectBytesPerRequest = int64_t{5} << 30;
constexpr base::Duration kAbortTimeout = std::chrono::seconds(30);

// "x-amz-..." and the standard headers an object can have are sent as they are, other names as metadata.
std::string MetadataHeaderName(std::string_view name) {
  static constexpr std::string_view kStandard[] = {"cache-control",    "content-disposition",
                                                   "content-encoding", "content-language",
                                                   "content-type",     "expires"};
  const std::string lower = base::ToLower(name);
  const bool as_is = lower.starts_with("x-amz-") ||
                     std::find(std::begin(kStandard), std::end(kStandard), lower) != std::end(kStandard);
  return as_is ? lower : base::Concat("x-amz-meta-", lower);
}

std::string JsonString(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out.push_back('\\');
      out.push_back(c);
    } else if (byte < 0x20) {
      base::Append(out, "\\u00", Hex({&c, 1}));
    } else {
      out.push_back(c);
    }
  }
  return out + "\"";
}

std::string JsonObject(const std::vector<std::pair<std::string, std::string>>& fields) {
  std::string out = "{";
  for (const auto& [name, value] : std::map<std::string, std::string>(fields.begin(), fields.end())) {
    base::Append(out, out.size() > 1 ? "," : "", JsonString(name), ":", JsonString(value));
  }
  return out + "}";
}

// Of the request that creates an object.
std::vector<net::HttpHeader> ObjectHeaders(const S3Config& config) {
  std::vector<net::HttpHeader> out = CustomerKeyHeaders(config);
  bool has_type = false;
  for (const auto& [name, value] : config.put_user_metadata) {
    out.push_back({MetadataHeaderName(name), value});
    has_type = has_type || out.back().name == "content-type";
  }
  if (!has_type) {
    out.push_back({"content-type", "application/octet-stream"});
  }
  if (config.encryption == S3Config::Encryption::kS3) {
    out.push_back({"x-amz-server-side-encryption", "AES256"});
  } else if (config.encryption == S3Config::Encryption::kKms) {
    out.push_back({"x-amz-server-side-encryption", "aws:kms"});
    out.push_back({"x-amz-server-side-encryption-aws-kms-key-id", config.kms_key_id});
    if (!config.kms_encryption_context.empty()) {
      out.push_back(
          {"x-amz-server-side-encryption-context", Base64(JsonObject(config.kms_encryption_context))});
    }
  }
  return out;
}

// The MD5 header is optional, the SHA-256 of the signature is not: the server checks the content either way.
void AddContentMd5(const S3Config& config, const std::string& md5, std::vector<net::HttpHeader>* headers) {
  if (config.send_content_md5) {
    headers->push_back({"Content-MD5", Base64(md5)});
  }
}

base::Status PutWhole(const base::CancelToken& cancel, S3Client& client, std::string_view name,
                      const net::BodySource& content) {
  if (content.size_bytes() > kMaxObjectBytesPerRequest) {
    return base::FailedPrecondition("object ", name, " of ", content.size_bytes(),
                                    " bytes needs disable_multipart: false");
  }
  S3Request request{.method = "PUT", .key = std::string(name), .headers = ObjectHeaders(client.config())};
  TH_ASSIGN_OR_RETURN(const ContentDigests digests, DigestContent(cancel, content));
  request.content = &content;
  request.content_sha256 = Hex(digests.sha256);
  AddContentMd5(client.config(), digests.md5, &request.headers);
  return client.Send(cancel, std::move(request)).status();
}

class MultipartUpload {
 public:
  MultipartUpload(S3Client& client, std::string_view name, const net::BodySource& content)
      : client_(client), name_(name), content_(content), size_(content.size_bytes()) {
    const int64_t at_least = (size_ + kMaxParts - 1) / kMaxParts;
    part_bytes_ = std::max(client.config().part_size_bytes, at_least);
    parts_.resize(static_cast<size_t>((size_ + part_bytes_ - 1) / part_bytes_));
  }

  base::Status Run(const base::CancelToken& cancel) {
    TH_RETURN_IF_ERROR(Begin(cancel));
    base::Status status = SendParts(cancel);
    if (status.ok()) {
      status = Complete(cancel);
    }
    return status.ok() ? status : Abort(status);
  }

 private:
  // An upload whose answer is lost and that is begun again stays behind without parts, and is invisible.
  base::Status Begin(const base::CancelToken& cancel) {
    S3Request request{.method = "POST",
                      .key = name_,
                      .query = {{"uploads", ""}},
                      .headers = ObjectHeaders(client_.config()),
                      .verify = [this](const S3Response& response) -> base::Status {
                        TH_ASSIGN_OR_RETURN(const XmlElement root, ParseXml(response.body));
                        upload_id_ = std::string(base::Trim(root.Text("UploadId")));
                        return upload_id_.empty() ? base::DataLoss("no UploadId in the answer")
                                                  : base::OkStatus();
                      }};
    return client_.Send(cancel, std::move(request)).status();
  }

  base::Status SendParts(const base::CancelToken& cancel) {
    concurrency::ThreadPool pool("s3-upload", static_cast<int>(std::min(kParallelParts, parts_.size())));
    return concurrency::ParallelFor(
        pool, cancel, parts_.size(), kParallelParts,
        [this](const base::CancelToken& token, size_t i) { return SendPart(token, i); });
  }

  base::Status SendPart(const base::CancelToken& cancel, size_t i) {
    TH_RETURN_IF_ERROR(cancel.status());
    const int64_t offset = static_cast<int64_t>(i) * part_bytes_;
    const ContentPart part(content_, offset, std::min(part_bytes_, size_ - offset));
    TH_ASSIGN_OR_RETURN(const ContentDigests digests, DigestContent(cancel, part));
    S3Request request{.method = "PUT",
                      .key = name_,
                      .query = {{"partNumber", base::Concat(i + 1)}, {"uploadId", upload_id_}},
                      .headers = CustomerKeyHeaders(client_.config())};
    request.content = &part;
    request.content_sha256 = Hex(digests.sha256);
    AddContentMd5(client_.config(), digests.md5, &request.headers);
    request.verify = [](const S3Response& response) {
      return FindHeader(response.headers, "ETag") != nullptr ? base::OkStatus()
                                                             : base::DataLoss("no ETag in the answer");
    };
    TH_ASSIGN_OR_RETURN(const S3Response response, client_.Send(cancel, std::move(request)));
    parts_[i] = {*FindHeader(response.headers, "ETag"), digests.md5};
    return base::OkStatus();
  }

  base::Status Complete(const base::CancelToken& cancel) {
    S3Request request{.method = "POST",
                      .key = name_,
                      .query = {{"uploadId", upload_id_}},
                      .headers = {{"content-type", "application/xml"}}};
    request.body = "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">";
    for (size_t i = 0; i < parts_.size(); ++i) {
      base::Append(request.body, "<Part><PartNumber>", i + 1, "</PartNumber><ETag>",
                   XmlEscape(parts_[i].etag), "</ETag></Part>");
    }
    request.body += "</CompleteMultipartUpload>";
    // The answer begins with a success before the work is done, so that only its body tells the outcome.
    request.verify = [](const S3Response& response) -> base::Status {
      if (IsS3ErrorDocument(response.body)) {
        return ReadS3Failure(response.status, response.headers, response.body).status;
      }
      TH_ASSIGN_OR_RETURN(const XmlElement root, ParseXml(response.body));
      return root.name == "CompleteMultipartUploadResult" ? base::OkStatus()
                                                          : base::DataLoss("unexpected answer ", root.name);
    };
    const base::Status status = client_.Send(cancel, std::move(request)).status();
    if (status.code() == base::StatusCode::kUnavailable || status.code() == base::StatusCode::kDataLoss ||
        status.code() == base::StatusCode::kAborted) {
      // The upload may have been completed by an attempt whose answer did not arrive: only reading tells.
      return IsThere(cancel, true) ? base::OkStatus() : status;
    }
    TH_RETURN_IF_ERROR(status);
    return IsThere(cancel, false)
               ? status
               : base::DataLoss("object ", name_, " does not have the uploaded size after its upload");
  }

  // True when the object has our size and, if `same_parts`, the digest of our parts.
  bool IsThere(const base::CancelToken& cancel, bool same_parts) {
    S3Request request{.method = "HEAD", .key = name_, .headers = CustomerKeyHeaders(client_.config())};
    const auto response = client_.Send(cancel, std::move(request));
    if (!response.ok()) {
      return false;
    }
    const std::string* length = FindHeader(response->headers, "Content-Length");
    const std::string* etag = FindHeader(response->headers, "ETag");
    std::string part_md5s;
    for (const Part& part : parts_) {
      part_md5s += part.md5;
    }
    const std::string digest = base::Concat(Hex(Md5(part_md5s)), "-", parts_.size());
    return length != nullptr && base::ParseInt64(*length) == size_ &&
           (!same_parts || (etag != nullptr && etag->find(digest) != std::string::npos));
  }

  // Not stopped by the caller's token: what is left behind would cost storage for ever. Returns `reason`.
  base::Status Abort(const base::Status& reason) {
    const base::CancelSource source(base::CancelToken(), kAbortTimeout);
    S3Request request{.method = "DELETE", .key = name_, .query = {{"uploadId", upload_id_}}};
    const base::Status status = client_.Send(source.token(), std::move(request)).status();
    if (status.ok() || status.code() == base::StatusCode::kAborted ||
        status.code() == base::StatusCode::kNotFound) {
      return reason;
    }
    return base::MakeStatus(
        reason.code(),
        base::Concat(base::Message(reason), "; its parts could not be removed: ", base::Message(status)));
  }

  struct Part {
    std::string etag;
    std::string md5;  // raw
  };
  S3Client& client_;
  const std::string name_;
  const net::BodySource& content_;
  const int64_t size_;
  int64_t part_bytes_ = 0;
  std::string upload_id_;
  std::vector<Part> parts_;
};

}  // namespace

std::vector<net::HttpHeader> CustomerKeyHeaders(const S3Config& config) {
  if (config.encryption != S3Config::Encryption::kCustomer) {
    return {};
  }
  return {{"x-amz-server-side-encryption-customer-algorithm", "AES256"},
          {"x-amz-server-side-encryption-customer-key", Base64(config.customer_key)},
          {"x-amz-server-side-encryption-customer-key-md5", Base64(Md5(config.customer_key))}};
}

base::Status UploadToS3(const base::CancelToken& cancel, S3Client& client, std::string_view name,
                        const net::BodySource& content) {
  if (client.config().disable_multipart || content.size_bytes() <= client.config().part_size_bytes) {
    return PutWhole(cancel, client, name, content);
  }
  return MultipartUpload(client, name, content).Run(cancel);
}

}  // namespace thanos::objstore::internal
