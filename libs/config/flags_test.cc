#include "config/flags.h"

#include <fstream>
#include <gflags/gflags.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace thanos::config {
namespace {

using Action = FlagSet::Outcome::Action;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

struct Options {
  bool wait = false;
  bool lazy = true;
  std::string dir = "./data";
  std::string level = "info";
  int64_t count = 20;
  double ratio = 0.5;
  ExtDuration age{std::chrono::minutes(60)};
  PromDuration grace{std::chrono::minutes(2)};
  ByteSize cache{int64_t{250} << 20};
  TimeOrDuration min_time{"0000-01-01T00:00:00Z"};
  std::vector<std::string> labels = {"a", "b"};
  std::string old_name;
  std::string bucket;
  std::string no_cache = "unset";
};

class FlagsTest : public ::testing::Test {
 protected:
  FlagsTest() : flags_("store", "Serves blocks.") {
    flags_.Add("wait", &options_.wait, "Keep running.", {.short_name = 'w'});
    flags_.Add("lazy.reader", &options_.lazy, "Map on demand.");
    flags_.Add("data-dir", &options_.dir, "Directory.");
    flags_.AddEnum("log.level", &options_.level, {"error", "info"}, "Level.");
    flags_.Add("block-count", &options_.count, "Count.");
    flags_.Add("ratio", &options_.ratio, "Ratio.");
    flags_.Add("max-age", &options_.age, "Age.");
    flags_.Add("grace", &options_.grace, "Grace.");
    flags_.Add("cache-size", &options_.cache, "Cache.");
    flags_.Add("min-time", &options_.min_time, "Begin.");
    flags_.Add("label", &options_.labels, "Labels.", {.short_name = 'l'});
    flags_.Add("old-name", &options_.old_name, "Old.", {.hidden = true, .no_effect = true});
    flags_.Add("objstore.config", &options_.bucket, "Bucket.", {.secret = true});
    flags_.Add("no-cache", &options_.no_cache, "A name that begins like a negation.");
  }

  FlagSet::Outcome Parse(std::vector<const char*> arguments) {
    arguments.insert(arguments.begin(), "thanos-store");
    return flags_.Parse(static_cast<int>(arguments.size()), arguments.data());
  }

  Options options_;
  FlagSet flags_;
};

TEST_F(FlagsTest, FillsEveryType) {
  const auto outcome =
      Parse({"store", "--wait", "--no-lazy.reader", "--data-dir", "/x", "--log.level=error",
             "--block-count=7", "--ratio=0.25", "--max-age=1.5h", "--grace=1h30m", "--cache-size=1GB",
             "--min-time=-2w", "--label=x=\"1\"", "-l", "y", "-lz", "--no-cache=value"});
  ASSERT_EQ(outcome.action, Action::kRun) << outcome.standard_error;
  EXPECT_TRUE(options_.wait);
  EXPECT_FALSE(options_.lazy);
  EXPECT_EQ(options_.dir, "/x");
  EXPECT_EQ(options_.level, "error");
  EXPECT_EQ(options_.count, 7);
  EXPECT_EQ(options_.ratio, 0.25);
  EXPECT_EQ(options_.age.value, std::chrono::minutes(90));
  EXPECT_EQ(options_.grace.value, std::chrono::minutes(90));
  EXPECT_EQ(options_.cache.value, int64_t{1} << 30);
  EXPECT_EQ(options_.min_time.text, "-2w");
  EXPECT_THAT(options_.labels, ElementsAre("x=\"1\"", "y", "z"));
  EXPECT_EQ(options_.no_cache, "value");
}

TEST_F(FlagsTest, KeepsDefaultsAndWorksWithoutTheComponentWord) {
  ASSERT_EQ(Parse({}).action, Action::kRun);
  EXPECT_EQ(options_.count, 20);
  EXPECT_THAT(options_.labels, ElementsAre("a", "b"));
}

TEST_F(FlagsTest, EmptyValuesAreValues) {
  ASSERT_EQ(Parse({"--data-dir=", "--label="}).action, Action::kRun);
  EXPECT_EQ(options_.dir, "");
  EXPECT_THAT(options_.labels, ElementsAre(""));
}

struct ErrorCase {
  std::vector<const char*> arguments;
  int exit_code;
  std::string_view text;
};

TEST_F(FlagsTest, RefusesWrongUse) {
  const std::vector<ErrorCase> cases = {
      {{"--bogus"}, 1, "unknown long flag '--bogus'"},
      {{"--bogus=1", "--help"}, 1, "unknown long flag '--bogus'"},
      {{"-x"}, 1, "unknown short flag '-x'"},
      {{"--wait=true"}, 1, "unexpected argument 'true'"},
      {{"--no-data-dir"}, 1, "unknown long flag '--no-data-dir'"},
      {{"extra"}, 1, "unexpected argument 'extra'"},
      {{"store", "store"}, 1, "unexpected argument 'store'"},
      {{"--data-dir"}, 1, "expected argument for flag '--data-dir'"},
      {{"--data-dir", "--wait"}, 1, "expected argument for flag '--data-dir'"},
      {{"@/nonexistent/arguments"}, 1, "/nonexistent/arguments"},
      {{"--help", "--", "x"}, 1, "unexpected argument '--'"}};
  for (const ErrorCase& test : cases) {
    const auto outcome = Parse(test.arguments);
    ASSERT_EQ(outcome.action, Action::kExit);
    EXPECT_EQ(outcome.exit_code, test.exit_code);
    EXPECT_THAT(outcome.standard_error, StartsWith("Error: "));
    EXPECT_THAT(outcome.standard_error, HasSubstr(std::string(test.text)));
    EXPECT_EQ(std::count(outcome.standard_error.begin(), outcome.standard_error.end(), '\n'), 1);
  }
}

TEST_F(FlagsTest, RefusesWrongValuesWithUsage) {
  const std::vector<std::vector<const char*>> cases = {
      {"--log.level=loud"}, {"--block-count=x"},  {"--ratio=x"},           {"--max-age=5"},
      {"--grace=1.5h"},     {"--cache-size=1XB"}, {"--min-time=whenever"}, {"--data-dir=a", "--data-dir=b"},
      {"--wait", "--wait"}};
  for (const auto& arguments : cases) {
    Options fresh;
    const auto outcome = FlagsTest::Parse(arguments);
    ASSERT_EQ(outcome.action, Action::kExit) << arguments[0];
    EXPECT_EQ(outcome.exit_code, 2) << arguments[0];
    EXPECT_THAT(outcome.standard_error, StartsWith("usage: thanos store"));
  }
}

TEST_F(FlagsTest, HelpAndVersion) {
  for (const char* word : {"-h", "--help"}) {
    const auto help = Parse({"--block-count=x", word});
    EXPECT_EQ(help.exit_code, 0);
    EXPECT_EQ(help.standard_error, flags_.HelpText());
  }
  flags_.SetVersionText("thanos 1\n");
  const auto version = Parse({"--version"});
  EXPECT_EQ(version.exit_code, 0);
  EXPECT_EQ(version.standard_output, "thanos 1\n");
}

TEST_F(FlagsTest, HelpTextIsStable) {
  EXPECT_EQ(flags_.HelpText(), R"(usage: thanos store [<flags>]

Serves blocks.

Flags:
  -h, --[no-]help               Print usage and stop.
      --[no-]version            Print build information and stop.
  -w, --[no-]wait               Keep running.
      --[no-]lazy.reader        Map on demand.
      --data-dir=./data         Directory.
      --log.level=info          Level. One of: error, info.
      --block-count=20          Count.
      --ratio=0.5               Ratio.
      --max-age=1h0m0s          Age.
      --grace=2m                Grace.
      --cache-size=250MiB       Cache.
      --min-time=0000-01-01T00:00:00Z
                                Begin.
  -l, --label=a,b ...           Labels.
      --objstore.config=CONFIG  Bucket.
      --no-cache=unset          A name that begins like a negation.
)");
}

TEST_F(FlagsTest, ReadsArgumentsFromAFile) {
  const std::string path = ::testing::TempDir() + "/flags_test_arguments";
  std::ofstream(path) << "# comment\n--block-count=9\n\n  --wait  \n";
  const std::string argument = "@" + path;
  ASSERT_EQ(Parse({argument.c_str()}).action, Action::kRun);
  EXPECT_EQ(options_.count, 9);
  EXPECT_TRUE(options_.wait);
}

TEST_F(FlagsTest, ValuesHideSecretsAndAreSorted) {
  ASSERT_EQ(Parse({"--objstore.config=key: hidden", "--label=x", "--label=y"}).action, Action::kRun);
  const auto values = flags_.Values();
  EXPECT_TRUE(std::is_sorted(values.begin(), values.end()));
  EXPECT_THAT(values,
              ::testing::Contains(std::pair<std::string, std::string>("objstore.config", "<REDACTED>")));
  EXPECT_THAT(values, ::testing::Contains(std::pair<std::string, std::string>("label", "x,y")));
  EXPECT_THAT(values, ::testing::Contains(std::pair<std::string, std::string>("max-age", "1h0m0s")));
}

TEST_F(FlagsTest, ReportsFlagsWithoutEffect) {
  ASSERT_EQ(Parse({"--old-name=x"}).action, Action::kRun);
  EXPECT_THAT(flags_.SetWithoutEffect(), ElementsAre("old-name"));
}

TEST_F(FlagsTest, MirrorsValuesInGflagsAndHidesItsFlags) {
  ASSERT_EQ(Parse({"--block-count=31", "--label=x"}).action, Action::kRun);
  std::string text;
  ASSERT_TRUE(google::GetCommandLineOption("block-count", &text));
  EXPECT_EQ(text, "31");
  ASSERT_TRUE(google::GetCommandLineOption("log.level", &text));
  EXPECT_EQ(text, "info");
  EXPECT_EQ(Parse({"--flagfile=/etc/passwd"}).exit_code, 1);
  EXPECT_EQ(Parse({"--helpfull"}).exit_code, 1);
}

}  // namespace
}  // namespace thanos::config
