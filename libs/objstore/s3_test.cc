// What the S3 provider sends, and how it reads the answers of a server that behaves.

#include <cstdlib>
#include <fstream>

#include "objstore/internal/digest.h"
#include "objstore/internal/http_date.h"
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
  const std::string path = ::testing::TempDir() + "/s3-upload-file";
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
  Start({.region = "eu-central-1"}, {.region = "us-east-1"});
  EXPECT_EQ(bucket_->Get({}, "object").status().code(), base::StatusCode::kFailedPrecondition);
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
