#pragma once

#include <condition_variable>
#include <deque>
#include <optional>
#include <utility>

#include "base/cancel.h"
#include "base/mutex.h"

namespace thanos::concurrency {

// A queue that makes its producers wait when full. Thread-safe for many producers and consumers.
template <typename T>
class BoundedQueue {
 public:
  explicit BoundedQueue(size_t capacity) : capacity_(capacity) {}

  // Waits for room. False (and `value` dropped) when closed, cancelled or past the deadline.
  bool Push(const base::CancelToken& cancel, T value) {
    const auto registration = Wake(cancel);
    base::MutexLock lock(mutex_);
    Wait(cancel, lock, [&]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return closed_ || queue_.size() < capacity_; });
    if (closed_ || queue_.size() >= capacity_) {
      return false;
    }
    queue_.push_back(std::move(value));
    changed_.notify_all();
    return true;
  }

  // Waits for a value. Nothing when closed and drained, cancelled or past the deadline: ask `cancel` which.
  std::optional<T> Pop(const base::CancelToken& cancel) {
    const auto registration = Wake(cancel);
    base::MutexLock lock(mutex_);
    Wait(cancel, lock, [&]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return closed_ || !queue_.empty(); });
    if (queue_.empty()) {
      return std::nullopt;
    }
    std::optional<T> value(std::move(queue_.front()));
    queue_.pop_front();
    changed_.notify_all();
    return value;
  }

  // No more pushes; what is queued can still be popped.
  void Close() {
    base::MutexLock lock(mutex_);
    closed_ = true;
    changed_.notify_all();
  }

 private:
  base::CancelRegistration Wake(const base::CancelToken& cancel) {
    return cancel.OnCancel([this] {
      base::MutexLock lock(mutex_);
      changed_.notify_all();
    });
  }
  template <typename Ready>
  void Wait(const base::CancelToken& cancel, base::MutexLock& lock, Ready ready) {
    const auto done = [&] { return ready() || cancel.cancelled(); };
    if (cancel.deadline() == base::kNoDeadline) {
      changed_.wait(lock.native(), done);
    } else {
      changed_.wait_until(lock.native(), cancel.deadline(), done);
    }
  }

  const size_t capacity_;
  base::Mutex mutex_;
  std::condition_variable changed_;
  std::deque<T> queue_ ABSL_GUARDED_BY(mutex_);
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace thanos::concurrency
