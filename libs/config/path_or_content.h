#pragma once

// The pair of flags `x` (content) and `x-file` (path), of which at most one may be set.

#include <string>
#include <string_view>

#include "base/status.h"
#include "config/flags.h"

namespace thanos::config {

// `text` with every $(NAME) replaced by the environment variable; InvalidArgument naming a variable that is
// not set.
base::StatusOr<std::string> SubstituteEnvironment(std::string_view text);

// The whole file; NotFound, Internal, or ResourceExhausted above 64 MiB.
base::StatusOr<std::string> ReadFile(const std::string& path);

struct PathOrContent {
  std::string name;  // flag name without "-file"
  std::string path;
  std::string content;
  bool substitute_environment = false;

  explicit PathOrContent(std::string flag_name, bool substitute = false)
      : name(std::move(flag_name)), substitute_environment(substitute) {}

  // Declares both flags.
  void AddTo(FlagSet& flags, std::string_view what, FlagOptions options = {});
  bool is_set() const { return !path.empty() || !content.empty(); }
  // The content, or the file's; empty when neither is set. InvalidArgument when both are.
  base::StatusOr<std::string> Read() const;
  // As Read(), and InvalidArgument when the result is empty.
  base::StatusOr<std::string> ReadRequired() const;
};

}  // namespace thanos::config
