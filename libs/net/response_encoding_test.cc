#include "net/response_encoding.h"

#include <gtest/gtest.h>

namespace thanos::net {
namespace {

const std::string* FindHeader(const HttpResponse& response, std::string_view name) {
  for (const HttpHeader& header : response.headers) {
    if (header.name == name) {
      return &header.value;
    }
  }
  return nullptr;
}

TEST(AcceptsGzipTest, ReadsQualities) {
  EXPECT_TRUE(AcceptsGzip("gzip"));
  EXPECT_TRUE(AcceptsGzip("deflate, GZip;q=0.5"));
  EXPECT_TRUE(AcceptsGzip("br;q=1, *"));
  EXPECT_FALSE(AcceptsGzip(""));
  EXPECT_FALSE(AcceptsGzip("identity"));
  EXPECT_FALSE(AcceptsGzip("gzip;q=0"));
  EXPECT_FALSE(AcceptsGzip("*, gzip;q=0.000"));
  EXPECT_FALSE(AcceptsGzip("gzip;level=1"));
}

TEST(CompressResponseTest, CompressesLargeTextOnly) {
  HttpResponse large = HttpResponse::Text(200, std::string(5000, 'x'));
  CompressResponse("gzip", &large);
  EXPECT_LT(large.body.size(), 200u);
  ASSERT_NE(FindHeader(large, "Content-Encoding"), nullptr);
  EXPECT_EQ(*FindHeader(large, "Vary"), "Accept-Encoding");

  HttpResponse unasked = HttpResponse::Text(200, std::string(5000, 'x'));
  CompressResponse("", &unasked);
  EXPECT_EQ(unasked.body.size(), 5000u);
  EXPECT_NE(FindHeader(unasked, "Vary"), nullptr);

  HttpResponse small = HttpResponse::Text(200, std::string(1024, 'x'));
  CompressResponse("gzip", &small);
  EXPECT_EQ(small.body.size(), 1024u);

  HttpResponse binary = HttpResponse::Text(200, std::string(5000, 'x'));
  binary.content_type = "application/x-protobuf";
  CompressResponse("gzip", &binary);
  EXPECT_EQ(binary.body.size(), 5000u);

  HttpResponse encoded = HttpResponse::Text(200, std::string(5000, 'x'));
  encoded.headers.push_back({"content-encoding", "br"});
  CompressResponse("gzip", &encoded);
  EXPECT_EQ(encoded.body.size(), 5000u);
}

}  // namespace
}  // namespace thanos::net
