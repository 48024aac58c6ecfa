#include "objstore/internal/sigv2.h"

#include "gtest/gtest.h"

// Keys, requests and signatures of the examples in Amazon's S3 developer guide, "Signing and Authenticating
// REST Requests".

namespace thanos::objstore::internal {
namespace {

std::string SignatureOf(const SigningInputV2& input) {
  const std::string value =
      AuthorizationV2(input, {"AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", ""});
  EXPECT_TRUE(value.starts_with("AWS AKIAIOSFODNN7EXAMPLE:")) << value;
  return value.substr(value.find(':') + 1);
}

TEST(SigV2Test, SignsGet) {
  EXPECT_EQ(SignatureOf({.method = "GET",
                         .resource = "/awsexamplebucket1/photos/puppy.jpg",
                         .headers = {{"Date", "Tue, 27 Mar 2007 19:36:42 +0000"}}}),
            "qgk2+6Sv9/oM7G3qLEjTH1a1l1g=");
}

TEST(SigV2Test, SignsPut) {
  EXPECT_EQ(SignatureOf({.method = "PUT",
                         .resource = "/awsexamplebucket1/photos/puppy.jpg",
                         .headers = {{"Content-Type", "image/jpeg"},
                                     {"Content-Length", "94328"},
                                     {"Date", "Tue, 27 Mar 2007 21:15:45 +0000"}}}),
            "iqRzw+ileNPu1fhspnRs8nOjjIA=");
}

TEST(SigV2Test, SignsAListingWithoutItsParameters) {
  EXPECT_EQ(SignatureOf({.method = "GET",
                         .resource = "/awsexamplebucket1/",
                         .query = {{"prefix", "photos"}, {"max-keys", "50"}, {"marker", "puppy"}},
                         .headers = {{"Date", "Tue, 27 Mar 2007 19:42:41 +0000"}}}),
            "m0WP8eCtspQl5Ahe6L1SozdX9YA=");
}

TEST(SigV2Test, SignsSubresourcesAndAmazonsHeaders) {
  EXPECT_EQ(
      StringToSignV2({.method = "PUT",
                      .resource = "/b/k",
                      .query = {{"uploadId", "a/+="}, {"partNumber", "2"}, {"prefix", "x"}, {"acl", ""}},
                      .headers = {{"X-Amz-Meta-B", " two "},
                                  {"x-amz-meta-a", "1"},
                                  {"Host", "h"},
                                  {"Content-MD5", "md5"},
                                  {"Date", "today"}}}),
      "PUT\nmd5\n\ntoday\nx-amz-meta-a:1\nx-amz-meta-b:two\n/b/k?acl&partNumber=2&uploadId=a/+=");
}

}  // namespace
}  // namespace thanos::objstore::internal
