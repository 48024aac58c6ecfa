#include "services/query-frontend/flags.h"

#include <gtest/gtest.h>

#include "config/path_or_content.h"

namespace thanos::services {
namespace {

// The file is what the binary prints, without the flags of app::Service. A new flag changes it on purpose:
// run the test with TH_UPDATE_GOLDEN=1 to write it again.
TEST(QueryFrontendFlagsTest, HelpIsAsRecorded) {
  config::FlagSet set("query-frontend", "Query frontend.");
  QueryFrontendFlags flags;
  flags.AddTo(set);
  const std::string path = std::string(TH_SOURCE_DIR) + "/services/query-frontend/help.golden";
  if (std::getenv("TH_UPDATE_GOLDEN") != nullptr) {
    FILE* file = std::fopen(path.c_str(), "w");
    ASSERT_NE(file, nullptr);
    std::fputs(set.HelpText().c_str(), file);
    std::fclose(file);
  }
  const auto golden = config::ReadFile(path);
  ASSERT_TRUE(golden.ok()) << golden.status();
  EXPECT_EQ(set.HelpText(), *golden);
}

TEST(QueryFrontendFlagsTest, ParsesValuesOfEveryKind) {
  config::FlagSet set("query-frontend", "Query frontend.");
  QueryFrontendFlags flags;
  flags.AddTo(set);
  const char* arguments[] = {"thanos-query-frontend",
                             "query-frontend",
                             "--query-range.split-interval=12h",
                             "--no-query-range.align-range-with-step",
                             "--query-range.max-retries-per-request=3",
                             "--query-frontend.downstream-url=http://querier:9090",
                             "--query-frontend.org-id-header=A",
                             "--query-frontend.org-id-header=B",
                             "--query-range.response-cache-config=type: IN-MEMORY"};
  const auto outcome = set.Parse(std::size(arguments), arguments);
  ASSERT_EQ(outcome.action, config::FlagSet::Outcome::Action::kRun) << outcome.standard_error;
  EXPECT_EQ(flags.query_range_split_interval.value, std::chrono::hours(12));
  EXPECT_FALSE(flags.query_range_align_range_with_step);
  EXPECT_EQ(flags.query_range_max_retries_per_request, 3);
  EXPECT_EQ(flags.query_frontend_org_id_header, (std::vector<std::string>{"A", "B"}));
  EXPECT_EQ(flags.query_range_response_cache_config.Read().value(), "type: IN-MEMORY");
}

}  // namespace
}  // namespace thanos::services
