#pragma once

// Command-line flags in Thanos' (kingpin's) grammar, stored in gflags' registry. Names may hold dots and
// dashes.
//
//   config::FlagSet flags("store", "Store node giving access to blocks in a bucket provider.");
//   flags.Add("data-dir", &options.data_dir, "Local data directory used for caching.");
//   flags.AddEnum("log.level", &level, {"error", "warn", "info", "debug"}, "Log filtering level.");
//   flags.Parse(argc, argv);
//
// Grammar: `--name=value`, `--name value`, `--flag` and `--no-flag` for booleans (`--flag=true` is an error),
// `-h`,
// `--help`, `--version`, repeated flags for lists, `@file` inserts arguments line by line, one optional
// leading word equal to the component's name. The fields passed to Add hold the default before Parse and the
// value after it.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/status.h"

namespace thanos::config {

// "1h30m", "1.5h", "1d", "2w": Go syntax with d and w. The type keeps the text for /api/v1/status/flags.
struct ExtDuration {
  base::Duration value{};
};
// Prometheus syntax: integers, descending units, no fraction.
struct PromDuration {
  base::Duration value{};
};
// Number with B, KB, MB, GB, TB, PB, EB (and KiB, ...); base 2 in both spellings.
struct ByteSize {
  int64_t value = 0;
};
// RFC 3339 time, or a signed duration relative to now (resolved by ToMs when used).
struct TimeOrDuration {
  std::string text;
  base::StatusOr<int64_t> ToMs(int64_t now_ms) const;
};

struct FlagOptions {
  bool hidden = false;     // not in --help
  bool no_effect = false;  // accepted for compatibility only; see SetWithoutEffect()
  bool secret = false;     // Values() hides the value when there is one
  char short_name = 0;     // 'l' for -l
};

class FlagSet {
 public:
  FlagSet(std::string component, std::string help);
  ~FlagSet();
  FlagSet(const FlagSet&) = delete;
  FlagSet& operator=(const FlagSet&) = delete;

  // `*target` holds the default and must live until Parse returns.
  void Add(std::string name, bool* target, std::string help, FlagOptions options = {});
  void Add(std::string name, std::string* target, std::string help, FlagOptions options = {});
  void Add(std::string name, int64_t* target, std::string help, FlagOptions options = {});
  void Add(std::string name, double* target, std::string help, FlagOptions options = {});
  void Add(std::string name, ExtDuration* target, std::string help, FlagOptions options = {});
  void Add(std::string name, PromDuration* target, std::string help, FlagOptions options = {});
  void Add(std::string name, ByteSize* target, std::string help, FlagOptions options = {});
  void Add(std::string name, TimeOrDuration* target, std::string help, FlagOptions options = {});
  void Add(std::string name, std::vector<std::string>* target, std::string help, FlagOptions options = {});
  void AddEnum(std::string name, std::string* target, std::vector<std::string> allowed, std::string help,
               FlagOptions options = {});

  // What main() must do next.
  struct Outcome {
    enum class Action { kRun, kExit };
    Action action = Action::kRun;
    int exit_code = 0;
    std::string standard_output;
    std::string standard_error;
  };
  // Parses argv[1..]. Exit codes as Thanos: 0 for help and version, 1 for an unknown flag or extra argument,
  // 2 for a bad value. On kRun all targets are filled.
  Outcome Parse(int argc, const char* const* argv);

  // Name and current value of every flag, sorted, for /api/v1/status/flags. Values of *.config flags that may
  // hold secrets read <REDACTED>.
  std::vector<std::pair<std::string, std::string>> Values() const;
  // Names of flags with `no_effect` that were given, for a warning.
  std::vector<std::string> SetWithoutEffect() const;
  std::string HelpText() const;
  // What --version prints; has a plain default.
  void SetVersionText(std::string text);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace thanos::config
