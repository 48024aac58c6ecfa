// What the S3 provider sends, and how it reads the answers of a server that behaves.

#include <atomic>
#include <cstdlib>
#include <fstream>
#include <thread>
#include <unistd.h>

#include "net/test_certificates.h"
#include "objstore/internal/digest.h"
#include "objstore/internal/http_date.h"
#include "objstore/internal/s3_error.h"
#include "objstore/internal/s3_list.h"
#include "objstore/s3_test_bucket.h"

namespace thanos::objstore {
namespace {

using internal::S3Config;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

std::string Text(const base::Status& status) {
  return std::string(base::Message(status));
}

class S3Test : public S3TestBucket {};

TEST_F(S3Test, NamesWithSpecialCharactersComeBack) {
  Start({.max_keys = 1});
  const std::vector<std::string> names = {"a b+c%2F/&<>'\"", "a=b?c#d;e", "tab\there",
                                          "\xc3\xa4/\xe2\x82\xac", "~x"};
  for (const std::string& name : names) {
    ASSERT_TRUE(bucket_->Upload({}, name, name).ok()) << name;
    EXPECT_EQ(bucket_->Get({}, name)->bytes, name);
  }
  auto sorted = names;
  std::sort(sorted.begin(), sorted.end());
  const auto listed = Names();
  ASSERT_TRUE(listed.ok()) << listed.status();
  EXPECT_EQ(*listed, sorted);
  EXPECT_THAT(fake_->refusals(), ElementsAre());
}

TEST_F(S3Test, UploadsFilesInParts) {
  Start({}, {.part_size_bytes = 1000});
  std::string content(10'500, 'a');
  content[1000] = 'b';
  content.back() = 'c';
  const std::string path = base::Concat(::testing::TempDir(), "/s3-upload-file-", getpid());
  std::ofstream(path, std::ios::binary) << content;
  ASSERT_TRUE(bucket_->UploadFile({}, "dir/object", path).ok());
  EXPECT_EQ(fake_->objects()["dir/object"], content);
  EXPECT_EQ(fake_->num_open_uploads(), 0U);
  EXPECT_FALSE(bucket_->UploadFile({}, "dir/object", path + "-absent").ok());
  EXPECT_FALSE(bucket_->UploadFile({}, "dir/object", ::testing::TempDir()).ok());
}

TEST_F(S3Test, DisabledMultipartSendsOneRequest) {
  Start({}, {.disable_multipart = true, .part_size_bytes = 1000});
  ASSERT_TRUE(bucket_->Upload({}, "object", std::string(5000, 'a')).ok());
  EXPECT_EQ(fake_->calls().size(), 1U);
}

TEST_F(S3Test, SendsMd5MetadataAndEncryption) {
  Start({}, {.put_user_metadata = {{"X-Amz-Acl", "bucket-owner-full-control"}, {"Team", "obs"}},
             .encryption = S3Config::Encryption::kKms,
             .kms_key_id = "key",
             .kms_encryption_context = {{"b", "\"quoted\""}, {"a", "1"}}});
  ASSERT_TRUE(bucket_->Upload({}, "object", "content").ok());
  EXPECT_EQ(LastHeader("Content-MD5"), internal::Base64(internal::Md5("content")));
  EXPECT_EQ(LastHeader("x-amz-acl"), "bucket-owner-full-control");
  EXPECT_EQ(LastHeader("x-amz-meta-team"), "obs");
  EXPECT_EQ(LastHeader("x-amz-server-side-encryption"), "aws:kms");
  EXPECT_EQ(LastHeader("x-amz-server-side-encryption-aws-kms-key-id"), "key");
  EXPECT_EQ(LastHeader("x-amz-server-side-encryption-context"),
            internal::Base64(R"({"a":"1","b":"\"quoted\""})"));
}

TEST_F(S3Test, ReadsOfCustomerEncryptedObjectsNeedTheKey) {
  Start({}, {.encryption = S3Config::Encryption::kCustomer, .customer_key = std::string(32, 'k')});
  ASSERT_TRUE(bucket_->Upload({}, "object", "content").ok());
  EXPECT_EQ(bucket_->GetRange({}, "object", 1, 2)->bytes, "on");
  fake_->PutObject("plain", "x");
  EXPECT_FALSE(bucket_->Get({}, "plain").ok());
}

TEST_F(S3Test, LearnsTheRegionWhenNoneIsConfigured) {
  Start({.region = "eu-central-1"});
  fake_->PutObject("object", "x");
  EXPECT_EQ(bucket_->Get({}, "object")->bytes, "x");
  EXPECT_EQ(bucket_->Get({}, "object")->bytes, "x");
  EXPECT_THAT(fake_->refusals(), ElementsAre("AuthorizationHeaderMalformed"));
}

TEST_F(S3Test, CorrectsAWrongRegion) {
  Start({.region = "eu-central-1"}, {.region = "us-east-1"});
  EXPECT_EQ(bucket_->Get({}, "object").status().code(), base::StatusCode::kNotFound);
  fake_->PutObject("object", "x");
  EXPECT_EQ(bucket_->Get({}, "object")->bytes, "x");
  EXPECT_THAT(fake_->refusals(), ElementsAre("AuthorizationHeaderMalformed"));
  // What a server says becomes part of a host name only when it looks like a region.
  FailFirst(1, "GET", {.status = 301, .code = "PermanentRedirect", .region = "evil.example/"});
  EXPECT_EQ(bucket_->Get({}, "object").status().code(), base::StatusCode::kFailedPrecondition);
}

TEST_F(S3Test, FollowsPermanentRedirectsToAnotherRegion) {
  Start({.region = "us-east-1"}, {.region = "us-east-1"});
  fake_->PutObject("object", "x");
  FailFirst(1, "GET", {.status = 301, .code = "PermanentRedirect", .region = "eu-west-1"});
  // Signed for eu-west-1, which this server sends back to where the bucket is: given up, not gone round.
  EXPECT_EQ(bucket_->Get({}, "object").status().code(), base::StatusCode::kFailedPrecondition);
  EXPECT_EQ(bucket_->Get({}, "object")->bytes, "x");
}

TEST_F(S3Test, VerifiesTheServersCertificate) {
  const std::string stem = base::Concat(::testing::TempDir(), "/s3_tls-", getpid());
  const net::TestCertificate ca("ca", "DNS:ca", true);
  ca.Write(stem + "_ca");
  net::TestCertificate("server", "DNS:s3.internal", false, &ca).Write(stem);
  net::WriteTextFile(stem + ".yml", base::Concat("tls_server_config: {cert_file: ", stem,
                                                 ".crt, key_file: ", stem, ".key}"));
  const auto get = [&](const net::HttpClientOptions& http) {
    Start({.web_config_file = stem + ".yml"}, {.max_attempts = 1, .http = http});
    fake_->PutObject("object", "x");
    return bucket_->Get({}, "object").status();
  };
  const std::string ca_file = stem + "_ca.crt";
  EXPECT_EQ(get({}).code(), base::StatusCode::kUnavailable);
  EXPECT_EQ(get({.ca_file = ca_file}).code(), base::StatusCode::kUnavailable);
  EXPECT_EQ(get({.ca_file = ca_file, .tls_server_name = "elsewhere"}).code(), base::StatusCode::kUnavailable);
  const base::Status named = get({.ca_file = ca_file, .tls_server_name = "s3.internal"});
  EXPECT_TRUE(named.ok()) << named;
  EXPECT_TRUE(get({.insecure_skip_verify = true}).ok());
}

TEST_F(S3Test, NamesTheClocksWhenTheyDiffer) {
  Start();
  FailFirst(1, "GET", {.status = 403, .code = "RequestTimeTooSkewed"});
  EXPECT_THAT(Text(bucket_->Get({}, "object").status()), HasSubstr("this machine's clock is "));
}

TEST_F(S3Test, UploadsAFewPartsAtATime) {
  Start({}, {.part_size_bytes = 1000});
  std::atomic<int> running = 0;
  std::atomic<int> most = 0;
  fake_->SetPlan([&](const S3Call& call) {
    if (call.HasQuery("partNumber")) {
      const int now = ++running;
      for (int seen = most; seen < now && !most.compare_exchange_weak(seen, now);) {
      }
      // Until another part is there, or for good reason not.
      const auto deadline = base::SteadyNow() + std::chrono::seconds(10);
      while (most < 2 && base::SteadyNow() < deadline) {
        std::this_thread::yield();
      }
      --running;
    }
    return S3Fault();
  });
  std::string content;
  for (int i = 0; i < 9500; ++i) {
    content.push_back(static_cast<char>(i * 31 % 251));
  }
  ASSERT_TRUE(bucket_->Upload({}, "object", content).ok());
  EXPECT_EQ(fake_->objects()["object"], content);
  EXPECT_GE(most, 2);
  EXPECT_LE(most, 4);
}

TEST_F(S3Test, ComparesObjectsWithETagsThatAreDigests) {
  Start();
  fake_->PutObject("object", "content");
  FailFirst(1, "GET", {.flips_byte = true});
  EXPECT_EQ(bucket_->Get({}, "object")->bytes, "content");  // tried again
  FailFirst(100, "GET", {.flips_byte = true});
  EXPECT_EQ(bucket_->Get({}, "object").status().code(), base::StatusCode::kDataLoss);
}

TEST_F(S3Test, OtherETagsAreNoDigests) {
  Start({}, {.part_size_bytes = 1000});
  ASSERT_TRUE(bucket_->Upload({}, "parts", std::string(2500, 'a')).ok());
  EXPECT_EQ(bucket_->Get({}, "parts")->bytes, std::string(2500, 'a'));
  Start({}, {.encryption = S3Config::Encryption::kCustomer, .customer_key = std::string(32, 'k')});
  ASSERT_TRUE(bucket_->Upload({}, "encrypted", "content").ok());
  EXPECT_EQ(bucket_->Get({}, "encrypted")->bytes, "content");
}

TEST_F(S3Test, AsksForObjectsAsTheyAreStored) {
  Start();
  fake_->PutObject("object", "x");
  ASSERT_TRUE(bucket_->Get({}, "object").ok());
  EXPECT_EQ(LastHeader("Accept-Encoding"), "identity");
  ASSERT_TRUE(Names().ok());
  EXPECT_EQ(LastHeader("Accept-Encoding"), "gzip");
}

TEST_F(S3Test, WrongKeysAreRefusedWithoutShowingThem) {
  Start({}, {.credentials = {"wrong-access", "wrong-secret", "wrong-token"}});
  const base::Status status = bucket_->Get({}, "object").status();
  EXPECT_EQ(status.code(), base::StatusCode::kPermissionDenied);
  EXPECT_THAT(Text(status), HasSubstr("SignatureDoesNotMatch"));
  EXPECT_THAT(Text(status), HasSubstr("bucket/object"));
  EXPECT_THAT(Text(status), Not(HasSubstr("wrong")));
}

TEST_F(S3Test, MasksKeysThatTheServerRepeats) {
  Start();
  FailFirst(1, "GET", {.status = 403, .code = fake_->options().secret_key});
  const base::Status status = bucket_->Get({}, "object").status();
  EXPECT_THAT(Text(status), Not(HasSubstr(fake_->options().secret_key)));
  EXPECT_THAT(Text(status), HasSubstr("<secret>"));
}

TEST_F(S3Test, MasksAKeyThatIsAPartOfTheMask) {
  Start({}, {.credentials = {"access", "s", "t"}});
  const base::Status status = bucket_->Get({}, "object").status();
  EXPECT_EQ(status.code(), base::StatusCode::kPermissionDenied);
  EXPECT_THAT(Text(status), HasSubstr("<secret>"));
}

TEST_F(S3Test, AMissingBucketIsNoMissingObject) {
  Start();
  FailFirst(1, "GET", {.status = 404, .code = "NoSuchBucket"});
  const base::Status status = bucket_->Get({}, "object").status();
  EXPECT_EQ(status.code(), base::StatusCode::kFailedPrecondition);
  EXPECT_THAT(Text(status), HasSubstr("NoSuchBucket"));
}

TEST_F(S3Test, DirectoryMarkersAreNoObjects) {
  Start();
  for (const char* name : {"dir/", "dir/object", "dir/sub/", "marker/"}) {
    fake_->PutObject(name, "");
  }
  EXPECT_THAT(*Names(), ElementsAre("dir/object"));
  std::vector<std::string> names;
  ASSERT_TRUE(bucket_
                  ->List({}, "dir", {},
                         [&](const ListEntry& entry) {
                           names.push_back(entry.name);
                           return base::OkStatus();
                         })
                  .ok());
  EXPECT_THAT(names, ElementsAre("dir/object", "dir/sub/"));
}

TEST(S3ListTest, RefusesPagesThatCouldHideObjects) {
  const auto parse = [](std::string_view elements, bool v1 = false) {
    return internal::ParseS3ListPage(v1, "p/",
                                     base::Concat("<ListBucketResult>", elements, "</ListBucketResult>"));
  };
  EXPECT_TRUE(parse("<IsTruncated>false</IsTruncated>").ok());
  EXPECT_EQ(parse("<IsTruncated>true</IsTruncated><Contents><Key>p/a</Key></Contents>", true)->next, "p/a");
  for (const std::string_view bad :
       {"", "<IsTruncated>maybe</IsTruncated>", "<IsTruncated>true</IsTruncated>",
        "<IsTruncated>false</IsTruncated><Contents></Contents>",
        "<IsTruncated>false</IsTruncated><Contents><Key>q/a</Key></Contents>",
        "<IsTruncated>false</IsTruncated><CommonPrefixes><Prefix>p/a</Prefix></CommonPrefixes>",
        "<IsTruncated>false</IsTruncated><KeyCount>1</KeyCount>",
        "<IsTruncated>false</IsTruncated><EncodingType>url</EncodingType><Contents><Key>p/%zz</Key></"
        "Contents>"}) {
    EXPECT_EQ(parse(bad).status().code(), base::StatusCode::kDataLoss) << bad;
  }
  EXPECT_FALSE(internal::ParseS3ListPage(false, "", "<Other><IsTruncated>false</IsTruncated></Other>").ok());
}

TEST(S3ListTest, KnowsPagesOfVersion1) {
  const auto page =
      internal::ParseS3ListPage(false, "",
                                "<ListBucketResult><IsTruncated>true</IsTruncated><Contents><Key>a</Key></"
                                "Contents></ListBucketResult>");
  ASSERT_TRUE(page.ok()) << page.status();
  EXPECT_TRUE(page->is_v1);
  EXPECT_EQ(page->next, "a");
}

TEST(HttpDateTest, ReadsIsoTimes) {
  EXPECT_EQ(internal::ParseIsoTimeMs("1994-11-06T08:49:37Z"), 784111777000);
  EXPECT_EQ(internal::ParseIsoTimeMs("1994-11-06T08:49:37.123Z"), 784111777000);
  for (const std::string_view bad :
       {"", "1994-11-06T08:49:37", "1994-11-06 08:49:37Z", "1994-13-06T08:49:37Z", "1994-11-06T08:49:37.Z",
        "1994-11-06T08:49:37.xZ", "1994-11-06T08:49:3xZ"}) {
    EXPECT_EQ(internal::ParseIsoTimeMs(bad), std::nullopt) << bad;
  }
}

TEST(S3ErrorTest, ReadsHowLongToWait) {
  const auto after = [](const std::string& value) {
    return internal::ReadS3Failure(503, {{"Date", "Sun, 06 Nov 1994 08:49:37 GMT"}, {"Retry-After", value}},
                                   "")
        .retry_after;
  };
  EXPECT_EQ(after("7"), std::chrono::seconds(7));
  EXPECT_EQ(after("Sun, 06 Nov 1994 08:49:57 GMT"), std::chrono::seconds(20));
  EXPECT_EQ(after("Sun, 06 Nov 1994 08:48:57 GMT"), std::chrono::seconds(0));
  EXPECT_EQ(after("soon"), std::chrono::seconds(0));
  EXPECT_EQ(after("99999999"), std::chrono::hours(1));
}

TEST(HttpDateTest, ReadsAndWritesTheOneForm) {
  EXPECT_EQ(internal::ParseHttpDateMs("Sun, 06 Nov 1994 08:49:37 GMT"), 784111777000);
  EXPECT_EQ(internal::FormatHttpDate(784111777000), "Sun, 06 Nov 1994 08:49:37 GMT");
  for (const std::string_view bad :
       {"", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 CET",
        "Sun, 06 Nix 1994 08:49:37 GMT", "Sun, 46 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:3x GMT"}) {
    EXPECT_EQ(internal::ParseHttpDateMs(bad), std::nullopt) << bad;
  }
}

}  // namespace
}  // namespace thanos::objstore
