#pragma once

// What a command needs that runs once and ends: flags, threads, and a token that SIGINT and SIGTERM cancel.

#include <cstdio>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "app/status_pages.h"
#include "base/cancel.h"
#include "base/clock.h"
#include "base/status.h"
#include "concurrency/thread_pool.h"
#include "config/flags.h"
#include "model/ulid.h"
#include "objstore/bucket.h"
#include "services/tools/commands.h"
#include "services/tools/flags.h"
#include "telemetry/metrics.h"

namespace thanos::tools {

class OneShot {
 public:
  // Blocks both signals in this thread and those started later.
  OneShot();
  ~OneShot();
  OneShot(const OneShot&) = delete;
  OneShot& operator=(const OneShot&) = delete;

  base::CancelToken cancel() const { return root_.token(); }

  base::SystemClock clock;
  concurrency::ThreadPool io_pool;
  concurrency::ThreadPool cpu_pool;

 private:
  int signal_fd_;
  int done_fd_;
  base::CancelSource root_;
  std::thread watcher_;
};

// The bucket the flags name.
base::StatusOr<std::unique_ptr<objstore::Bucket>> OpenBucket(const app::ObjstoreFlags& flags,
                                                             telemetry::Registry& metrics);
base::StatusOr<std::vector<model::Ulid>> ParseUlids(const std::vector<std::string>& texts);

// Logs an error that ends a command, and its exit code.
int ExitCode(const Command& command, const base::Status& status);

// Parses flags; a value is the exit code of a process that has nothing more to do.
std::optional<int> ParseCommandLine(config::FlagSet& set, const std::vector<const char*>& arguments);
void ConfigureLogging(const app::LogFlags& flags);

template <typename Flags>
int RunOnce(const Command& command, const std::vector<const char*>& arguments,
            base::Status (*work)(OneShot& run, const Flags& flags)) {
  Flags flags;
  config::FlagSet set(base::Concat("tools ", command.words), std::string(command.help));
  set.SetVersionText(app::VersionText());
  flags.AddTo(set);
  if (const auto exit_code = ParseCommandLine(set, arguments)) {
    return *exit_code;
  }
  ConfigureLogging(flags.common.log);
  OneShot run;
  return ExitCode(command, work(run, flags));
}

}  // namespace thanos::tools
