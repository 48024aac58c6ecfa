#include <algorithm>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "app/status_pages.h"
#include "base/strings.h"
#include "config/flags.h"
#include "services/tools/flags.h"
#include "telemetry/log.h"

namespace {

using thanos::config::FlagSet;

struct Command {
  std::string_view words;
  std::string_view help;
  // Parses the flags and runs the command; returns the exit code.
  int (*run)(const Command& command, const std::vector<const char*>& arguments);
};

template <typename Flags>
int Run(const Command& command, const std::vector<const char*>& arguments) {
  Flags flags;
  FlagSet set(thanos::base::Concat("tools ", command.words), std::string(command.help));
  set.SetVersionText(thanos::app::VersionText());
  flags.AddTo(set);
  const auto outcome = set.Parse(static_cast<int>(arguments.size()), arguments.data());
  if (outcome.action == FlagSet::Outcome::Action::kExit) {
    std::fputs(outcome.standard_output.c_str(), stdout);
    std::fputs(outcome.standard_error.c_str(), stderr);
    return outcome.exit_code;
  }
  // The texts were checked as enums.
  if (const auto options = flags.common.log.Options(); options.ok()) {
    thanos::telemetry::ConfigureLogging(*options);
  }
  TH_LOG(kError, "this command is not implemented yet").With("command", command.words);
  return 1;
}

constexpr Command kCommands[] = {
    {"bucket cleanup", "Deletes marked and broken blocks.", &Run<thanos::services::BucketCleanupFlags>},
    {"bucket downsample", "Downsamples blocks continuously.", &Run<thanos::services::BucketDownsampleFlags>},
    {"bucket inspect", "Prints the blocks of a bucket as a table.",
     &Run<thanos::services::BucketInspectFlags>},
    {"bucket ls", "Lists the blocks of a bucket.", &Run<thanos::services::BucketLsFlags>},
    {"bucket mark", "Marks blocks for deletion, or against compaction or downsampling.",
     &Run<thanos::services::BucketMarkFlags>},
    {"bucket replicate", "Copies blocks to another bucket.", &Run<thanos::services::BucketReplicateFlags>},
    {"bucket retention", "Applies retention to the blocks of a bucket.",
     &Run<thanos::services::BucketRetentionFlags>},
    {"bucket rewrite", "Rewrites blocks without some of their data.",
     &Run<thanos::services::BucketRewriteFlags>},
    {"bucket upload-blocks", "Uploads local blocks.", &Run<thanos::services::BucketUploadBlocksFlags>},
    {"bucket verify", "Looks for known problems in the blocks of a bucket.",
     &Run<thanos::services::BucketVerifyFlags>},
    {"bucket web", "Serves the block viewer.", &Run<thanos::services::BucketWebFlags>},
    {"rules-check", "Checks rule files.", &Run<thanos::services::RulesCheckFlags>},
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
