// Every kind of S3 server a bucket may live on, with pages so small that each listing has several.

#include <cstdlib>

#include "objstore/bucket_conformance.h"
#include "objstore/fake_s3.h"
#include "objstore/internal/s3.h"

namespace thanos::objstore {
namespace {

// A bucket together with its server.
class ServedBucket final : public Bucket {
 public:
  ServedBucket(FakeS3::Options options, internal::S3Config config) {
    auto fake = FakeS3::Start(std::move(options));
    EXPECT_TRUE(fake.ok()) << fake.status();
    fake_ = *std::move(fake);
    config.bucket = fake_->options().bucket;
    config.endpoint = fake_->endpoint();
    config.insecure = true;
    config.credentials = {fake_->options().access_key, fake_->options().secret_key,
                          fake_->options().session_token};
    auto bucket = internal::S3Bucket::Open(config, {});
    EXPECT_TRUE(bucket.ok()) << bucket.status();
    bucket_ = *std::move(bucket);
  }
  ~ServedBucket() override {
    EXPECT_THAT(fake_->refusals(), ::testing::ElementsAre());
    EXPECT_EQ(fake_->num_open_uploads(), 0U);
  }

  std::string_view provider() const override { return bucket_->provider(); }
  std::string_view name() const override { return bucket_->name(); }
  base::Status List(const base::CancelToken& cancel, std::string_view directory, const ListOptions& options,
                    const std::function<base::Status(const ListEntry&)>& visit) override {
    return bucket_->List(cancel, directory, options, visit);
  }
  base::StatusOr<base::SharedBytes> Get(const base::CancelToken& cancel, std::string_view name) override {
    return bucket_->Get(cancel, name);
  }
  base::StatusOr<base::SharedBytes> GetRange(const base::CancelToken& cancel, std::string_view name,
                                             int64_t offset, int64_t length) override {
    return bucket_->GetRange(cancel, name, offset, length);
  }
  base::StatusOr<bool> Exists(const base::CancelToken& cancel, std::string_view name) override {
    return bucket_->Exists(cancel, name);
  }
  base::StatusOr<ObjectAttributes> Attributes(const base::CancelToken& cancel,
                                              std::string_view name) override {
    return bucket_->Attributes(cancel, name);
  }
  base::Status Upload(const base::CancelToken& cancel, std::string_view name,
                      std::string_view content) override {
    return bucket_->Upload(cancel, name, content);
  }
  base::Status UploadFile(const base::CancelToken& cancel, std::string_view name,
                          const std::string& local_path) override {
    return bucket_->UploadFile(cancel, name, local_path);
  }
  base::Status Delete(const base::CancelToken& cancel, std::string_view name) override {
    return bucket_->Delete(cancel, name);
  }

 private:
  std::unique_ptr<FakeS3> fake_;
  std::unique_ptr<Bucket> bucket_;
};

std::unique_ptr<Bucket> MakePathStyle() {
  return std::make_unique<ServedBucket>(FakeS3::Options{.session_token = "token/+=", .max_keys = 2},
                                        internal::S3Config{});
}

std::unique_ptr<Bucket> MakeVirtualHosted() {
  setenv("no_proxy", "localhost,127.0.0.1", 1);
  return std::make_unique<ServedBucket>(
      FakeS3::Options{.max_keys = 1, .virtual_hosted = true},
      internal::S3Config{.lookup = internal::S3Config::Lookup::kVirtualHosted});
}

std::unique_ptr<Bucket> MakeListV1() {
  return std::make_unique<ServedBucket>(FakeS3::Options{.region = "eu-west-1", .max_keys = 1},
                                        internal::S3Config{.region = "eu-west-1", .list_v1 = true});
}

std::unique_ptr<Bucket> MakeListV1WithoutMarkers() {
  return std::make_unique<ServedBucket>(FakeS3::Options{.max_keys = 1, .sends_next_marker = false},
                                        internal::S3Config{.list_v1 = true});
}

std::unique_ptr<Bucket> MakeListV1Only() {
  return std::make_unique<ServedBucket>(FakeS3::Options{.max_keys = 1, .knows_list_v2 = false},
                                        internal::S3Config{});
}

std::unique_ptr<Bucket> MakeSignatureV2() {
  return std::make_unique<ServedBucket>(
      FakeS3::Options{.session_token = "token/+=", .max_keys = 2, .signature_v2 = true},
      internal::S3Config{.signature_v2 = true, .part_size_bytes = 64 * 1024});
}

std::unique_ptr<Bucket> MakeVirtualHostedSignatureV2() {
  setenv("no_proxy", "localhost,127.0.0.1", 1);
  return std::make_unique<ServedBucket>(
      FakeS3::Options{.virtual_hosted = true, .signature_v2 = true},
      internal::S3Config{.signature_v2 = true, .lookup = internal::S3Config::Lookup::kVirtualHosted});
}

std::unique_ptr<Bucket> MakeMultipart() {
  return std::make_unique<ServedBucket>(
      FakeS3::Options{}, internal::S3Config{.send_content_md5 = false, .part_size_bytes = 64 * 1024});
}

std::unique_ptr<Bucket> MakeCustomerKey() {
  return std::make_unique<ServedBucket>(
      FakeS3::Options{}, internal::S3Config{.part_size_bytes = 100'000,
                                            .encryption = internal::S3Config::Encryption::kCustomer,
                                            .customer_key = std::string(32, 'k')});
}

INSTANTIATE_TEST_SUITE_P(S3, BucketConformanceTest,
                         ::testing::Values(&MakePathStyle, &MakeVirtualHosted, &MakeListV1,
                                           &MakeListV1WithoutMarkers, &MakeListV1Only, &MakeSignatureV2,
                                           &MakeVirtualHostedSignatureV2, &MakeMultipart, &MakeCustomerKey));

}  // namespace
}  // namespace thanos::objstore
