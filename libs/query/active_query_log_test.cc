#include "query/active_query_log.h"

#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sstream>
#include <unistd.h>

namespace thanos::query {
namespace {

class ActiveQueryLogTest : public testing::Test {
 protected:
  ActiveQueryLogTest()
      : directory_(std::filesystem::path(testing::TempDir()) / ("active-" + std::to_string(getpid()))) {}
  ~ActiveQueryLogTest() override { std::filesystem::remove_all(directory_); }
  std::string Content() const {
    std::ifstream file(directory_ / "queries.active", std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
  }
  const std::filesystem::path directory_;
};

TEST_F(ActiveQueryLogTest, AQueryIsInTheFileWhileItRuns) {
  const auto log = ActiveQueryLog::Open(directory_, 2);
  ASSERT_TRUE(log.ok()) << log.status();
  EXPECT_EQ(Content().size(), 2001U);
  EXPECT_EQ(Content()[0], '[');
  {
    const auto first = (*log)->Begin("up == \"x\"", 1700000000);
    const auto second = (*log)->Begin("sum(up)", 1700000001);
    const auto third = (*log)->Begin("no place", 1700000001);
    EXPECT_THAT(UnfinishedQueries(Content()),
                testing::ElementsAre(R"x({"query":"up == \"x\"","timestamp_sec":1700000000})x",
                                     R"x({"query":"sum(up)","timestamp_sec":1700000001})x"));
  }
  EXPECT_THAT(UnfinishedQueries(Content()), testing::IsEmpty());
  const auto again = (*log)->Begin("up", 1);
  EXPECT_THAT(UnfinishedQueries(Content()), testing::SizeIs(1));
}

TEST_F(ActiveQueryLogTest, LongQueriesAreCutAndDamageIsPassedOver) {
  const auto log = ActiveQueryLog::Open(directory_, 3);
  ASSERT_TRUE(log.ok()) << log.status();
  const std::string quotes(5000, '"');
  std::string letters;
  for (int i = 0; i < 3000; ++i) {
    letters += "\xc3\xa9";
  }
  const auto first = (*log)->Begin(quotes, 1);
  const auto second = (*log)->Begin(letters, 1);
  for (const std::string& entry : UnfinishedQueries(Content())) {
    EXPECT_LE(entry.size(), 999U);
    EXPECT_GT(entry.size(), 900U);
    EXPECT_TRUE(entry.ends_with(",\"timestamp_sec\":1}")) << entry;
  }
  EXPECT_THAT(UnfinishedQueries(Content()), testing::SizeIs(2));
  EXPECT_THAT(UnfinishedQueries(""), testing::IsEmpty());
  EXPECT_THAT(UnfinishedQueries("[{\"query\":\"u"), testing::IsEmpty());
  EXPECT_THAT(UnfinishedQueries(std::string(3000, '\0')), testing::IsEmpty());
}

}  // namespace
}  // namespace thanos::query
