#pragma once

// Private: keeps what a process holds resident near what it uses. Thread-safety: one thread.

#include "base/clock.h"

namespace thanos::app {

// Sets glibc's allocator up. Call before the first thread starts.
void TuneMalloc();

// Called every kRound by a thread with nothing else to do.
class ResidentMemory {
 public:
  static constexpr base::Duration kRound = std::chrono::seconds(2);

  // `ready`: the process has started. The first time it has, the pages of code that only the start needed are
  // given back; later, every few seconds, large amounts of freed memory.
  void Round(bool ready);

 private:
  bool dropped_code_ = false;
  int rounds_ = 0;
};

}  // namespace thanos::app
