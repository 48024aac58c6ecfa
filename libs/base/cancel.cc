#include "base/cancel.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

namespace thanos::base {
namespace internal {

class CancelState {
 public:
  explicit CancelState(TimePoint deadline) : deadline_(deadline) {}

  TimePoint deadline() const { return deadline_; }
  bool flagged() const { return flagged_.load(std::memory_order_acquire); }

  Status reason() {
    std::lock_guard lock(mutex_);
    return reason_;
  }

  void Cancel(Status reason) {
    std::unique_lock lock(mutex_);
    if (flagged_.load(std::memory_order_relaxed)) {
      return;
    }
    reason_ = std::move(reason);
    // Release pairs with flagged(): whoever sees the flag sees the reason.
    flagged_.store(true, std::memory_order_release);
    wake_.notify_all();
    while (!callbacks_.empty()) {
      auto node = callbacks_.extract(callbacks_.begin());
      running_id_ = node.key();
      running_thread_ = std::this_thread::get_id();
      lock.unlock();
      node.mapped()();
      lock.lock();
      running_id_ = 0;
      callback_done_.notify_all();
    }
  }

  // Returns 0 when the callback was run at once.
  uint64_t Add(std::function<void()> callback) {
    {
      std::lock_guard lock(mutex_);
      if (!flagged_.load(std::memory_order_relaxed)) {
        const uint64_t id = next_id_++;
        callbacks_.emplace(id, std::move(callback));
        return id;
      }
    }
    callback();
    return 0;
  }

  void Remove(uint64_t id) {
    std::unique_lock lock(mutex_);
    callbacks_.erase(id);
    callback_done_.wait(lock,
                        [&] { return running_id_ != id || running_thread_ == std::this_thread::get_id(); });
  }

  bool WaitUntil(TimePoint until) {
    std::unique_lock lock(mutex_);
    return wake_.wait_until(lock, until, [&] { return flagged_.load(std::memory_order_relaxed); });
  }

 private:
  const TimePoint deadline_;
  std::atomic<bool> flagged_{false};
  std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable callback_done_;
  Status reason_;
  std::map<uint64_t, std::function<void()>> callbacks_;
  uint64_t next_id_ = 1;
  uint64_t running_id_ = 0;
  std::thread::id running_thread_;
};

}  // namespace internal

CancelRegistration::CancelRegistration(std::shared_ptr<internal::CancelState> state, uint64_t id)
    : state_(std::move(state)), id_(id) {}
CancelRegistration::~CancelRegistration() {
  Reset();
}
CancelRegistration::CancelRegistration(CancelRegistration&& other) noexcept
    : state_(std::move(other.state_)), id_(std::exchange(other.id_, 0)) {}
CancelRegistration& CancelRegistration::operator=(CancelRegistration&& other) noexcept {
  if (this != &other) {
    Reset();
    state_ = std::move(other.state_);
    id_ = std::exchange(other.id_, 0);
  }
  return *this;
}
void CancelRegistration::Reset() {
  if (state_ != nullptr && id_ != 0) {
    state_->Remove(id_);
  }
  state_.reset();
  id_ = 0;
}

bool CancelToken::cancelled() const {
  if (state_ == nullptr) {
    return false;
  }
  return state_->flagged() || (state_->deadline() != kNoDeadline && SteadyNow() >= state_->deadline());
}

Status CancelToken::status() const {
  if (state_ == nullptr) {
    return OkStatus();
  }
  if (state_->flagged()) {
    return state_->reason();
  }
  if (state_->deadline() != kNoDeadline && SteadyNow() >= state_->deadline()) {
    return DeadlineExceeded("context deadline exceeded");
  }
  return OkStatus();
}

TimePoint CancelToken::deadline() const {
  return state_ == nullptr ? kNoDeadline : state_->deadline();
}

Duration CancelToken::Remaining(Duration at_most) const {
  if (deadline() == kNoDeadline) {
    return at_most;
  }
  return std::clamp<Duration>(deadline() - SteadyNow(), Duration::zero(), at_most);
}

CancelRegistration CancelToken::OnCancel(std::function<void()> callback) const {
  if (state_ == nullptr) {
    return {};
  }
  const uint64_t id = state_->Add(std::move(callback));
  return id == 0 ? CancelRegistration() : CancelRegistration(state_, id);
}

bool CancelToken::SleepFor(Duration duration) const {
  if (state_ == nullptr) {
    std::this_thread::sleep_for(duration);
    return true;
  }
  const TimePoint wake = SteadyNow() + duration;
  const bool flagged = state_->WaitUntil(std::min(wake, state_->deadline()));
  return !flagged && !cancelled();
}

CancelSource::CancelSource() : state_(std::make_shared<internal::CancelState>(kNoDeadline)) {}

CancelSource::CancelSource(const CancelToken& parent, TimePoint deadline)
    : state_(std::make_shared<internal::CancelState>(std::min(deadline, parent.deadline()))) {
  std::weak_ptr<internal::CancelState> child = state_;
  std::weak_ptr<internal::CancelState> source = parent.state_;
  parent_registration_ = parent.OnCancel([child, source] {
    const auto state = child.lock();
    const auto parent_state = source.lock();
    if (state != nullptr && parent_state != nullptr) {
      state->Cancel(parent_state->reason());
    }
  });
}

CancelSource::CancelSource(const CancelToken& parent, Duration timeout)
    : CancelSource(parent, SteadyNow() + timeout) {}

void CancelSource::Cancel(Status reason) {
  state_->Cancel(std::move(reason));
}

}  // namespace thanos::base
