#pragma once

// What every Bucket must do. The tests are in bucket_conformance_test.cc; other files of the same executable
// instantiate them with their own makers:
//
//   INSTANTIATE_TEST_SUITE_P(Memory, BucketConformanceTest, ::testing::Values(&MakeMemoryBucket));

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "objstore/bucket.h"

namespace thanos::objstore {

// Gives an empty bucket.
using MakeBucket = std::unique_ptr<Bucket> (*)();

class BucketConformanceTest : public ::testing::TestWithParam<MakeBucket> {
 protected:
  void Put(const std::string& name, const std::string& content) {
    const base::Status status = bucket_->Upload({}, name, content);
    ASSERT_TRUE(status.ok()) << status;
  }
  std::vector<std::string> Names(std::string_view directory, bool recursive = false) {
    std::vector<std::string> names;
    const base::Status status =
        bucket_->List({}, directory, {.recursive = recursive}, [&](const ListEntry& entry) {
          names.push_back(entry.name);
          return base::OkStatus();
        });
    EXPECT_TRUE(status.ok()) << status;
    return names;
  }

  std::unique_ptr<Bucket> bucket_ = GetParam()();
};

}  // namespace thanos::objstore
