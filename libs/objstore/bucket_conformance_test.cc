#include "objstore/bucket_conformance.h"

#include <cstdlib>
#include <filesystem>

#include "objstore/fake.h"
#include "objstore/internal/filesystem.h"
#include "objstore/wrappers.h"

namespace thanos::objstore {
namespace {

// A fresh directory below the test's own temporary directory.
std::string FreshDirectory() {
  std::string pattern = ::testing::TempDir() + "/objstore-XXXXXX";
  EXPECT_NE(mkdtemp(pattern.data()), nullptr);
  return pattern;
}

std::unique_ptr<Bucket> MakeMemory() {
  return std::make_unique<MemoryBucket>();
}

std::unique_ptr<Bucket> MakeFilesystem() {
  auto bucket = internal::FilesystemBucket::Open(FreshDirectory());
  EXPECT_TRUE(bucket.ok()) << bucket.status();
  return *std::move(bucket);
}

// Neighbours of the prefix must stay invisible.
std::unique_ptr<Bucket> MakePrefixed() {
  auto inner = MakeMemory();
  EXPECT_TRUE(inner->Upload({}, "some/prefix2/object", "x").ok());
  EXPECT_TRUE(inner->Upload({}, "other", "x").ok());
  return std::make_unique<PrefixBucket>(std::move(inner), "/some/prefix/");
}

std::unique_ptr<Bucket> MakePrefixedFilesystem() {
  return std::make_unique<PrefixBucket>(MakeFilesystem(), "p");
}

std::unique_ptr<Bucket> MakeMetered() {
  return std::make_unique<MeteredBucket>(MakeMemory(), telemetry::NullRegistry());
}

INSTANTIATE_TEST_SUITE_P(Buckets, BucketConformanceTest,
                         ::testing::Values(&MakeMemory, &MakeFilesystem, &MakePrefixed,
                                           &MakePrefixedFilesystem, &MakeMetered));

}  // namespace
}  // namespace thanos::objstore
