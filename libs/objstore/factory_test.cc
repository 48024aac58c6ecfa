#include "objstore/factory.h"

#include <cstdlib>
#include <filesystem>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace thanos::objstore {
namespace {

using ::testing::HasSubstr;

base::Status ErrorOf(std::string_view yaml) {
  return FromConfig(yaml, telemetry::NullRegistry()).status();
}

TEST(FactoryTest, OpensAFilesystemBucketBelowItsPrefix) {
  std::string directory = ::testing::TempDir() + "/factory-XXXXXX";
  ASSERT_NE(mkdtemp(directory.data()), nullptr);
  const auto bucket =
      FromConfig(base::Concat("type: filesystem\nconfig:\n  directory: ", directory, "\nprefix: /a/b/\n"),
                 telemetry::NullRegistry());
  ASSERT_TRUE(bucket.ok()) << bucket.status();
  EXPECT_EQ((*bucket)->provider(), "FILESYSTEM");
  ASSERT_TRUE((*bucket)->Upload({}, "object", "x").ok());
  EXPECT_TRUE(std::filesystem::exists(directory + "/a/b/object"));
  std::filesystem::remove_all(directory);
}

TEST(FactoryTest, NamesWhatIsWrong) {
  EXPECT_THAT(std::string(base::Message(ErrorOf("type: S3\nconfig: {bucket: x}"))), HasSubstr("endpoint"));
  EXPECT_THAT(std::string(base::Message(ErrorOf("type: GCS\nconfig: {bucket: x}"))), HasSubstr("GCS"));
  EXPECT_THAT(std::string(base::Message(ErrorOf("type: TAPE"))), HasSubstr("TAPE"));
  EXPECT_THAT(
      std::string(base::Message(ErrorOf("type: FILESYSTEM\nconfig: {directory: /tmp/x, colour: red}"))),
      HasSubstr("colour"));
  EXPECT_THAT(std::string(base::Message(ErrorOf("type: FILESYSTEM\nsuffix: x"))), HasSubstr("suffix"));
  EXPECT_THAT(std::string(base::Message(ErrorOf("type: FILESYSTEM"))), HasSubstr("directory"));
  EXPECT_FALSE(ErrorOf("").ok());
  EXPECT_FALSE(ErrorOf(": [").ok());
}

}  // namespace
}  // namespace thanos::objstore
