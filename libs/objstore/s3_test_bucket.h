#pragma once

// An S3 bucket on a fake server, for the tests of what goes over the wire.

#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "objstore/fake_s3.h"
#include "objstore/internal/s3.h"

namespace thanos::objstore {

class S3TestBucket : public ::testing::Test {
 protected:
  // Retries come without noticeable waiting.
  void Start(FakeS3::Options options = {}, internal::S3Config config = {},
             internal::Environment environment = {}) {
    auto fake = FakeS3::Start(std::move(options));
    ASSERT_TRUE(fake.ok()) << fake.status();
    fake_ = *std::move(fake);
    config.bucket = fake_->options().bucket;
    config.endpoint = fake_->endpoint();
    config.insecure = fake_->options().web_config_file.empty();
    if (config.credentials.access_key.empty() && !environment) {
      config.credentials = {fake_->options().access_key, fake_->options().secret_key,
                            fake_->options().session_token};
    }
    internal::S3Bucket::Options bucket_options;
    if (environment) {
      bucket_options.environment = std::move(environment);
    }
    bucket_options.retry.first_backoff = std::chrono::milliseconds(1);
    bucket_options.retry.max_backoff = std::chrono::milliseconds(2);
    auto bucket = internal::S3Bucket::Open(config, bucket_options);
    ASSERT_TRUE(bucket.ok()) << bucket.status();
    bucket_ = *std::move(bucket);
  }
  // The first `times` requests of `method` meet `fault`.
  void FailFirst(int times, const std::string& method, const S3Fault& fault) {
    auto left = std::make_shared<std::atomic<int>>(times);
    fake_->SetPlan([=](const S3Call& call) {
      return call.method == method && left->fetch_sub(1) > 0 ? fault : S3Fault();
    });
  }
  base::StatusOr<std::vector<std::string>> Names(std::string_view directory = "") {
    std::vector<std::string> names;
    TH_RETURN_IF_ERROR(bucket_->List({}, directory, {.recursive = true}, [&](const ListEntry& entry) {
      names.push_back(entry.name);
      return base::OkStatus();
    }));
    return names;
  }
  std::string LastHeader(std::string_view name) {
    const std::vector<S3Call> calls = fake_->calls();
    const std::string* value = calls.empty() ? nullptr : calls.back().Header(name);
    return value == nullptr ? "" : *value;
  }

  std::unique_ptr<FakeS3> fake_;
  std::unique_ptr<Bucket> bucket_;
};

}  // namespace thanos::objstore
