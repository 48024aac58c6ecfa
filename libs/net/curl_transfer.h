#pragma once

// Private: one curl handle with its connection, driven on the caller's thread.

#include <curl/curl.h>
#include <memory>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/status.h"
#include "net/http_client.h"

namespace thanos::net {

// Used for one request at a time, again and again: the multi handle keeps the connection. Not thread-safe.
class CurlTransfer {
 public:
  explicit CurlTransfer(const HttpClientOptions& options);
  ~CurlTransfer();
  CurlTransfer(const CurlTransfer&) = delete;
  CurlTransfer& operator=(const CurlTransfer&) = delete;

  // Begins `request`; ends the one before.
  base::Status Start(const ClientRequest& request);
  // Waits for the response's header.
  base::Status WaitForHeader(const base::CancelToken& cancel);
  // As BodyStream::Read.
  base::StatusOr<bool> Read(const base::CancelToken& cancel, std::string* out);

  int status() const { return status_; }
  const std::vector<HttpHeader>& headers() const { return headers_; }
  // The absolute address a 3xx response points to; empty when there is none.
  std::string RedirectUrl() const;
  // True when the response was read to its end, so that the connection can be used again.
  bool complete() const { return finished_ && result_ == CURLE_OK && buffer_.empty(); }

 private:
  static size_t OnHeader(char* data, size_t size, size_t count, void* self);
  static size_t OnBody(char* data, size_t size, size_t count, void* self);
  static size_t OnRead(char* data, size_t size, size_t count, void* self);
  static int OnSeek(void* self, curl_off_t offset, int origin);
  void SetUrl(const std::string& url, bool has_host_header);
  void SetRequestOptions(const ClientRequest& request);
  void SetBodySource(const ClientRequest& request);
  void SetConnectionOptions();
  void SetTls();
  void Detach();
  bool WantsGzip(const ClientRequest& request) const;
  void DropEncodingHeaders();
  void HandleHeaderLine(std::string_view line);
  // Runs the transfer until `done` holds or it ends or `cancel` does.
  template <typename Done>
  base::Status Drive(const base::CancelToken& cancel, Done done);
  base::Status Perform();
  base::Status Error() const;

  const HttpClientOptions& options_;
  CURLM* multi_;
  CURL* easy_;
  curl_slist* header_list_ = nullptr;
  curl_slist* connect_to_ = nullptr;
  std::string url_;             // the caller's
  bool replaces_host_ = false;  // curl's has the TLS server name as its host
  std::string request_body_;
  const BodySource* source_ = nullptr;
  int64_t source_offset_ = 0;
  base::Status source_error_;
  char error_text_[CURL_ERROR_SIZE] = {};
  bool attached_ = false;
  bool decodes_ = false;
  bool header_complete_ = false;
  bool finished_ = false;
  bool paused_ = false;
  CURLcode result_ = CURLE_OK;
  int status_ = 0;
  std::vector<HttpHeader> headers_;
  std::string buffer_;  // body bytes not read yet
};

}  // namespace thanos::net
