#include "shipper/uploaded_list.h"

#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <string>

namespace thanos::shipper {
namespace {

const model::Ulid kFirst = *model::Ulid::Parse("01M7WW01ZT86JFQ3AFF12PGR36");
const model::Ulid kSecond = *model::Ulid::Parse("01M7WW02150ZGF76DNP2TAP206");

TEST(UploadedListTest, HasTheFormOfThanos) {
  EXPECT_EQ(FormatUploadedList({kFirst, kSecond}),
            "{\n\t\"version\": 1,\n\t\"uploaded\": [\n\t\t\"01M7WW01ZT86JFQ3AFF12PGR36\",\n"
            "\t\t\"01M7WW02150ZGF76DNP2TAP206\"\n\t]\n}\n");
  EXPECT_EQ(FormatUploadedList({}), "{\n\t\"version\": 1,\n\t\"uploaded\": []\n}\n");
}

TEST(UploadedListTest, ReadsWhatItWrites) {
  const std::string directory = testing::TempDir() + "/uploaded_list_test";
  std::filesystem::create_directories(directory);
  const std::string path = directory + "/thanos.shipper.json";
  std::filesystem::remove(path);
  EXPECT_EQ(ReadUploadedList(path).status().code(), base::StatusCode::kNotFound);
  ASSERT_TRUE(WriteUploadedList(path, {kFirst}).ok());
  ASSERT_TRUE(WriteUploadedList(path, {kFirst, kSecond}).ok());
  const auto uploaded = ReadUploadedList(path);
  ASSERT_TRUE(uploaded.ok()) << uploaded.status();
  EXPECT_EQ(*uploaded, (std::vector<model::Ulid>{kFirst, kSecond}));
  EXPECT_FALSE(std::filesystem::exists(path + ".tmp"));
}

TEST(UploadedListTest, RefusesOtherShapes) {
  EXPECT_TRUE(ParseUploadedList(R"({"version":1,"uploaded":null})").ok());
  EXPECT_TRUE(ParseUploadedList(R"({"version":1})")->empty());
  for (const std::string_view bad :
       {"", "[]", "{}", R"({"version":2,"uploaded":[]})", R"({"version":1,"uploaded":{}})",
        R"({"version":1,"uploaded":["x"]})", R"({"version":1,"uploaded":[1]})"}) {
    EXPECT_EQ(ParseUploadedList(bad).status().code(), base::StatusCode::kDataLoss) << bad;
  }
}

}  // namespace
}  // namespace thanos::shipper
