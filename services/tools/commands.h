#pragma once

// The commands: each parses what follows its words on the command line, runs, and returns the exit code.

#include <string_view>
#include <vector>

namespace thanos::tools {

struct Command {
  std::string_view words;  // "bucket ls"
  std::string_view help;
  int (*run)(const Command& command, const std::vector<const char*>& arguments);
};

int RunBucketCleanup(const Command& command, const std::vector<const char*>& arguments);
int RunBucketDownsample(const Command& command, const std::vector<const char*>& arguments);
int RunBucketInspect(const Command& command, const std::vector<const char*>& arguments);
int RunBucketLs(const Command& command, const std::vector<const char*>& arguments);
int RunBucketMark(const Command& command, const std::vector<const char*>& arguments);
int RunBucketReplicate(const Command& command, const std::vector<const char*>& arguments);
int RunBucketRetention(const Command& command, const std::vector<const char*>& arguments);
int RunBucketRewrite(const Command& command, const std::vector<const char*>& arguments);
int RunBucketUploadBlocks(const Command& command, const std::vector<const char*>& arguments);
int RunBucketVerify(const Command& command, const std::vector<const char*>& arguments);
int RunBucketWeb(const Command& command, const std::vector<const char*>& arguments);
int RunRulesCheck(const Command& command, const std::vector<const char*>& arguments);

}  // namespace thanos::tools
