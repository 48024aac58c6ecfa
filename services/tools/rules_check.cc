// tools rules-check.

#include "config/path_or_content.h"
#include "rules/rule_file.h"
#include "services/tools/one_shot.h"
#include "telemetry/log.h"

namespace thanos::tools {
namespace {

// False: something is wrong with the file, which was logged.
bool CheckFile(const std::string& path) {
  TH_LOG(kInfo, "checking").With("filename", path);
  const auto text = config::ReadFile(path);
  const auto file = text.ok() ? rules::ParseRuleFile(*text) : text.status();
  if (file.ok()) {
    TH_LOG(kInfo, "checked").With("result", "SUCCESS").With("rules found", file->num_rules());
    return true;
  }
  TH_LOG(kError, "checked").With("result", "FAILED");
  for (const std::string_view problem : base::Split(base::Message(file.status()), '\n')) {
    TH_LOG(kError, "problem").With("filename", path).With("error", problem);
  }
  return false;
}

base::Status Check(OneShot&, const RulesCheckFlags& flags) {
  if (flags.rules.empty()) {
    return base::InvalidArgument("required flag --rules not provided");
  }
  size_t num_failed = 0;
  for (const std::string& pattern : flags.rules) {
    const auto paths = rules::ExpandPattern(pattern);
    if (paths.empty()) {
      TH_LOG(kError, "checked")
          .With("pattern", pattern)
          .With("result", "FAILED")
          .With("error", "matching file not found");
      ++num_failed;
    }
    for (const std::string& path : paths) {
      num_failed += CheckFile(path) ? 0 : 1;
    }
  }
  return num_failed == 0 ? base::OkStatus()
                         : base::InvalidArgument(num_failed, " rule files or patterns failed");
}

}  // namespace

int RunRulesCheck(const Command& command, const std::vector<const char*>& arguments) {
  return RunOnce<RulesCheckFlags>(command, arguments, &Check);
}

}  // namespace thanos::tools
