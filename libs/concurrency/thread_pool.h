#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "base/mutex.h"

namespace thanos::concurrency {

// Up to a fixed number of threads over one queue; a thread is started when a task finds none idle, and stays.
// Tasks must not wait for other tasks of the same pool to be started: a pool runs at most `num_threads` at a
// time. Thread-safe. The destructor runs what is queued, then joins.
class ThreadPool {
 public:
  // `name` (up to 15 bytes) names the threads.
  ThreadPool(std::string name, int num_threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  // Never blocks; the queue is unbounded, so admission belongs in front of it (see Gate).
  void Submit(std::function<void()> task);
  int num_threads() const { return num_threads_; }

 private:
  void StartThread() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Run();

  const std::string name_;
  const int num_threads_;
  base::Mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> queue_ ABSL_GUARDED_BY(mutex_);
  size_t num_idle_ ABSL_GUARDED_BY(mutex_) = 0;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace thanos::concurrency
