#include "telemetry/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "telemetry/log_format.h"

namespace thanos::telemetry {
namespace {

using ::testing::MatchesRegex;

LogRecord Record(const std::vector<std::pair<std::string, std::string>>& fields) {
  LogRecord record;
  record.time_ns = 1'700'000'000'123'000'000;
  record.level = LogLevel::kWarn;
  record.file = "libs/store/block.cc";
  record.line = 42;
  record.message = "reading block";
  record.fields = &fields;
  return record;
}

TEST(LogFormatTest, LogfmtQuotesWhatNeedsIt) {
  const std::vector<std::pair<std::string, std::string>> fields = {
      {"id", "01ABC"},  {"err", "a=\"b\"\nnext"}, {"empty", ""},
      {"bad key", "x"}, {"utf8", "größe"},        {"raw", "\xff"}};
  EXPECT_EQ(FormatLogRecord(LogFormat::kLogfmt, Record(fields)),
            "ts=2023-11-14T22:13:20.123Z caller=block.cc:42 level=warn msg=\"reading block\" id=01ABC "
            "err=\"a=\\\"b\\\"\\nnext\" empty= badkey=x utf8=größe raw=\"\\ufffd\"");
}

TEST(LogFormatTest, JsonIsOneObject) {
  LogRecord record = Record({});
  const std::vector<std::pair<std::string, std::string>> fields = {{"err", "tab\t \x01 \"quoted\" \\"}};
  record.fields = &fields;
  record.debug_name = "test";
  EXPECT_EQ(
      FormatLogRecord(LogFormat::kJson, record),
      "{\"ts\":\"2023-11-14T22:13:20.123Z\",\"caller\":\"block.cc:42\",\"level\":\"warn\",\"name\":\"test\","
      "\"msg\":\"reading block\",\"err\":\"tab\\t \\u0001 \\\"quoted\\\" \\\\\"}");
}

TEST(LogTest, WritesExactlyTheLineToStderr) {
  testing::internal::CaptureStderr();
  TH_LOG(kInfo, "started").With("port", 80).With("err", base::NotFound("no block"));
  EXPECT_THAT(
      testing::internal::GetCapturedStderr(),
      MatchesRegex("ts=[^ ]+Z caller=log_test.cc:[0-9]+ level=info msg=started port=80 err=\"no block\"\n"));
}

TEST(LogTest, LevelsBelowTheConfiguredOneAreDropped) {
  testing::internal::CaptureStderr();
  TH_LOG(kDebug, "hidden");
  ConfigureLogging({.level = LogLevel::kError, .format = LogFormat::kJson, .debug_name = "n"});
  TH_LOG(kWarn, "hidden");
  TH_LOG(kError, "seen");
  ConfigureLogging({});
  const std::string text = testing::internal::GetCapturedStderr();
  EXPECT_EQ(text.find("hidden"), std::string::npos);
  EXPECT_THAT(text, MatchesRegex("\\{\"ts\":.*\"level\":\"error\",\"name\":\"n\",\"msg\":\"seen\"\\}\n"));
}

TEST(LogTest, ParsesLevelsAndFormats) {
  EXPECT_EQ(ParseLogLevel("debug").value(), LogLevel::kDebug);
  EXPECT_EQ(ParseLogLevel("error").value(), LogLevel::kError);
  EXPECT_FALSE(ParseLogLevel("loud").ok());
  EXPECT_EQ(ParseLogFormat("json").value(), LogFormat::kJson);
  EXPECT_FALSE(ParseLogFormat("xml").ok());
}

}  // namespace
}  // namespace thanos::telemetry
