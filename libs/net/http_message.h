#pragma once

// Private: an incremental, strict HTTP/1.x request parser. Whatever could be framed in two ways is refused.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "net/http_server.h"

namespace thanos::net {

// One request as sent: nothing is decoded yet.
struct HttpMessage {
  std::string method;
  std::string target;
  bool http_1_1 = true;
  bool keep_alive = true;
  std::vector<HttpHeader> headers;
  std::string body;
  size_t num_bytes = 0;  // head and body on the wire
  PeerSubject peer_subject;

  const std::string* Header(std::string_view name) const;
};

class HttpParser {
 public:
  HttpParser(size_t max_header_bytes, size_t max_body_bytes)
      : max_header_bytes_(max_header_bytes), max_body_bytes_(max_body_bytes) {}

  enum class State { kStart, kHead, kBody, kDone, kError };
  // Takes bytes from the front of `data` and returns how many; stops after one request. Call again with the
  // rest plus what came since.
  size_t Feed(std::string_view data);
  State state() const;
  // True once after a head with "Expect: 100-continue" whose body has not come yet.
  bool TakeExpectContinue();
  // At kDone: the request; the parser is ready for the next one.
  HttpMessage Take();
  // At kError: the status and text to answer before closing.
  int error_status() const { return error_status_; }
  const std::string& error_text() const { return error_text_; }

 private:
  enum class Phase { kHead, kLengthBody, kChunkSize, kChunkData, kChunkEnd, kTrailer, kDone, kError };
  size_t FeedHead(std::string_view data);
  size_t FeedLine(std::string_view data, size_t max_bytes, bool* complete);
  void ParseHead();
  bool ParseRequestLine(std::string_view line);
  bool ParseHeaderLine(std::string_view line);
  void ChooseBody();
  void StartChunk();
  void Fail(int status, std::string text);

  const size_t max_header_bytes_;
  const size_t max_body_bytes_;
  Phase phase_ = Phase::kHead;
  HttpMessage message_;
  std::string head_;  // also the current chunk size or trailer line
  size_t remaining_ = 0;
  size_t trailer_bytes_ = 0;
  bool expect_continue_ = false;
  int error_status_ = 0;
  std::string error_text_;
};

}  // namespace thanos::net
