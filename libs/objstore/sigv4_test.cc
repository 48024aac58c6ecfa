#include "objstore/internal/sigv4.h"

#include "gtest/gtest.h"
#include "objstore/internal/digest.h"

// Keys, requests and signatures of the examples in Amazon's S3 API reference, "Signature Calculations for the
// Authorization Header".

namespace thanos::objstore::internal {
namespace {

constexpr std::string_view kEmptySha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
constexpr std::string_view kDate = "20130524T000000Z";

std::string SignatureOf(SigningInput input) {
  const S3Credentials credentials{"AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", ""};
  if (input.payload_sha256.empty()) {
    input.payload_sha256 = std::string(kEmptySha256);
  }
  input.headers.push_back({"Host", "examplebucket.s3.amazonaws.com"});
  input.headers.push_back({"x-amz-content-sha256", input.payload_sha256});
  input.headers.push_back({"X-Amz-Date", std::string(kDate)});
  const std::string value = Authorization(input, credentials, "us-east-1", kDate);
  EXPECT_TRUE(value.starts_with(
      "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, "
      "SignedHeaders="))
      << value;
  return value.substr(value.rfind('=') + 1);
}

TEST(SigV4Test, SignsGetOfARange) {
  EXPECT_EQ(SignatureOf({.method = "GET", .encoded_path = "/test.txt", .headers = {{"Range", "bytes=0-9"}}}),
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
}

TEST(SigV4Test, SignsPut) {
  EXPECT_EQ(SignatureOf({.method = "PUT",
                         .encoded_path = base::Concat("/", UriEncode("test$file.text", true)),
                         .headers = {{"Date", "Fri, 24 May 2013 00:00:00 GMT"},
                                     {"x-amz-storage-class", "REDUCED_REDUNDANCY"}},
                         .payload_sha256 = Hex(Sha256("Welcome to Amazon S3."))}),
            "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");
}

TEST(SigV4Test, SignsAQueryWithoutValue) {
  EXPECT_EQ(
      SignatureOf(
          {.method = "GET", .encoded_path = "/", .canonical_query = CanonicalQuery({{"lifecycle", ""}})}),
      "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
}

TEST(SigV4Test, SignsAListing) {
  EXPECT_EQ(SignatureOf({.method = "GET",
                         .encoded_path = "/",
                         .canonical_query = CanonicalQuery({{"prefix", "J"}, {"max-keys", "2"}})}),
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
}

TEST(SigV4Test, EncodesStrictly) {
  EXPECT_EQ(UriEncode("a/b c+d=\xc3\xa4~_.-%", true), "a/b%20c%2Bd%3D%C3%A4~_.-%25");
  EXPECT_EQ(UriEncode("a/b", false), "a%2Fb");
  // By encoded name, then value: '%' sorts before letters and digits.
  EXPECT_EQ(CanonicalQuery({{"b", "2"}, {"b", "1"}, {"a0", ""}, {"a/", "x y"}}), "a%2F=x%20y&a0=&b=1&b=2");
}

TEST(SigV4Test, CanonicalRequestTrimsValuesAndSortsNames) {
  EXPECT_EQ(CanonicalRequest({.method = "GET",
                              .encoded_path = "/",
                              .headers = {{"X-Amz-Meta-B", "  a   b "}, {"Host", "h"}},
                              .payload_sha256 = "hash"}),
            "GET\n/\n\nhost:h\nx-amz-meta-b:a b\n\nhost;x-amz-meta-b\nhash");
}

TEST(SigV4Test, DatesAreUtc) {
  EXPECT_EQ(AmzDate(1'369'353'600'000), kDate);
  EXPECT_EQ(AmzDate(1'700'000'000'999), "20231114T221320Z");
}

TEST(DigestTest, TextForms) {
  EXPECT_EQ(Hex(Sha256("")), kEmptySha256);
  EXPECT_EQ(Hex(Md5("")), "d41d8cd98f00b204e9800998ecf8427e");
  EXPECT_EQ(Base64(""), "");
  EXPECT_EQ(Base64("a"), "YQ==");
  EXPECT_EQ(Base64("abc"), "YWJj");
}

}  // namespace
}  // namespace thanos::objstore::internal
