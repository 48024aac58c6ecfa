#pragma once

// How far long work is, on standard error: a line that is drawn again on a terminal, a log line now and then
// elsewhere.

#include <cstdint>
#include <string>

#include "base/clock.h"

namespace thanos::tools {

// "3 of 12 (25 %), 4m30s left" after `elapsed_ms`.
std::string ProgressText(uint64_t done, uint64_t total, int64_t elapsed_ms);

// For one thread.
class Progress {
 public:
  // `clock` must outlive this.
  Progress(std::string what, const base::Clock& clock);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void Report(uint64_t done, uint64_t total);

 private:
  const std::string what_;
  const base::Clock& clock_;
  const bool terminal_;
  const int64_t begin_ms_;
  int64_t last_report_ms_;
  bool drawn_ = false;
};

}  // namespace thanos::tools
