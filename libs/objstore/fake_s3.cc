#include "objstore/fake_s3.h"

#include <algorithm>
#include <cstdlib>
#include <set>

#include "base/strings.h"
#include "objstore/internal/digest.h"
#include "objstore/internal/http_date.h"
#include "objstore/internal/s3_error.h"
#include "objstore/internal/sigv2.h"
#include "objstore/internal/sigv4.h"
#include "objstore/internal/xml.h"

namespace thanos::objstore {
namespace {

using internal::Base64;
using internal::FindHeader;
using internal::Hex;
using internal::Md5;
using internal::Sha256;
using internal::UriEncode;
using internal::XmlEscape;

constexpr base::Duration kStopGrace = std::chrono::seconds(1);
constexpr base::Duration kHang = std::chrono::minutes(5);
constexpr int64_t kMaxSkewMs = 15 * 60 * 1000;
constexpr std::string_view kXml = "application/xml";

net::HttpResponse Failure(int status, std::string_view code,
                          std::string_view message = "asked for by the test") {
  net::HttpResponse response{.status = status, .content_type = std::string(kXml), .headers = {}, .body = {}};
  response.body = base::Concat("<?xml version=\"1.0\"?><Error><Code>", XmlEscape(code), "</Code><Message>",
                               XmlEscape(message), "</Message></Error>");
  return response;
}

net::HttpResponse Document(std::string body) {
  return {.status = 200, .content_type = std::string(kXml), .headers = {}, .body = std::move(body)};
}

std::string Value(const net::Parameters& query, std::string_view name) {
  for (const auto& [key, value] : query) {
    if (key == name) {
      return value;
    }
  }
  return "";
}

// The text between `before` and the next ',' of the Authorization header.
std::string_view Field(std::string_view text, std::string_view before) {
  const size_t at = text.find(before);
  return at == std::string_view::npos
             ? std::string_view()
             : text.substr(at + before.size(), text.find(',', at) - at - before.size());
}

// What an object keeps of the request that makes it.
std::vector<net::HttpHeader> KeptHeaders(const S3Call& call) {
  std::vector<net::HttpHeader> out;
  for (const net::HttpHeader& header : call.headers) {
    const std::string name = base::ToLower(header.name);
    if (name.starts_with("x-amz-meta-") || name.starts_with("x-amz-server-side-encryption")) {
      out.push_back({name, header.value});
    }
  }
  return out;
}

// Whether `call` names the customer's key that `kept` were stored with.
bool HasCustomerKey(const std::vector<net::HttpHeader>& kept, const S3Call& call) {
  constexpr std::string_view kName = "x-amz-server-side-encryption-customer-key";
  const std::string* stored = FindHeader(kept, kName);
  const std::string* given = call.Header(kName);
  return stored == nullptr ? given == nullptr : given != nullptr && *given == *stored;
}

// A chunked body that ends in what is no chunk, so that the client sees the connection fail in the middle.
void BreakBody(net::HttpResponse* response) {
  const std::string half = response->body.substr(0, response->body.size() / 2);
  const size_t size = half.size();
  const char size_bytes[] = {static_cast<char>(size >> 24), static_cast<char>(size >> 16),
                             static_cast<char>(size >> 8), static_cast<char>(size)};
  response->headers.push_back({"Transfer-Encoding", "chunked"});
  response->body =
      size == 0 ? "no chunk\r\n" : base::Concat(Hex({size_bytes, 4}), "\r\n", half, "\r\nno chunk\r\n");
}

}  // namespace

bool S3Call::HasQuery(std::string_view name) const {
  return std::any_of(query.begin(), query.end(), [name](const auto& pair) { return pair.first == name; });
}

const std::string* S3Call::Header(std::string_view name) const {
  return FindHeader(headers, name);
}

base::StatusOr<std::unique_ptr<FakeS3>> FakeS3::Start(Options options) {
  std::unique_ptr<FakeS3> fake(new FakeS3(std::move(options)));
  net::HttpServerOptions server_options;
  server_options.address = "127.0.0.1:0";
  server_options.web_config_file = fake->options_.web_config_file;
  TH_ASSIGN_OR_RETURN(fake->server_, net::HttpServer::Create(std::move(server_options)));
  fake->server_->AddRoute(
      {.methods = {}, .pattern = "/*", .handler = [self = fake.get()](const net::HttpRequest& request) {
         return self->Handle(request);
       }});
  TH_RETURN_IF_ERROR(fake->server_->Start());
  return fake;
}

FakeS3::~FakeS3() {
  if (server_ != nullptr) {
    server_->Stop(kStopGrace);
  }
}

std::string FakeS3::endpoint() const {
  return base::Concat(options_.virtual_hosted ? "localhost:" : "127.0.0.1:", server_->port());
}

void FakeS3::SetPlan(std::function<S3Fault(const S3Call&)> plan) {
  base::MutexLock lock(mutex_);
  plan_ = std::move(plan);
}

std::map<std::string, std::string> FakeS3::objects() const {
  base::MutexLock lock(mutex_);
  std::map<std::string, std::string> out;
  for (const auto& [key, object] : objects_) {
    out[key] = object.content;
  }
  return out;
}

void FakeS3::PutObject(const std::string& key, std::string content) {
  base::MutexLock lock(mutex_);
  const std::string etag = base::Concat("\"", Hex(Md5(content)), "\"");
  objects_[key] = {std::move(content), etag, clock_.NowMs(), {}};
}

size_t FakeS3::num_open_uploads() const {
  base::MutexLock lock(mutex_);
  return uploads_.size();
}

std::vector<S3Call> FakeS3::calls() const {
  base::MutexLock lock(mutex_);
  return calls_;
}

std::vector<std::string> FakeS3::refusals() const {
  base::MutexLock lock(mutex_);
  return refusals_;
}

FakeS3::Keys FakeS3::keys() const {
  base::MutexLock lock(mutex_);
  return keys_;
}

void FakeS3::ReplaceKeys(const std::string& access_key, const std::string& secret_key,
                         const std::string& token) {
  base::MutexLock lock(mutex_);
  keys_.expired.insert(keys_.access_key);
  keys_.access_key = access_key;
  keys_.secret_key = secret_key;
  keys_.session_token = token;
}

std::string FakeS3::SignatureV2Refusal(const net::HttpRequest& request, const Keys& keys) const {
  const std::string* authorization = request.Header("Authorization");
  const std::string* date = request.Header("Date");
  const auto date_ms = date == nullptr ? std::nullopt : internal::ParseHttpDateMs(*date);
  if (authorization == nullptr || !date_ms.has_value()) {
    return "unsigned request";
  }
  const std::string path = UriEncode(request.path, true);
  const internal::SigningInputV2 input{
      .method = request.method,
      .resource = options_.virtual_hosted ? base::Concat("/", options_.bucket, path) : path,
      .query = request.parameters,
      .headers = request.headers};
  if (*authorization != internal::AuthorizationV2(input, {keys.access_key, keys.secret_key, ""})) {
    return "SignatureDoesNotMatch";
  }
  return std::abs(*date_ms - clock_.NowMs()) > kMaxSkewMs ? "RequestTimeTooSkewed" : "";
}

std::string FakeS3::SignatureRefusal(const net::HttpRequest& request, const Keys& accepted) const {
  const std::string* authorization = request.Header("Authorization");
  const std::string* date = request.Header("X-Amz-Date");
  const std::string* sha256 = request.Header("X-Amz-Content-Sha256");
  if (authorization == nullptr || date == nullptr || sha256 == nullptr) {
    return "unsigned request";
  }
  internal::SigningInput input{.method = request.method,
                               .encoded_path = UriEncode(request.path, true),
                               .canonical_query = internal::CanonicalQuery(request.parameters),
                               .headers = {},
                               .payload_sha256 = *sha256};
  std::set<std::string> names;
  for (const std::string_view name : base::Split(Field(*authorization, "SignedHeaders="), ';')) {
    const std::string* value = request.Header(name);
    if (value == nullptr || !names.insert(std::string(name)).second) {
      return base::Concat("signed header ", name, " is absent or twice");
    }
    input.headers.push_back({std::string(name), *value});
  }
  for (const net::HttpHeader& header : request.headers) {
    const std::string name = base::ToLower(header.name);
    const bool must_be_signed =
        name.starts_with("x-amz-") || name == "host" || name == "content-md5" || name == "range";
    if (must_be_signed && !names.contains(name)) {
      return base::Concat("header ", name, " is not signed");
    }
  }
  const std::vector<std::string_view> scope = base::Split(Field(*authorization, "Credential="), '/');
  if (scope.size() != 5 || scope[2] != options_.region) {
    return "AuthorizationHeaderMalformed";
  }
  if (accepted.expired.contains(std::string(scope[0]))) {
    return "ExpiredToken";
  }
  const internal::S3Credentials keys{accepted.access_key, accepted.secret_key, ""};
  if (*authorization != internal::Authorization(input, keys, options_.region, *date)) {
    return "SignatureDoesNotMatch";
  }
  bool is_recent = false;
  for (int64_t skew_ms = -kMaxSkewMs; skew_ms <= kMaxSkewMs; skew_ms += 1000) {
    is_recent = is_recent || internal::AmzDate(clock_.NowMs() + skew_ms) == *date;
  }
  return is_recent ? "" : "RequestTimeTooSkewed";
}

// Sets `key`; empty when the request is in order.
std::string FakeS3::Refusal(const net::HttpRequest& request, std::string* key) const {
  const Keys accepted = keys();
  if (std::string refusal =
          options_.signature_v2 ? SignatureV2Refusal(request, accepted) : SignatureRefusal(request, accepted);
      !refusal.empty()) {
    return refusal;
  }
  const std::string* sha256 = request.Header("X-Amz-Content-Sha256");
  if (sha256 != nullptr && *sha256 != Hex(Sha256(request.body))) {
    return "XAmzContentSHA256Mismatch";
  }
  const std::string* md5 = request.Header("Content-MD5");
  if (md5 != nullptr && *md5 != Base64(Md5(request.body))) {
    return "BadDigest";
  }
  const std::string* token = request.Header("X-Amz-Security-Token");
  if ((token == nullptr ? "" : *token) != accepted.session_token) {
    return "InvalidToken";
  }
  const std::string prefix = options_.virtual_hosted ? "/" : base::Concat("/", options_.bucket, "/");
  if (!request.path.starts_with(prefix) ||
      (options_.virtual_hosted &&
       *request.Header("Host") != base::Concat(options_.bucket, ".", endpoint()))) {
    return "NoSuchBucket";
  }
  *key = request.path.substr(prefix.size());
  return "";
}

net::HttpResponse FakeS3::Refuse(const std::string& refusal) const {
  const bool other_region = refusal == "AuthorizationHeaderMalformed";
  net::HttpResponse response = Failure(other_region                ? 400
                                       : refusal == "NoSuchBucket" ? 404
                                                                   : 403,
                                       refusal, "refused by the fake server");
  if (other_region) {
    response.headers.push_back({"x-amz-bucket-region", options_.region});
  }
  return response;
}

net::HttpResponse FakeS3::Handle(const net::HttpRequest& request) {
  S3Call call{.method = request.method, .key = {}, .query = request.parameters, .headers = request.headers};
  const std::string refusal = Refusal(request, &call.key);
  std::function<S3Fault(const S3Call&)> plan;
  {
    base::MutexLock lock(mutex_);
    if (!refusal.empty()) {
      refusals_.push_back(refusal);
      return Refuse(refusal);
    }
    call.number = static_cast<int64_t>(calls_.size());
    calls_.push_back(call);
    plan = plan_;
  }
  const S3Fault fault = plan ? plan(call) : S3Fault();
  if (fault.hangs) {
    request.cancel.SleepFor(kHang);
    return Failure(503, "SlowDown");
  }
  net::HttpResponse response;
  if (fault.status == 0 || fault.applied) {
    response = Apply(call, request, fault);
  }
  if (fault.status != 0) {
    response = Failure(fault.status, fault.code);
    if (fault.retry_after_s != 0) {
      response.headers.push_back({"Retry-After", base::Concat(fault.retry_after_s)});
    }
    if (!fault.region.empty()) {
      response.headers.push_back({"x-amz-bucket-region", fault.region});
    }
  }
  if (fault.error_in_success) {
    response = Failure(200, fault.code);
  }
  if (fault.drop_bytes > 0) {
    response.body.resize(response.body.size() -
                         std::min<size_t>(response.body.size(), static_cast<size_t>(fault.drop_bytes)));
  }
  if (fault.flips_byte && !response.body.empty()) {
    response.body[response.body.size() / 2] =
        static_cast<char>(response.body[response.body.size() / 2] ^ 0x20);
  }
  if (fault.breaks) {
    BreakBody(&response);
  }
  return response;
}

net::HttpResponse FakeS3::Apply(const S3Call& call, const net::HttpRequest& request, const S3Fault& fault) {
  base::MutexLock lock(mutex_);
  const std::string upload_id = Value(call.query, "uploadId");
  if (call.key.empty()) {
    return call.method == "GET" ? List(call, fault) : Failure(405, "MethodNotAllowed");
  }
  if (call.method == "GET" || call.method == "HEAD") {
    return ReadObject(call, fault);
  }
  if (call.method == "PUT") {
    return upload_id.empty() ? WriteObject(call, request.body) : WritePart(call, request.body, upload_id);
  }
  if (call.method == "POST") {
    return call.HasQuery("uploads") ? BeginUpload(call) : CompleteUpload(call, request.body);
  }
  if (call.method == "DELETE" && !upload_id.empty()) {
    return AbortUpload(upload_id);
  }
  if (call.method == "DELETE") {
    objects_.erase(call.key);
    return {.status = 204, .content_type = {}, .headers = {}, .body = {}};
  }
  return Failure(405, "MethodNotAllowed");
}

net::HttpResponse FakeS3::ReadObject(const S3Call& call, const S3Fault& fault) {
  const auto found = objects_.find(call.key);
  if (found == objects_.end()) {
    return Failure(404, "NoSuchKey");
  }
  const Object& object = found->second;
  if (!HasCustomerKey(object.headers, call)) {
    return Failure(400, "InvalidRequest");
  }
  net::HttpResponse response{
      .status = 200,
      .content_type = "application/octet-stream",
      .headers = {{"ETag", object.etag}, {"Last-Modified", internal::FormatHttpDate(object.modified_ms)}},
      .body = object.content};
  const std::string* range = call.Header("Range");
  if (range == nullptr || fault.ignores_range) {
    return response;
  }
  const std::vector<std::string_view> ends = base::Split(std::string_view(*range).substr(6), '-');
  const auto size = static_cast<int64_t>(object.content.size());
  const int64_t first = base::ParseInt64(ends[0]).value_or(0) + fault.shift_range;
  const int64_t last = std::min(base::ParseInt64(ends[1]).value_or(0) + fault.shift_range, size - 1);
  if (first >= size) {
    return Failure(416, "InvalidRange");
  }
  response.status = 206;
  response.body = object.content.substr(static_cast<size_t>(first), static_cast<size_t>(last - first + 1));
  response.headers.push_back({"Content-Range", base::Concat("bytes ", first, "-", last, "/", size)});
  return response;
}

net::HttpResponse FakeS3::WriteObject(const S3Call& call, const std::string& body) {
  const std::string etag = base::Concat("\"", Hex(Md5(body)), "\"");
  objects_[call.key] = {body, etag, clock_.NowMs(), KeptHeaders(call)};
  return {.status = 200, .content_type = {}, .headers = {{"ETag", etag}}, .body = {}};
}

net::HttpResponse FakeS3::BeginUpload(const S3Call& call) {
  // With characters that must be encoded in queries.
  const std::string id = base::Concat("upload/", next_upload_++, "+=");
  uploads_[id] = {call.key, KeptHeaders(call), {}};
  return Document(base::Concat("<InitiateMultipartUploadResult><Bucket>", options_.bucket, "</Bucket><Key>",
                               XmlEscape(call.key), "</Key><UploadId>", id,
                               "</UploadId></InitiateMultipartUploadResult>"));
}

net::HttpResponse FakeS3::WritePart(const S3Call& call, const std::string& body,
                                    const std::string& upload_id) {
  const auto found = uploads_.find(upload_id);
  const auto number = base::ParseInt64(Value(call.query, "partNumber"));
  if (found == uploads_.end() || found->second.key != call.key) {
    return Failure(404, "NoSuchUpload");
  }
  if (!number.has_value() || *number < 1 || *number > 10'000 ||
      !HasCustomerKey(found->second.headers, call)) {
    return Failure(400, "InvalidArgument");
  }
  const std::string etag = base::Concat("\"", Hex(Md5(body)), "\"");
  found->second.parts[*number] = {body, etag, clock_.NowMs(), {}};
  return {.status = 200, .content_type = {}, .headers = {{"ETag", etag}}, .body = {}};
}

net::HttpResponse FakeS3::CompleteUpload(const S3Call& call, const std::string& body) {
  const auto found = uploads_.find(Value(call.query, "uploadId"));
  if (found == uploads_.end() || found->second.key != call.key) {
    return Failure(404, "NoSuchUpload");
  }
  const auto root = internal::ParseXml(body);
  if (!root.ok() || root->name != "CompleteMultipartUpload" || root->children.empty()) {
    return Failure(400, "MalformedXML");
  }
  Object object;
  std::string digests;
  int64_t last_number = 0;
  for (const internal::XmlElement& part : root->children) {
    const int64_t number = base::ParseInt64(part.Text("PartNumber")).value_or(0);
    const auto stored = found->second.parts.find(number);
    if (number <= last_number || stored == found->second.parts.end() ||
        stored->second.etag != part.Text("ETag")) {
      return Failure(400, "InvalidPart");
    }
    last_number = number;
    object.content += stored->second.content;
    digests += Md5(stored->second.content);
  }
  object.etag = base::Concat("\"", Hex(Md5(digests)), "-", root->children.size(), "\"");
  object.modified_ms = clock_.NowMs();
  object.headers = found->second.headers;
  const std::string etag = object.etag;
  objects_[call.key] = std::move(object);
  uploads_.erase(found);
  // Servers send white space first, to keep the connection alive.
  return Document(base::Concat("  \n<?xml version=\"1.0\"?><CompleteMultipartUploadResult><ETag>",
                               XmlEscape(etag), "</ETag></CompleteMultipartUploadResult>"));
}

net::HttpResponse FakeS3::AbortUpload(const std::string& upload_id) {
  if (uploads_.erase(upload_id) == 0) {
    return Failure(404, "NoSuchUpload");
  }
  return {.status = 204, .content_type = {}, .headers = {}, .body = {}};
}

net::HttpResponse FakeS3::List(const S3Call& call, const S3Fault& fault) const {
  const bool v1 = Value(call.query, "list-type") != "2" || !options_.knows_list_v2;
  const std::string prefix = Value(call.query, "prefix");
  const std::string delimiter = Value(call.query, "delimiter");
  const std::string after = Value(call.query, v1 ? "marker" : "continuation-token");
  std::map<std::string, bool> entries;  // name to whether it is a directory
  for (const auto& [key, object] : objects_) {
    if (key.starts_with(prefix)) {
      const size_t end = delimiter.empty() ? std::string::npos : key.find(delimiter, prefix.size());
      const std::string name = key.substr(0, end == std::string::npos ? end : end + delimiter.size());
      if (name > after) {
        entries[name] = end != std::string::npos;
      }
    }
  }
  const size_t count = std::min(entries.size(), options_.max_keys);
  std::string body;
  std::string last;
  size_t taken = 0;
  for (const auto& [name, is_directory] : entries) {
    if (taken == count) {
      break;
    }
    ++taken;
    last = name;
    if (fault.drops_entry && taken == 1) {
      continue;
    }
    const std::string encoded = UriEncode(name, true);
    base::Append(body, is_directory ? "<CommonPrefixes><Prefix>" : "<Contents><Key>", encoded,
                 is_directory ? "</Prefix></CommonPrefixes>" : "</Key><Size>1</Size></Contents>");
  }
  const bool truncated = count < entries.size();
  std::string head =
      base::Concat("<?xml version=\"1.0\" encoding=\"UTF-8\"?>",
                   "<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">",
                   "<EncodingType>url</EncodingType><IsTruncated>", truncated, "</IsTruncated>");
  if (!v1) {
    base::Append(head, "<KeyCount>", count, "</KeyCount>");
  }
  if (truncated && !v1) {
    base::Append(head, "<NextContinuationToken>", XmlEscape(last), "</NextContinuationToken>");
  } else if (truncated && options_.sends_next_marker) {
    base::Append(head, "<NextMarker>", UriEncode(last, true), "</NextMarker>");
  }
  return Document(base::Concat(head, body, "</ListBucketResult>"));
}

}  // namespace thanos::objstore
