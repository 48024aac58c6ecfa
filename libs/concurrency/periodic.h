#pragma once

#include <functional>
#include <string>
#include <thread>

#include "base/cancel.h"
#include "base/clock.h"

namespace thanos::concurrency {

// Runs `work` at once and then `interval` after each end, on its own thread, until destroyed. The destructor
// cancels the token given to `work` and joins.
class Periodic {
 public:
  Periodic(std::string name, base::Duration interval, const base::CancelToken& parent,
           std::function<void(const base::CancelToken&)> work);
  ~Periodic();
  Periodic(const Periodic&) = delete;
  Periodic& operator=(const Periodic&) = delete;

 private:
  base::CancelSource source_;
  std::thread thread_;
};

}  // namespace thanos::concurrency
