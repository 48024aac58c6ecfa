// The same against a server that is not ours. THANOS_TEST_S3_ENDPOINT, _BUCKET, _ACCESS_KEY, _SECRET_KEY and
// _REGION name one that speaks plain HTTP; without them there is nothing to do. tests/integration starts one.

#include <atomic>
#include <cstdlib>
#include <fstream>
#include <unistd.h>

#include "objstore/bucket_conformance.h"
#include "objstore/internal/s3.h"
#include "objstore/wrappers.h"

namespace thanos::objstore {
namespace {

constexpr int64_t kPartBytes = 5 << 20;  // the least that servers take

internal::S3Config ServerConfig() {
  const auto variable = [](const char* name) {
    return internal::ProcessEnvironment(base::Concat("THANOS_TEST_S3_", name)).value_or("");
  };
  internal::S3Config config;
  config.endpoint = variable("ENDPOINT");
  config.bucket = variable("BUCKET");
  config.region = variable("REGION");
  config.credentials = {variable("ACCESS_KEY"), variable("SECRET_KEY"), ""};
  config.insecure = true;
  config.part_size_bytes = kPartBytes;
  config.list_page_size = 2;
  return config;
}

// A folder of its own on the server for each test.
std::unique_ptr<Bucket> Open(const internal::S3Config& config) {
  static std::atomic<int> number = 0;
  auto bucket = internal::S3Bucket::Open(config, {});
  EXPECT_TRUE(bucket.ok()) << bucket.status();
  return std::make_unique<PrefixBucket>(
      *std::move(bucket), base::Concat("test-", getpid(), "-", base::SystemClock().NowMs(), "-", ++number));
}

std::unique_ptr<Bucket> MakeDefault() {
  return Open(ServerConfig());
}

std::unique_ptr<Bucket> MakeListV1() {
  internal::S3Config config = ServerConfig();
  config.list_v1 = true;
  return Open(config);
}

std::unique_ptr<Bucket> MakeSignatureV2() {
  internal::S3Config config = ServerConfig();
  config.signature_v2 = true;
  return Open(config);
}

std::vector<MakeBucket> Makers() {
  if (ServerConfig().endpoint.empty()) {
    return {};
  }
  return {&MakeDefault, &MakeListV1, &MakeSignatureV2};
}

INSTANTIATE_TEST_SUITE_P(RealS3, BucketConformanceTest, ::testing::ValuesIn(Makers()));

class RealS3Test : public ::testing::TestWithParam<MakeBucket> {
 protected:
  std::unique_ptr<Bucket> bucket_ = GetParam()();
};

TEST_P(RealS3Test, UploadsLargeFilesInParts) {
  std::string content(size_t{2 * kPartBytes + 12'345}, '\0');
  for (size_t i = 0; i < content.size(); ++i) {
    content[i] = static_cast<char>(i * 2'654'435'761U >> 13);
  }
  const std::string path = base::Concat(::testing::TempDir(), "/s3-real-large-", getpid());
  std::ofstream(path, std::ios::binary) << content;
  const base::Status uploaded = bucket_->UploadFile({}, "dir/large", path);
  ASSERT_TRUE(uploaded.ok()) << uploaded;
  EXPECT_EQ(bucket_->Attributes({}, "dir/large")->size_bytes, static_cast<int64_t>(content.size()));
  EXPECT_TRUE(bucket_->Get({}, "dir/large")->bytes == content);
  for (const int64_t offset : {int64_t{0}, kPartBytes - 100, 2 * kPartBytes - 1}) {
    const auto range = bucket_->GetRange({}, "dir/large", offset, 1000);
    ASSERT_TRUE(range.ok()) << range.status();
    EXPECT_TRUE(range->bytes == content.substr(static_cast<size_t>(offset), 1000));
  }
  EXPECT_TRUE(bucket_->Delete({}, "dir/large").ok());
}

TEST_P(RealS3Test, CancelledUploadsLeaveNoObject) {
  const std::string content(size_t{2 * kPartBytes}, 'x');
  base::CancelSource source({}, std::chrono::milliseconds(30));
  if (bucket_->Upload(source.token(), "cancelled", content).ok()) {
    return;  // a fast machine
  }
  EXPECT_EQ(*bucket_->Exists({}, "cancelled"), false);
}

TEST_P(RealS3Test, ListsSeveralPages) {
  std::vector<std::string> expected;
  for (const char* name : {" +%\xc3\xa4", "a&b", "c/d", "e?f=g", "h i"}) {
    expected.push_back(base::Concat("many/", name));
    ASSERT_TRUE(bucket_->Upload({}, expected.back(), "x").ok());
  }
  std::vector<std::string> names;
  const base::Status status = bucket_->List({}, "many", {.recursive = true}, [&](const ListEntry& entry) {
    names.push_back(entry.name);
    return base::OkStatus();
  });
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(names, expected);
}

INSTANTIATE_TEST_SUITE_P(RealS3, RealS3Test, ::testing::ValuesIn(Makers()));
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(RealS3Test);

}  // namespace
}  // namespace thanos::objstore
