#include "services/tools/one_shot.h"

#include <algorithm>
#include <csignal>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/check.h"
#include "objstore/factory.h"
#include "telemetry/log.h"

namespace thanos::tools {
namespace {

constexpr int kIoThreads = 32;

int OpenSignals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  TH_CHECK(pthread_sigmask(SIG_BLOCK, &set, nullptr) == 0);
  const int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  TH_CHECK(fd >= 0);
  return fd;
}

// True when a signal arrived, false when the work is done.
bool WaitForSignal(int signal_fd, int done_fd) {
  pollfd fds[] = {{signal_fd, POLLIN, 0}, {done_fd, POLLIN, 0}};
  while (poll(fds, 2, -1) < 0) {
  }
  signalfd_siginfo info{};
  return read(signal_fd, &info, sizeof(info)) == static_cast<ssize_t>(sizeof(info));
}

}  // namespace

OneShot::OneShot()
    : io_pool("io", kIoThreads),
      cpu_pool("cpu", std::max(1, static_cast<int>(std::thread::hardware_concurrency()))),
      signal_fd_(OpenSignals()),
      done_fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      watcher_([this] {
        if (!WaitForSignal(signal_fd_, done_fd_)) {
          return;
        }
        TH_LOG(kInfo, "caught signal, stopping");
        root_.Cancel(base::Cancelled("interrupted"));
        if (WaitForSignal(signal_fd_, done_fd_)) {
          std::_Exit(1);  // asked twice
        }
      }) {
  TH_CHECK(done_fd_ >= 0);
}

OneShot::~OneShot() {
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = write(done_fd_, &one, sizeof(one));
  watcher_.join();
  close(done_fd_);
  close(signal_fd_);
}

base::StatusOr<std::unique_ptr<objstore::Bucket>> OpenBucket(const app::ObjstoreFlags& flags,
                                                             telemetry::Registry& metrics) {
  TH_ASSIGN_OR_RETURN(const std::string yaml, flags.config.ReadRequired());
  return objstore::FromConfig(yaml, metrics);
}

base::StatusOr<std::vector<model::Ulid>> ParseUlids(const std::vector<std::string>& texts) {
  std::vector<model::Ulid> ulids;
  for (const std::string& text : texts) {
    const auto ulid = model::Ulid::Parse(text);
    if (!ulid) {
      return base::InvalidArgument("invalid ULID found in --id flag: ", base::Quote(text));
    }
    ulids.push_back(*ulid);
  }
  return ulids;
}

int ExitCode(const Command& command, const base::Status& status) {
  if (status.ok()) {
    return 0;
  }
  TH_LOG(kError, "command failed").With("command", command.words).With("err", status);
  return 1;
}

std::optional<int> ParseCommandLine(config::FlagSet& set, const std::vector<const char*>& arguments) {
  const auto outcome = set.Parse(static_cast<int>(arguments.size()), arguments.data());
  if (outcome.action == config::FlagSet::Outcome::Action::kRun) {
    return std::nullopt;
  }
  std::fputs(outcome.standard_output.c_str(), stdout);
  std::fputs(outcome.standard_error.c_str(), stderr);
  return outcome.exit_code;
}

void ConfigureLogging(const app::LogFlags& flags) {
  // The texts were checked as enums.
  if (const auto options = flags.Options(); options.ok()) {
    telemetry::ConfigureLogging(*options);
  }
}

}  // namespace thanos::tools
