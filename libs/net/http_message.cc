#include "net/http_message.h"

#include <algorithm>

#include "base/check.h"
#include "base/strings.h"

namespace thanos::net {
namespace {

constexpr size_t kMaxHeaders = 100;
constexpr size_t kMaxChunkLineBytes = 1024;

// RFC 9110 token characters.
bool IsToken(std::string_view text) {
  constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           kMarks.find(c) != std::string_view::npos;
  });
}

bool IsFieldText(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte == '\t' || (byte >= 0x20 && byte != 0x7f);
  });
}

bool IsTarget(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte > 0x20 && byte != 0x7f;
  });
}

// Whether a comma-separated header value has `token`, in any case.
bool HasToken(std::string_view list, std::string_view token) {
  for (const std::string_view piece : base::Split(list, ',')) {
    if (base::EqualsIgnoreCase(base::Trim(piece), token)) {
      return true;
    }
  }
  return false;
}

}  // namespace

const std::string* HttpMessage::Header(std::string_view name) const {
  for (const HttpHeader& header : headers) {
    if (base::EqualsIgnoreCase(header.name, name)) {
      return &header.value;
    }
  }
  return nullptr;
}

HttpParser::State HttpParser::state() const {
  switch (phase_) {
    case Phase::kHead:
      return head_.empty() ? State::kStart : State::kHead;
    case Phase::kDone:
      return State::kDone;
    case Phase::kError:
      return State::kError;
    default:
      return State::kBody;
  }
}

bool HttpParser::TakeExpectContinue() {
  const bool wanted = expect_continue_ && state() == State::kBody;
  expect_continue_ = false;
  return wanted;
}

HttpMessage HttpParser::Take() {
  TH_CHECK(phase_ == Phase::kDone);
  HttpMessage out = std::move(message_);
  message_ = HttpMessage();
  phase_ = Phase::kHead;
  head_.clear();
  expect_continue_ = false;
  return out;
}

void HttpParser::Fail(int status, std::string text) {
  phase_ = Phase::kError;
  error_status_ = status;
  error_text_ = std::move(text);
}

size_t HttpParser::Feed(std::string_view data) {
  size_t consumed = 0;
  while (consumed < data.size() && phase_ != Phase::kDone && phase_ != Phase::kError) {
    const std::string_view rest = data.substr(consumed);
    size_t taken = 0;
    bool complete = false;
    switch (phase_) {
      case Phase::kHead:
        taken = FeedHead(rest);
        break;
      case Phase::kLengthBody:
      case Phase::kChunkData:
        taken = std::min(rest.size(), remaining_);
        message_.body.append(rest.substr(0, taken));
        remaining_ -= taken;
        if (remaining_ == 0) {
          phase_ = phase_ == Phase::kLengthBody ? Phase::kDone : Phase::kChunkEnd;
        }
        break;
      case Phase::kChunkSize:
        taken = FeedLine(rest, kMaxChunkLineBytes, &complete);
        if (complete) {
          StartChunk();
        }
        break;
      case Phase::kChunkEnd:
        taken = FeedLine(rest, 2, &complete);
        if (complete) {
          phase_ = Phase::kChunkSize;
        }
        break;
      case Phase::kTrailer:
        taken = FeedLine(rest, max_header_bytes_ - trailer_bytes_, &complete);
        trailer_bytes_ += taken;
        if (complete) {
          phase_ = head_.empty() ? Phase::kDone : Phase::kTrailer;  // trailer fields are dropped
          head_.clear();
        }
        break;
      case Phase::kDone:
      case Phase::kError:
        break;
    }
    message_.num_bytes += taken;
    consumed += taken;
  }
  return consumed;
}

size_t HttpParser::FeedHead(std::string_view data) {
  const size_t before = head_.size();
  const size_t room = max_header_bytes_ - std::min(before, max_header_bytes_);
  const std::string_view added = data.substr(0, room + 1);
  head_ += added;
  // Empty lines before the request line are allowed.
  size_t begin = 0;
  while (std::string_view(head_).substr(begin).starts_with("\r\n")) {
    begin += 2;
  }
  const size_t end = head_.find("\r\n\r\n", std::max(begin, before < 3 ? 0 : before - 3));
  if (end == std::string::npos) {
    head_.erase(0, begin);
    if (head_.size() > max_header_bytes_) {
      Fail(431, "request header is larger than the limit");
    }
    return added.size();
  }
  const size_t taken = end + 4 - before;
  head_.resize(end + 2);  // each line keeps its CRLF
  head_.erase(0, begin);
  ParseHead();
  return taken;
}

void HttpParser::ParseHead() {
  std::string_view rest = head_;
  bool first = true;
  while (!rest.empty()) {
    const size_t end = rest.find("\r\n");
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(end + 2);
    if (first ? !ParseRequestLine(line) : !ParseHeaderLine(line)) {
      return;
    }
    first = false;
  }
  head_.clear();
  ChooseBody();
}

bool HttpParser::ParseRequestLine(std::string_view line) {
  const auto parts = base::Split(line, ' ');
  if (parts.size() != 3 || !IsToken(parts[0]) || !IsTarget(parts[1])) {
    Fail(400, "malformed request line");
    return false;
  }
  if (parts[2] != "HTTP/1.1" && parts[2] != "HTTP/1.0") {
    Fail(parts[2].starts_with("HTTP/") ? 505 : 400, "unsupported protocol version");
    return false;
  }
  message_.method = std::string(parts[0]);
  message_.target = std::string(parts[1]);
  message_.http_1_1 = parts[2] == "HTTP/1.1";
  return true;
}

bool HttpParser::ParseHeaderLine(std::string_view line) {
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos || !IsToken(line.substr(0, colon)) ||
      !IsFieldText(line.substr(colon + 1))) {
    Fail(400, "malformed header line");
    return false;
  }
  if (message_.headers.size() >= kMaxHeaders) {
    Fail(431, "too many header fields");
    return false;
  }
  message_.headers.push_back(
      {std::string(line.substr(0, colon)), std::string(base::Trim(line.substr(colon + 1)))});
  return true;
}

void HttpParser::ChooseBody() {
  int num_lengths = 0;
  int num_encodings = 0;
  int num_hosts = 0;
  std::string_view length_text;
  std::string_view encoding;
  std::string_view connection;
  for (const HttpHeader& header : message_.headers) {
    if (base::EqualsIgnoreCase(header.name, "content-length")) {
      ++num_lengths;
      length_text = header.value;
    } else if (base::EqualsIgnoreCase(header.name, "transfer-encoding")) {
      ++num_encodings;
      encoding = header.value;
    } else if (base::EqualsIgnoreCase(header.name, "host")) {
      ++num_hosts;
    } else if (base::EqualsIgnoreCase(header.name, "connection")) {
      connection = header.value;
    } else if (base::EqualsIgnoreCase(header.name, "expect")) {
      expect_continue_ = base::EqualsIgnoreCase(header.value, "100-continue");
    }
  }
  message_.keep_alive =
      message_.http_1_1 ? !HasToken(connection, "close") : HasToken(connection, "keep-alive");
  if (num_hosts > 1 || (num_hosts == 0 && message_.http_1_1)) {
    return Fail(400, "exactly one Host header is required");
  }
  if (num_lengths > 1 || num_encodings > 1 || (num_lengths > 0 && num_encodings > 0)) {
    return Fail(400, "ambiguous message length");
  }
  if (num_encodings > 0) {
    if (!message_.http_1_1 || !base::EqualsIgnoreCase(encoding, "chunked")) {
      return Fail(message_.http_1_1 ? 501 : 400, "unsupported transfer encoding");
    }
    phase_ = Phase::kChunkSize;
    return;
  }
  uint64_t length = 0;
  if (num_lengths > 0) {
    const bool digits = !length_text.empty() && std::all_of(length_text.begin(), length_text.end(),
                                                            [](char c) { return c >= '0' && c <= '9'; });
    const auto parsed = digits ? base::ParseUint64(length_text) : std::nullopt;
    if (!parsed.has_value()) {
      return Fail(400, "malformed Content-Length");
    }
    length = *parsed;
  }
  if (length > max_body_bytes_) {
    return Fail(413, "request body is larger than the limit");
  }
  remaining_ = length;
  phase_ = length == 0 ? Phase::kDone : Phase::kLengthBody;
}

// Collects a line in head_ without its CRLF.
size_t HttpParser::FeedLine(std::string_view data, size_t max_bytes, bool* complete) {
  size_t taken = 0;
  while (taken < data.size()) {
    const char c = data[taken++];
    head_ += c;
    if (head_.size() > max_bytes) {
      Fail(400, "malformed chunk");
      return taken;
    }
    if (c == '\n') {
      if (!head_.ends_with("\r\n") || (phase_ == Phase::kChunkEnd && head_.size() != 2)) {
        Fail(400, "malformed chunk");
        return taken;
      }
      head_.resize(head_.size() - 2);
      *complete = true;
      return taken;
    }
  }
  return taken;
}

void HttpParser::StartChunk() {
  std::string_view text = head_;
  text = text.substr(0, text.find(';'));  // extensions are ignored
  uint64_t size = 0;
  bool valid = !text.empty() && text.size() <= 16;
  for (const char c : text) {
    const int digit = c >= '0' && c <= '9'   ? c - '0'
                      : c >= 'a' && c <= 'f' ? c - 'a' + 10
                      : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                             : -1;
    valid &= digit >= 0;
    size = size * 16 + static_cast<uint64_t>(std::max(digit, 0));
  }
  if (!valid || !IsFieldText(head_)) {
    return Fail(400, "malformed chunk size");
  }
  if (size > max_body_bytes_ - message_.body.size()) {
    return Fail(413, "request body is larger than the limit");
  }
  head_.clear();
  remaining_ = size;
  phase_ = size == 0 ? Phase::kTrailer : Phase::kChunkData;
}

}  // namespace thanos::net
