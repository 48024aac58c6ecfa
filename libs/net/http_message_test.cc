#include "net/http_message.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace thanos::net {
namespace {

using std::string_literals::operator""s;

constexpr size_t kHeaderLimit = 1000;
constexpr size_t kBodyLimit = 100;

// Feeds `text` in pieces of `piece` bytes until the first request ends; `rest` gets what is left.
HttpParser ParseInPieces(std::string_view text, size_t piece, std::string* rest = nullptr) {
  HttpParser parser(kHeaderLimit, kBodyLimit);
  size_t position = 0;
  size_t available = 0;
  while (parser.state() != HttpParser::State::kDone && parser.state() != HttpParser::State::kError &&
         available < text.size()) {
    available = std::min(text.size(), std::max(available, position) + piece);
    position += parser.Feed(text.substr(position, available - position));
  }
  if (rest != nullptr) {
    *rest = std::string(text.substr(position));
  }
  return parser;
}

TEST(HttpParserTest, ParsesInPiecesOfAnySize) {
  const std::string text =
      "\r\nPOST /a?b=c HTTP/1.1\r\nHost: h\r\nX-Two: 1\r\nx-two:  spaced \t\r\nContent-Length: "
      "5\r\n\r\nhelloGET ";
  for (size_t piece = 1; piece <= text.size(); ++piece) {
    std::string rest;
    HttpParser parser = ParseInPieces(text, piece, &rest);
    ASSERT_EQ(parser.state(), HttpParser::State::kDone) << piece << parser.error_text();
    const HttpMessage message = parser.Take();
    EXPECT_EQ(message.method, "POST");
    EXPECT_EQ(message.target, "/a?b=c");
    EXPECT_EQ(message.body, "hello");
    EXPECT_TRUE(message.keep_alive);
    ASSERT_EQ(message.headers.size(), 4u);
    EXPECT_EQ(message.headers[2].value, "spaced");
    EXPECT_EQ(rest, "GET ");
    EXPECT_EQ(message.num_bytes, text.size() - 4);
  }
}

TEST(HttpParserTest, JoinsChunks) {
  const std::string text =
      "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: "
      "Chunked\r\n\r\n3;ext=1\r\nabc\r\nA\r\n0123456789\r\n0\r\nX: y\r\n\r\n";
  for (size_t piece = 1; piece <= text.size(); ++piece) {
    HttpParser parser = ParseInPieces(text, piece);
    ASSERT_EQ(parser.state(), HttpParser::State::kDone) << piece << parser.error_text();
    EXPECT_EQ(parser.Take().body, "abc0123456789");
  }
}

TEST(HttpParserTest, KnowsWhenTheConnectionStays) {
  const auto keep = [](const std::string& text) {
    HttpParser parser = ParseInPieces(text, text.size());
    return parser.Take().keep_alive;
  };
  EXPECT_TRUE(keep("GET / HTTP/1.1\r\nHost: h\r\n\r\n"));
  EXPECT_FALSE(keep("GET / HTTP/1.1\r\nHost: h\r\nConnection: x, Close\r\n\r\n"));
  EXPECT_FALSE(keep("GET / HTTP/1.0\r\n\r\n"));
  EXPECT_TRUE(keep("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"));
}

struct ErrorCase {
  std::string text;
  int status;
};

TEST(HttpParserTest, RefusesMalformedAndAmbiguousRequests) {
  const std::string head = "POST / HTTP/1.1\r\nHost: h\r\n";
  const std::vector<ErrorCase> cases = {
      {"GET /\r\n\r\n", 400},
      {"GET  / HTTP/1.1\r\nHost: h\r\n\r\n", 400},
      {"G@T / HTTP/1.1\r\nHost: h\r\n\r\n", 400},
      {"GET / HTTP/2.0\r\nHost: h\r\n\r\n", 505},
      {"PRI * HTTP/2.0\r\n\r\n", 505},
      {"GET / HTTP/1.1\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: h\r\nX : 1\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: h\r\nX: 1\r\n folded\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: h\nX: 1\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: h\r\nX: \0\r\n\r\n"s, 400},
      {"GET /\x01 HTTP/1.1\r\nHost: h\r\n\r\n", 400},
      {head + "Content-Length: 1\r\nContent-Length: 1\r\n\r\nx", 400},
      {head + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
      {head + "Content-Length: +1\r\n\r\nx", 400},
      {head + "Content-Length: 1,1\r\n\r\nx", 400},
      {head + "Content-Length: \r\n\r\nx", 400},
      {head + "Content-Length: 99999999999999999999999\r\n\r\nx", 400},
      {head + "Content-Length: 101\r\n\r\n", 413},
      {head + "Transfer-Encoding: gzip, chunked\r\n\r\n", 501},
      {head + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
      {"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
      {head + "Transfer-Encoding: chunked\r\n\r\nx\r\n", 400},
      {head + "Transfer-Encoding: chunked\r\n\r\n\r\n", 400},
      {head + "Transfer-Encoding: chunked\r\n\r\n1\nx\r\n", 400},
      {head + "Transfer-Encoding: chunked\r\n\r\n1\r\nxy\r\n", 400},
      {head + "Transfer-Encoding: chunked\r\n\r\n65\r\n", 413},
      {head + "Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n", 413},
      {head + "Transfer-Encoding: chunked\r\n\r\n11111111111111111\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: " + std::string(kHeaderLimit, 'x'), 431}};
  for (const ErrorCase& test : cases) {
    for (const size_t piece : {size_t{1}, test.text.size()}) {
      HttpParser parser = ParseInPieces(test.text, piece);
      EXPECT_EQ(parser.state(), HttpParser::State::kError) << test.text;
      EXPECT_EQ(parser.error_status(), test.status) << test.text << parser.error_text();
    }
  }
}

TEST(HttpParserTest, LimitsHeaderCount) {
  std::string text = "GET / HTTP/1.1\r\nHost: h\r\n";
  for (int i = 0; i < 100; ++i) {
    text += "a: b\r\n";
  }
  EXPECT_EQ(ParseInPieces(text + "\r\n", 10).error_status(), 431);
}

TEST(HttpParserTest, AsksForTheBodyOnce) {
  HttpParser parser(kHeaderLimit, kBodyLimit);
  parser.Feed("POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  EXPECT_TRUE(parser.TakeExpectContinue());
  EXPECT_FALSE(parser.TakeExpectContinue());
  parser.Feed("ab");
  EXPECT_EQ(parser.state(), HttpParser::State::kDone);
}

}  // namespace
}  // namespace thanos::net
