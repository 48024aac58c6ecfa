#pragma once

#include <condition_variable>
#include <functional>

#include "base/cancel.h"
#include "base/mutex.h"
#include "base/status.h"
#include "concurrency/thread_pool.h"

namespace thanos::concurrency {

// Tasks of one request on a pool. The first error cancels the token of the others and is what Wait() returns.
// The destructor cancels and waits. Add and Wait are for one owner thread.
class TaskGroup {
 public:
  TaskGroup(ThreadPool& pool, const base::CancelToken& parent) : pool_(pool), source_(parent) {}
  ~TaskGroup();
  TaskGroup(const TaskGroup&) = delete;
  TaskGroup& operator=(const TaskGroup&) = delete;

  // `task` gets the group's token and should return its status soon after cancellation.
  void Add(std::function<base::Status(const base::CancelToken&)> task);
  // Blocks until all tasks have returned. Not to be called on a thread of the same pool.
  base::Status Wait();
  void Cancel() { source_.Cancel(); }

 private:
  ThreadPool& pool_;
  base::CancelSource source_;
  base::Mutex mutex_;
  std::condition_variable done_;
  int running_ ABSL_GUARDED_BY(mutex_) = 0;
  base::Status first_error_ ABSL_GUARDED_BY(mutex_);
};

// Runs body(0) .. body(count - 1) on the pool, at most `parallelism` at a time, and returns the first error.
base::Status ParallelFor(ThreadPool& pool, const base::CancelToken& cancel, size_t count, size_t parallelism,
                         const std::function<base::Status(const base::CancelToken&, size_t)>& body);

}  // namespace thanos::concurrency
