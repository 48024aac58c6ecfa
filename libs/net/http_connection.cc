#include "net/http_connection.h"

#include <ctime>
#include <event2/buffer.h>
#include <event2/bufferevent_ssl.h>
#include <sys/socket.h>

#include "base/check.h"
#include "base/strings.h"

namespace thanos::net {
namespace {

constexpr base::Duration kHeaderTimeout = std::chrono::seconds(30);
constexpr base::Duration kProgressTimeout = std::chrono::seconds(60);
constexpr base::Duration kLingerTimeout = std::chrono::seconds(2);
constexpr size_t kReadAheadBytes = 256 * 1024;

std::string_view ReasonPhrase(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 204:
      return "No Content";
    case 302:
      return "Found";
    case 304:
      return "Not Modified";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 413:
      return "Request Entity Too Large";
    case 415:
      return "Unsupported Media Type";
    case 422:
      return "Unprocessable Entity";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 499:
      return "Client Closed Request";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "Status";
  }
}

std::string HttpDate() {
  const time_t now = time(nullptr);
  tm parts{};
  gmtime_r(&now, &parts);
  char text[64];
  const size_t length = strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S GMT", &parts);
  return std::string(text, length);
}

// A header value can not end its line, whatever a handler put into it.
void AppendHeader(std::string& out, std::string_view name, std::string_view value) {
  base::Append(out, name, ": ");
  for (const char c : value) {
    out += c == '\r' || c == '\n' || c == '\0' ? ' ' : c;
  }
  out += "\r\n";
}

timeval ToTimeval(base::Duration duration) {
  const auto microseconds = std::chrono::duration_cast<std::chrono::microseconds>(duration).count();
  return {microseconds / 1'000'000, microseconds % 1'000'000};
}

}  // namespace

HttpConnection::HttpConnection(HttpLoop& loop, uint64_t id, EventPtr<bufferevent> stream,
                               std::shared_ptr<const TlsContext> tls, std::string remote_address)
    : loop_(loop),
      id_(id),
      remote_address_(std::move(remote_address)),
      tls_(std::move(tls)),
      stream_(std::move(stream)),
      timer_(evtimer_new(loop.base(), &HttpConnection::OnTimer, this)),
      parser_(loop.options().max_header_bytes, loop.options().max_body_bytes) {
  TH_CHECK(stream_ != nullptr && timer_ != nullptr);
  bufferevent_setcb(stream_.get(), &OnRead, &OnWrite, &OnEvent, this);
  // Reading goes on while a request is handled, to notice the client leaving, but only so far ahead.
  bufferevent_setwatermark(stream_.get(), EV_READ, 0, kReadAheadBytes);
  const timeval progress = ToTimeval(kProgressTimeout);
  bufferevent_set_timeouts(stream_.get(), nullptr, &progress);
  bufferevent_enable(stream_.get(), EV_READ | EV_WRITE);
  ArmTimer(std::min<base::Duration>(loop_.options().idle_timeout, kHeaderTimeout));
}

HttpConnection::~HttpConnection() {
  cancel_.Cancel();
  if (counted_) {
    loop_.sink().Finished();
  }
}

bool HttpConnection::idle() const {
  return !waiting_ && !writing_ && parser_.state() == HttpParser::State::kStart;
}

void HttpConnection::OnRead(bufferevent*, void* self) {
  static_cast<HttpConnection*>(self)->Read();
}
void HttpConnection::OnWrite(bufferevent*, void* self) {
  static_cast<HttpConnection*>(self)->Written();
}
void HttpConnection::OnEvent(bufferevent*, short what, void* self) {
  if ((what & BEV_EVENT_CONNECTED) == 0) {  // that is the end of a TLS handshake
    static_cast<HttpConnection*>(self)->Close();
  }
}
void HttpConnection::OnTimer(int, short, void* self) {
  static_cast<HttpConnection*>(self)->Close();
}

void HttpConnection::Close() {
  loop_.Close(id_);
}

void HttpConnection::ArmTimer(base::Duration after) {
  const timeval delay = ToTimeval(after);
  evtimer_add(timer_.get(), &delay);
}

void HttpConnection::Read() {
  if (waiting_ || writing_) {
    return;
  }
  evbuffer* input = bufferevent_get_input(stream_.get());
  if (lingering_) {
    evbuffer_drain(input, evbuffer_get_length(input));
    return;
  }
  const bool was_at_start = parser_.state() == HttpParser::State::kStart;
  while (evbuffer_get_length(input) > 0) {
    evbuffer_iovec piece;
    if (evbuffer_peek(input, -1, nullptr, &piece, 1) < 1) {
      break;
    }
    const size_t taken = parser_.Feed({static_cast<const char*>(piece.iov_base), piece.iov_len});
    evbuffer_drain(input, taken);
    if (parser_.state() == HttpParser::State::kDone || parser_.state() == HttpParser::State::kError) {
      break;
    }
  }
  switch (parser_.state()) {
    case HttpParser::State::kStart:
      return;
    case HttpParser::State::kHead:
      if (was_at_start) {
        ArmTimer(kHeaderTimeout);
      }
      return;
    case HttpParser::State::kBody:
      ArmTimer(kProgressTimeout);
      if (parser_.TakeExpectContinue()) {
        evbuffer_add_printf(bufferevent_get_output(stream_.get()), "HTTP/1.1 100 Continue\r\n\r\n");
      }
      return;
    case HttpParser::State::kError:
      return Reject();
    case HttpParser::State::kDone:
      break;
  }
  evtimer_del(timer_.get());
  HttpMessage message = parser_.Take();
  keep_alive_ = message.keep_alive;
  http_1_1_ = message.http_1_1;
  head_only_ = message.method == "HEAD";
  waiting_ = true;
  counted_ = true;
  cancel_ = base::CancelSource();
  if (tls_ != nullptr) {
    message.peer_subject = PeerSubjectOf(bufferevent_openssl_get_ssl(stream_.get()));
  }
  loop_.sink().Handle(loop_, id_, remote_address_, std::move(message), cancel_.token());
}

// Answers what could not be parsed and closes: where the next request begins is not known.
void HttpConnection::Reject() {
  evtimer_del(timer_.get());
  keep_alive_ = false;
  waiting_ = true;
  Respond(HttpResponse::Text(parser_.error_status(), base::Concat(parser_.error_text(), "\n")));
}

void HttpConnection::WriteHead(const HttpResponse& response, size_t body_bytes, bool keep_alive) {
  std::string head = base::Concat("HTTP/1.1 ", response.status, " ", ReasonPhrase(response.status), "\r\n");
  const bool has_body = response.status != 204 && response.status != 304;
  if (has_body && !response.content_type.empty()) {
    AppendHeader(head, "Content-Type", response.content_type);
  }
  for (const HttpHeader& header : response.headers) {
    AppendHeader(head, header.name, header.value);
  }
  AppendHeader(head, "Date", HttpDate());
  if (has_body) {
    AppendHeader(head, "Content-Length", base::Concat(body_bytes));
  }
  if (!keep_alive) {
    AppendHeader(head, "Connection", "close");
  } else if (!http_1_1_) {
    AppendHeader(head, "Connection", "keep-alive");
  }
  head += "\r\n";
  bufferevent_write(stream_.get(), head.data(), head.size());
}

void HttpConnection::Respond(HttpResponse response) {
  if (!waiting_) {
    return;
  }
  waiting_ = false;
  writing_ = true;
  keep_alive_ = keep_alive_ && !loop_.sink().stopping();
  WriteHead(response, response.body.size(), keep_alive_);
  if (!head_only_ && !response.body.empty() && response.status != 204 && response.status != 304) {
    auto* body = new std::string(std::move(response.body));
    const auto release = [](const void*, size_t, void* owner) { delete static_cast<std::string*>(owner); };
    if (evbuffer_add_reference(bufferevent_get_output(stream_.get()), body->data(), body->size(), release,
                               body) != 0) {
      delete body;
      keep_alive_ = false;
    }
  }
}

// Tells the client that nothing follows.
void HttpConnection::EndWriting() {
  if (tls_ != nullptr) {
    SSL_shutdown(bufferevent_openssl_get_ssl(stream_.get()));
  }
  shutdown(bufferevent_getfd(stream_.get()), SHUT_WR);
}

// The output buffer is empty.
void HttpConnection::Written() {
  if (!writing_) {
    return;  // an interim response
  }
  writing_ = false;
  head_only_ = false;
  if (counted_) {
    counted_ = false;
    loop_.sink().Finished();
  }
  if (parser_.state() == HttpParser::State::kError && !loop_.sink().stopping()) {
    lingering_ = true;
    EndWriting();
    ArmTimer(kLingerTimeout);
    return Read();
  }
  if (!keep_alive_ || loop_.sink().stopping()) {
    return Close();
  }
  ArmTimer(loop_.options().idle_timeout);
  Read();
}

}  // namespace thanos::net
