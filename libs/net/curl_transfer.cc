#include "net/curl_transfer.h"

#include <algorithm>
#include <mutex>

#include "base/check.h"
#include "base/strings.h"
#include "net/url.h"

namespace thanos::net {
namespace {

// Body bytes held for the caller before curl is told to wait.
constexpr size_t kBufferBytes = 64 * 1024;
constexpr long kNoMaxAge = 1 << 30;  // seconds
constexpr size_t kMaxHeaderFields = 1000;
constexpr base::Duration kMaxPoll = std::chrono::seconds(1);

void InitCurl() {
  static std::once_flag once;
  std::call_once(once, [] { TH_CHECK(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK); });
}

bool IsLoopback(const std::string& url) {
  const auto parsed = ParseUrl(url);
  return parsed.ok() &&
         (parsed->host == "localhost" || parsed->host == "::1" || parsed->host.starts_with("127."));
}

bool HasHeader(const ClientRequest& request, std::string_view name) {
  return std::any_of(request.headers.begin(), request.headers.end(),
                     [&](const HttpHeader& header) { return base::EqualsIgnoreCase(header.name, name); });
}

bool IsHeaderSafe(std::string_view text) {
  return text.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos;
}

}  // namespace

CurlTransfer::CurlTransfer(const HttpClientOptions& options) : options_(options) {
  InitCurl();
  multi_ = curl_multi_init();
  easy_ = curl_easy_init();
  TH_CHECK(multi_ != nullptr && easy_ != nullptr);
}

CurlTransfer::~CurlTransfer() {
  Detach();
  curl_easy_cleanup(easy_);
  curl_multi_cleanup(multi_);
  curl_slist_free_all(header_list_);
  curl_slist_free_all(connect_to_);
}

void CurlTransfer::Detach() {
  if (attached_) {
    curl_multi_remove_handle(multi_, easy_);
    attached_ = false;
  }
}

void CurlTransfer::SetTls() {
  curl_easy_setopt(easy_, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  if (options_.insecure_skip_verify) {
    curl_easy_setopt(easy_, CURLOPT_SSL_VERIFYPEER, 0L);
    curl_easy_setopt(easy_, CURLOPT_SSL_VERIFYHOST, 0L);
  }
  if (!options_.ca_file.empty()) {
    curl_easy_setopt(easy_, CURLOPT_CAINFO, options_.ca_file.c_str());
  }
  if (!options_.cert_file.empty()) {
    curl_easy_setopt(easy_, CURLOPT_SSLCERT, options_.cert_file.c_str());
    curl_easy_setopt(easy_, CURLOPT_SSLKEY, options_.key_file.c_str());
  }
}

// With a TLS server name curl is given a URL of that host, so that it asks for and verifies that name, and is
// told to connect to the caller's host all the same.
void CurlTransfer::SetUrl(const std::string& url, bool has_host_header) {
  url_ = url;
  curl_slist_free_all(connect_to_);
  connect_to_ = nullptr;
  auto parsed = ParseUrl(url);
  replaces_host_ = parsed.ok() && !options_.tls_server_name.empty() && parsed->scheme == "https";
  if (!replaces_host_) {
    curl_easy_setopt(easy_, CURLOPT_URL, url_.c_str());
    return;
  }
  const std::string host =
      parsed->host.find(':') == std::string::npos ? parsed->host : base::Concat("[", parsed->host, "]");
  connect_to_ = curl_slist_append(nullptr, base::Concat("::", host, ":", parsed->port).c_str());
  curl_easy_setopt(easy_, CURLOPT_CONNECT_TO, connect_to_);
  if (!has_host_header) {
    header_list_ = curl_slist_append(header_list_, base::Concat("Host: ", parsed->Authority()).c_str());
  }
  parsed->host = options_.tls_server_name;
  curl_easy_setopt(easy_, CURLOPT_URL, parsed->ToString().c_str());  // curl keeps a copy
}

void CurlTransfer::SetBodySource(const ClientRequest& request) {
  source_ = request.body_source;
  curl_easy_setopt(easy_, CURLOPT_UPLOAD, 1L);
  curl_easy_setopt(easy_, CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(source_->size_bytes()));
  curl_easy_setopt(easy_, CURLOPT_READFUNCTION, &CurlTransfer::OnRead);
  curl_easy_setopt(easy_, CURLOPT_READDATA, this);
  curl_easy_setopt(easy_, CURLOPT_SEEKFUNCTION, &CurlTransfer::OnSeek);
  curl_easy_setopt(easy_, CURLOPT_SEEKDATA, this);
  curl_easy_setopt(easy_, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  header_list_ = curl_slist_append(header_list_, "Expect:");
}

size_t CurlTransfer::OnRead(char* data, size_t size, size_t count, void* self) {
  auto& transfer = *static_cast<CurlTransfer*>(self);
  const int64_t left = transfer.source_->size_bytes() - transfer.source_offset_;
  const size_t length = std::min(size * count, static_cast<size_t>(left));
  if (length > 0) {
    transfer.source_error_ = transfer.source_->Read(transfer.source_offset_, {data, length});
    if (!transfer.source_error_.ok()) {
      return CURL_READFUNC_ABORT;
    }
  }
  transfer.source_offset_ += static_cast<int64_t>(length);
  return length;
}

// curl goes back to the start when a kept connection turns out to be closed.
int CurlTransfer::OnSeek(void* self, curl_off_t offset, int origin) {
  auto& transfer = *static_cast<CurlTransfer*>(self);
  if (origin != SEEK_SET || offset < 0 || offset > transfer.source_->size_bytes()) {
    return CURL_SEEKFUNC_FAIL;
  }
  transfer.source_offset_ = offset;
  return CURL_SEEKFUNC_OK;
}

void CurlTransfer::SetRequestOptions(const ClientRequest& request) {
  request_body_ = request.body;
  source_ = nullptr;
  source_offset_ = 0;
  source_error_ = base::OkStatus();
  if (request.method == "HEAD") {
    curl_easy_setopt(easy_, CURLOPT_NOBODY, 1L);
  } else if (request.body_source != nullptr && request.body_source->size_bytes() > 0) {
    SetBodySource(request);
  } else if (request.method == "GET" && request.body.empty()) {
    curl_easy_setopt(easy_, CURLOPT_HTTPGET, 1L);
  } else if (request.body.empty() && request.method != "POST" && request.method != "PUT") {
    curl_easy_setopt(easy_, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  } else {
    curl_easy_setopt(easy_, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request_body_.size()));
    curl_easy_setopt(easy_, CURLOPT_POSTFIELDS, request_body_.c_str());
    curl_easy_setopt(easy_, CURLOPT_CUSTOMREQUEST, request.method.c_str());
    header_list_ = curl_slist_append(header_list_, "Expect:");
    if (!HasHeader(request, "content-type")) {
      header_list_ = curl_slist_append(header_list_, "Content-Type:");
    }
  }
  for (const HttpHeader& header : request.headers) {
    // "name;" is how curl is told to send an empty value.
    const std::string line =
        header.value.empty() ? base::Concat(header.name, ";") : base::Concat(header.name, ": ", header.value);
    header_list_ = curl_slist_append(header_list_, line.c_str());
  }
  curl_easy_setopt(easy_, CURLOPT_HTTPHEADER, header_list_);
}

// gzip is asked for and undone here unless the caller deals with encodings or parts of the body itself.
bool CurlTransfer::WantsGzip(const ClientRequest& request) const {
  return !options_.disable_compression && request.method != "HEAD" &&
         !HasHeader(request, "accept-encoding") && !HasHeader(request, "content-encoding") &&
         !HasHeader(request, "range");
}

void CurlTransfer::SetConnectionOptions() {
  curl_easy_setopt(easy_, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy_, CURLOPT_TCP_KEEPALIVE, 1L);
  const auto connect_ms = std::chrono::duration_cast<std::chrono::milliseconds>(options_.connect_timeout);
  curl_easy_setopt(easy_, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(connect_ms.count()));
  const auto idle_s = std::chrono::ceil<std::chrono::seconds>(options_.idle_timeout);
  curl_easy_setopt(easy_, CURLOPT_MAXAGE_CONN,
                   idle_s.count() > 0 ? static_cast<long>(idle_s.count()) : kNoMaxAge);
  if (options_.use_proxy && !options_.proxy_url.empty()) {
    curl_easy_setopt(easy_, CURLOPT_PROXY, options_.proxy_url.c_str());
    curl_easy_setopt(easy_, CURLOPT_NOPROXY, "");
  } else if (!options_.use_proxy || IsLoopback(url_)) {
    curl_easy_setopt(easy_, CURLOPT_PROXY, "");
  }
}

base::Status CurlTransfer::Start(const ClientRequest& request) {
  Detach();
  for (const HttpHeader& header : request.headers) {
    if (!IsHeaderSafe(header.name) || !IsHeaderSafe(header.value)) {
      return base::InvalidArgument("line break in HTTP header ", base::Quote(header.name));
    }
  }
  TH_RETURN_IF_ERROR(ParseUrl(request.url).status());
  curl_easy_reset(easy_);  // keeps connections
  curl_slist_free_all(header_list_);
  header_list_ = nullptr;
  SetUrl(request.url, HasHeader(request, "host"));
  SetRequestOptions(request);
  SetConnectionOptions();
  SetTls();
  decodes_ = WantsGzip(request);
  if (decodes_) {
    curl_easy_setopt(easy_, CURLOPT_ACCEPT_ENCODING, "gzip");
  }
  curl_easy_setopt(easy_, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy_, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  curl_easy_setopt(easy_, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(easy_, CURLOPT_BUFFERSIZE, static_cast<long>(kBufferBytes));
  curl_easy_setopt(easy_, CURLOPT_USERAGENT, options_.user_agent.c_str());
  curl_easy_setopt(easy_, CURLOPT_ERRORBUFFER, error_text_);
  curl_easy_setopt(easy_, CURLOPT_HEADERFUNCTION, &CurlTransfer::OnHeader);
  curl_easy_setopt(easy_, CURLOPT_HEADERDATA, this);
  curl_easy_setopt(easy_, CURLOPT_WRITEFUNCTION, &CurlTransfer::OnBody);
  curl_easy_setopt(easy_, CURLOPT_WRITEDATA, this);
  error_text_[0] = '\0';
  header_complete_ = finished_ = paused_ = false;
  result_ = CURLE_OK;
  status_ = 0;
  headers_.clear();
  buffer_.clear();
  if (curl_multi_add_handle(multi_, easy_) != CURLM_OK) {
    return base::Internal("starting HTTP request");
  }
  attached_ = true;
  return base::OkStatus();
}

size_t CurlTransfer::OnHeader(char* data, size_t size, size_t count, void* self) {
  static_cast<CurlTransfer*>(self)->HandleHeaderLine({data, size * count});
  return size * count;
}

void CurlTransfer::HandleHeaderLine(std::string_view line) {
  line = base::Trim(line);
  if (line.starts_with("HTTP/")) {
    headers_.clear();  // of an interim response
    return;
  }
  if (line.empty()) {
    long code = 0;
    curl_easy_getinfo(easy_, CURLINFO_RESPONSE_CODE, &code);
    status_ = static_cast<int>(code);
    header_complete_ = status_ >= 200;
    if (header_complete_ && decodes_) {
      DropEncodingHeaders();
    }
    return;
  }
  const size_t colon = line.find(':');
  if (colon != std::string_view::npos && headers_.size() < kMaxHeaderFields && !header_complete_) {
    headers_.push_back({std::string(line.substr(0, colon)), std::string(base::Trim(line.substr(colon + 1)))});
  }
}

// The caller sees the decoded body, which these do not describe.
void CurlTransfer::DropEncodingHeaders() {
  const auto is_named = [](std::string_view name) {
    return [name](const HttpHeader& header) { return base::EqualsIgnoreCase(header.name, name); };
  };
  if (std::erase_if(headers_, is_named("content-encoding")) > 0) {
    std::erase_if(headers_, is_named("content-length"));
  }
}

size_t CurlTransfer::OnBody(char* data, size_t size, size_t count, void* self) {
  auto& transfer = *static_cast<CurlTransfer*>(self);
  if (transfer.buffer_.size() >= kBufferBytes) {
    transfer.paused_ = true;
    return CURL_WRITEFUNC_PAUSE;
  }
  transfer.buffer_.append(data, size * count);
  return size * count;
}

base::Status CurlTransfer::Error() const {
  if (!source_error_.ok()) {
    return source_error_;
  }
  const std::string_view detail =
      error_text_[0] != '\0' ? std::string_view(error_text_) : curl_easy_strerror(result_);
  // The query may hold what should not be logged.
  const std::string_view place = std::string_view(url_).substr(0, url_.find('?'));
  if (result_ == CURLE_URL_MALFORMAT || result_ == CURLE_UNSUPPORTED_PROTOCOL) {
    return base::InvalidArgument(place, ": ", detail);
  }
  return base::Unavailable(place, ": ", detail);
}

base::Status CurlTransfer::Perform() {
  int running = 0;
  if (const CURLMcode code = curl_multi_perform(multi_, &running); code != CURLM_OK) {
    return base::Internal("HTTP transfer: ", curl_multi_strerror(code));
  }
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(multi_, &left)) {
    if (message->msg == CURLMSG_DONE) {
      finished_ = true;
      result_ = message->data.result;
    }
  }
  return base::OkStatus();
}

template <typename Done>
base::Status CurlTransfer::Drive(const base::CancelToken& cancel, Done done) {
  const auto registration = cancel.OnCancel([this] { curl_multi_wakeup(multi_); });
  while (true) {
    if (cancel.cancelled()) {
      return cancel.status();
    }
    if (done() || finished_) {
      return base::OkStatus();
    }
    TH_RETURN_IF_ERROR(Perform());
    if (done() || finished_) {
      continue;
    }
    const auto wait = std::chrono::ceil<std::chrono::milliseconds>(cancel.Remaining(kMaxPoll));
    curl_multi_poll(multi_, nullptr, 0, static_cast<int>(wait.count()), nullptr);
  }
}

base::Status CurlTransfer::WaitForHeader(const base::CancelToken& cancel) {
  TH_RETURN_IF_ERROR(Drive(cancel, [this] { return header_complete_; }));
  return finished_ && result_ != CURLE_OK && !header_complete_ ? Error() : base::OkStatus();
}

base::StatusOr<bool> CurlTransfer::Read(const base::CancelToken& cancel, std::string* out) {
  if (paused_ && buffer_.size() < kBufferBytes) {
    paused_ = false;
    curl_easy_pause(easy_, CURLPAUSE_CONT);
  }
  TH_RETURN_IF_ERROR(Drive(cancel, [this] { return !buffer_.empty(); }));
  if (!buffer_.empty()) {
    if (out->empty()) {
      out->swap(buffer_);
    } else {
      *out += buffer_;
    }
    buffer_.clear();
    return true;
  }
  if (result_ != CURLE_OK) {
    return Error();
  }
  return false;
}

// From the header: curl itself would tell only at the end of the body.
std::string CurlTransfer::RedirectUrl() const {
  const auto is_location = [](const HttpHeader& header) {
    return base::EqualsIgnoreCase(header.name, "location");
  };
  const auto location = std::find_if(headers_.begin(), headers_.end(), is_location);
  const std::unique_ptr<CURLU, decltype(&curl_url_cleanup)> url(curl_url(), &curl_url_cleanup);
  char* text = nullptr;
  if (location == headers_.end() || curl_url_set(url.get(), CURLUPART_URL, url_.c_str(), 0) != CURLUE_OK ||
      curl_url_set(url.get(), CURLUPART_URL, location->value.c_str(), 0) != CURLUE_OK ||
      curl_url_get(url.get(), CURLUPART_URL, &text, 0) != CURLUE_OK) {
    return "";
  }
  std::string out = text;
  curl_free(text);
  return out;
}

}  // namespace thanos::net
