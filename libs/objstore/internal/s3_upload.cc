#include "objstore/internal/s3_upload.h"

#include <algorithm>
#include <map>

#include "base/strings.h"
#include "objstore/internal/digest.h"
#include "objstore/internal/xml.h"

namespace thanos::objstore::internal {
namespace {

constexpr int64_t kMaxParts = 10'000;
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

base::Status PutWhole(const base::CancelToken& cancel, S3Client& client, std::string_view name, int64_t size,
                      const ReadContent& read) {
  if (size > kMaxObjectBytesPerRequest) {
    return base::FailedPrecondition("object ", name, " of ", size, " bytes needs disable_multipart: false");
  }
  S3Request request{.method = "PUT", .key = std::string(name), .headers = ObjectHeaders(client.config())};
  TH_ASSIGN_OR_RETURN(request.body, read(0, size));
  AddContentMd5(client.config(), Md5(request.body), &request.headers);
  return client.Send(cancel, std::move(request)).status();
}

class MultipartUpload {
 public:
  MultipartUpload(S3Client& client, std::string_view name, int64_t size, const ReadContent& read)
      : client_(client), name_(name), size_(size), read_(read) {
    const int64_t at_least = (size + kMaxParts - 1) / kMaxParts;
    part_bytes_ = std::max(client.config().part_size_bytes, at_least);
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
    for (int64_t offset = 0; offset < size_; offset += part_bytes_) {
      TH_RETURN_IF_ERROR(cancel.status());
      S3Request request{.method = "PUT",
                        .key = name_,
                        .query = {{"partNumber", base::Concat(etags_.size() + 1)}, {"uploadId", upload_id_}},
                        .headers = CustomerKeyHeaders(client_.config())};
      TH_ASSIGN_OR_RETURN(request.body, read_(offset, std::min(part_bytes_, size_ - offset)));
      const std::string md5 = Md5(request.body);
      AddContentMd5(client_.config(), md5, &request.headers);
      request.verify = [](const S3Response& response) {
        return FindHeader(response.headers, "ETag") != nullptr ? base::OkStatus()
                                                               : base::DataLoss("no ETag in the answer");
      };
      TH_ASSIGN_OR_RETURN(const S3Response response, client_.Send(cancel, std::move(request)));
      etags_.push_back(*FindHeader(response.headers, "ETag"));
      part_md5s_ += md5;
    }
    return base::OkStatus();
  }

  base::Status Complete(const base::CancelToken& cancel) {
    S3Request request{.method = "POST",
                      .key = name_,
                      .query = {{"uploadId", upload_id_}},
                      .headers = {{"content-type", "application/xml"}}};
    request.body = "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">";
    for (size_t i = 0; i < etags_.size(); ++i) {
      base::Append(request.body, "<Part><PartNumber>", i + 1, "</PartNumber><ETag>", XmlEscape(etags_[i]),
                   "</ETag></Part>");
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
    const std::string digest = base::Concat(Hex(Md5(part_md5s_)), "-", etags_.size());
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

  S3Client& client_;
  const std::string name_;
  const int64_t size_;
  const ReadContent& read_;
  int64_t part_bytes_ = 0;
  std::string upload_id_;
  std::vector<std::string> etags_;
  std::string part_md5s_;
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
                        int64_t size, const ReadContent& read) {
  if (client.config().disable_multipart || size <= client.config().part_size_bytes) {
    return PutWhole(cancel, client, name, size, read);
  }
  return MultipartUpload(client, name, size, read).Run(cancel);
}

}  // namespace thanos::objstore::internal
