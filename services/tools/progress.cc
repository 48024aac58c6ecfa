#include "services/tools/progress.h"

#include <cstdio>
#include <unistd.h>
#include <utility>

#include "base/strings.h"
#include "config/units.h"
#include "telemetry/log.h"

namespace thanos::tools {
namespace {

constexpr int64_t kTerminalIntervalMs = 200;
constexpr int64_t kLogIntervalMs = 10'000;

}  // namespace

std::string ProgressText(uint64_t done, uint64_t total, int64_t elapsed_ms) {
  std::string text = base::Concat(done, " of ", total);
  if (done == 0 || total == 0) {
    return text;
  }
  const double share = static_cast<double>(done) / static_cast<double>(total);
  const auto left_s = static_cast<int64_t>(static_cast<double>(elapsed_ms) * (1 - share) / share / 1000);
  base::Append(text, " (", static_cast<int64_t>(share * 100), " %), ",
               config::FormatExtDuration(std::chrono::seconds(left_s)), " left");
  return text;
}

Progress::Progress(std::string what, const base::Clock& clock)
    : what_(std::move(what)),
      clock_(clock),
      terminal_(isatty(STDERR_FILENO) == 1),
      begin_ms_(clock.NowMs()),
      last_report_ms_(begin_ms_) {}

Progress::~Progress() {
  if (drawn_) {
    std::fputc('\n', stderr);
  }
}

void Progress::Report(uint64_t done, uint64_t total) {
  const int64_t now_ms = clock_.NowMs();
  if (now_ms - last_report_ms_ < (terminal_ ? kTerminalIntervalMs : kLogIntervalMs) && done < total) {
    return;
  }
  last_report_ms_ = now_ms;
  const std::string text = ProgressText(done, total, now_ms - begin_ms_);
  if (terminal_) {
    std::fprintf(stderr, "\r\x1b[K%s: %s", what_.c_str(), text.c_str());
    drawn_ = true;
  } else {
    TH_LOG(kInfo, what_).With("progress", text);
  }
}

}  // namespace thanos::tools
