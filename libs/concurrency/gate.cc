#include "concurrency/gate.h"

#include <utility>

namespace thanos::concurrency {

Gate::Pass& Gate::Pass::operator=(Pass&& other) noexcept {
  if (this != &other) {
    Release();
    gate_ = std::exchange(other.gate_, nullptr);
  }
  return *this;
}

void Gate::Pass::Release() {
  if (gate_ != nullptr) {
    std::exchange(gate_, nullptr)->Leave();
  }
}

base::StatusOr<Gate::Pass> Gate::Enter(const base::CancelToken& cancel) {
  const auto registration = cancel.OnCancel([this] {
    base::MutexLock lock(mutex_);
    changed_.notify_all();
  });
  base::MutexLock lock(mutex_);
  const auto ready = [&]()
                         ABSL_NO_THREAD_SAFETY_ANALYSIS { return inside_ < capacity_ || cancel.cancelled(); };
  if (cancel.deadline() == base::kNoDeadline) {
    changed_.wait(lock.native(), ready);
  } else {
    changed_.wait_until(lock.native(), cancel.deadline(), ready);
  }
  TH_RETURN_IF_ERROR(cancel.status());
  if (inside_ >= capacity_) {
    return base::DeadlineExceeded("waiting for one of ", capacity_, " concurrent places");
  }
  ++inside_;
  return Pass(this);
}

void Gate::Leave() {
  base::MutexLock lock(mutex_);
  --inside_;
  changed_.notify_one();
}

int Gate::in_flight() {
  base::MutexLock lock(mutex_);
  return inside_;
}

}  // namespace thanos::concurrency
