#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "base/mutex.h"

namespace thanos::concurrency {

// A fixed number of threads over one queue. Tasks must not wait for other tasks of the same pool to be
// started: a pool runs at most `num_threads` at a time. Thread-safe. The destructor runs what is queued, then
// joins.
class ThreadPool {
 public:
  // `name` (up to 15 bytes) names the threads.
  ThreadPool(std::string name, int num_threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  // Never blocks; the queue is unbounded, so admission belongs in front of it (see Gate).
  void Submit(std::function<void()> task);
  int num_threads() const { return static_cast<int>(threads_.size()); }

 private:
  void Run();

  base::Mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> queue_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace thanos::concurrency
