#include "config/path_or_content.h"

#include <cstdlib>
#include <fstream>
#include <gtest/gtest.h>

namespace thanos::config {
namespace {

TEST(SubstituteEnvironmentTest, ReplacesSetVariables) {
  setenv("TH_TEST_VALUE", "secret", 1);
  EXPECT_EQ(SubstituteEnvironment("key: $(TH_TEST_VALUE)!").value(), "key: secret!");
  EXPECT_EQ(SubstituteEnvironment("no variables").value(), "no variables");
  EXPECT_EQ(SubstituteEnvironment("a $( b $(x y) $(").value(), "a $( b $(x y) $(");
  EXPECT_EQ(SubstituteEnvironment("").value(), "");
}

TEST(SubstituteEnvironmentTest, UnsetVariablesAreErrors) {
  unsetenv("TH_TEST_UNSET");
  EXPECT_EQ(SubstituteEnvironment("$(TH_TEST_UNSET)").status().code(), base::StatusCode::kInvalidArgument);
}

TEST(PathOrContentTest, ReadsFileOrContentButNotBoth) {
  const std::string path = ::testing::TempDir() + "/path_or_content_test";
  std::ofstream(path) << "from file";
  PathOrContent pair("objstore.config");
  EXPECT_FALSE(pair.is_set());
  EXPECT_EQ(pair.Read().value(), "");
  EXPECT_FALSE(pair.ReadRequired().ok());
  pair.path = path;
  EXPECT_EQ(pair.Read().value(), "from file");
  pair.content = "inline";
  EXPECT_EQ(pair.Read().status().code(), base::StatusCode::kInvalidArgument);
  pair.path.clear();
  EXPECT_EQ(pair.Read().value(), "inline");
}

TEST(PathOrContentTest, MissingFileNamesTheFlag) {
  PathOrContent pair("objstore.config");
  pair.path = "/nonexistent/config.yaml";
  const auto status = pair.Read().status();
  EXPECT_EQ(status.code(), base::StatusCode::kNotFound);
  EXPECT_NE(base::Message(status).find("--objstore.config-file"), std::string_view::npos);
}

TEST(PathOrContentTest, SubstitutesWhenAsked) {
  setenv("TH_TEST_VALUE", "v", 1);
  PathOrContent pair("x", true);
  pair.content = "$(TH_TEST_VALUE)";
  EXPECT_EQ(pair.Read().value(), "v");
  pair.substitute_environment = false;
  EXPECT_EQ(pair.Read().value(), "$(TH_TEST_VALUE)");
}

}  // namespace
}  // namespace thanos::config
