#include <algorithm>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "app/status_pages.h"
#include "base/strings.h"
#include "services/tools/commands.h"

namespace {

using thanos::tools::Command;

constexpr Command kCommands[] = {
    {"bucket cleanup", "Deletes blocks marked for deletion and uploads that were never finished.",
     &thanos::tools::RunBucketCleanup},
    {"bucket downsample", "Downsamples blocks continuously.", &thanos::tools::RunBucketDownsample},
    {"bucket inspect", "Prints the blocks of a bucket as a table.", &thanos::tools::RunBucketInspect},
    {"bucket ls", "Lists the blocks of a bucket.", &thanos::tools::RunBucketLs},
    {"bucket mark", "Marks blocks for deletion, or against compaction or downsampling.",
     &thanos::tools::RunBucketMark},
    {"bucket replicate", "Copies blocks to another bucket.", &thanos::tools::RunBucketReplicate},
    {"bucket retention", "Marks the blocks of a bucket that are older than their retention.",
     &thanos::tools::RunBucketRetention},
    {"bucket rewrite", "Rewrites blocks without some of their data.", &thanos::tools::RunBucketRewrite},
    {"bucket upload-blocks", "Uploads local blocks.", &thanos::tools::RunBucketUploadBlocks},
    {"bucket verify", "Looks for known problems in the blocks of a bucket.", &thanos::tools::RunBucketVerify},
    {"bucket web", "Serves the block viewer.", &thanos::tools::RunBucketWeb},
    {"rules-check", "Checks rule files.", &thanos::tools::RunRulesCheck},
};

std::string Usage() {
  std::string out = "usage: thanos tools <command> [<flags>]\n\nTools for buckets and rules.\n\nCommands:\n";
  for (const Command& command : kCommands) {
    thanos::base::Append(out, "  ", command.words, "\n      ", command.help, "\n");
  }
  return out;
}

// The command whose words `arguments` begins with, and how many they are.
const Command* Find(const std::vector<std::string_view>& arguments, size_t* num_words) {
  for (const Command& command : kCommands) {
    const auto words = thanos::base::Split(command.words, ' ');
    if (arguments.size() >= words.size() && std::equal(words.begin(), words.end(), arguments.begin())) {
      *num_words = words.size();
      return &command;
    }
  }
  return nullptr;
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string_view> arguments(argv + 1, argv + argc);
  int first = 1;
  if (!arguments.empty() && arguments[0] == "tools") {
    arguments.erase(arguments.begin());
    ++first;
  }
  size_t num_words = 0;
  const Command* command = Find(arguments, &num_words);
  if (command == nullptr) {
    const std::string_view word = arguments.empty() ? std::string_view() : arguments[0];
    if (word == "--version") {
      std::fputs(thanos::app::VersionText().c_str(), stdout);
      return 0;
    }
    const bool help = word == "--help" || word == "-h" || word == "help";
    std::fputs(Usage().c_str(), stderr);
    if (!help) {
      std::fputs("\nError: a known command is required\n", stderr);
    }
    return help ? 0 : 1;
  }
  // The program's name, then what follows the command's words.
  std::vector<const char*> rest = {argv[0]};
  rest.insert(rest.end(), argv + first + static_cast<int>(num_words), argv + argc);
  return command->run(*command, rest);
}
