#include "concurrency/task_group.h"

#include <atomic>
#include <utility>

namespace thanos::concurrency {

TaskGroup::~TaskGroup() {
  source_.Cancel();
  Wait().IgnoreError();
}

void TaskGroup::Add(std::function<base::Status(const base::CancelToken&)> task) {
  {
    base::MutexLock lock(mutex_);
    ++running_;
  }
  pool_.Submit([this, task = std::move(task)]() mutable {
    base::Status status = source_.token().status();
    if (status.ok()) {
      status = task(source_.token());
    }
    // Captures of the task die before the group is told, because they may refer to what its owner destroys.
    task = nullptr;
    if (!status.ok()) {
      source_.Cancel(status);
    }
    base::MutexLock lock(mutex_);
    if (first_error_.ok() && !status.ok()) {
      first_error_ = status;
    }
    --running_;
    done_.notify_all();
  });
}

base::Status TaskGroup::Wait() {
  base::MutexLock lock(mutex_);
  done_.wait(lock.native(), [this]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return running_ == 0; });
  return first_error_;
}

base::Status ParallelFor(ThreadPool& pool, const base::CancelToken& cancel, size_t count, size_t parallelism,
                         const std::function<base::Status(const base::CancelToken&, size_t)>& body) {
  std::atomic<size_t> next{0};
  TaskGroup group(pool, cancel);
  for (size_t worker = 0; worker < std::min(count, parallelism); ++worker) {
    group.Add([&](const base::CancelToken& token) -> base::Status {
      for (size_t i = next++; i < count; i = next++) {
        TH_RETURN_IF_ERROR(token.status());
        TH_RETURN_IF_ERROR(body(token, i));
      }
      return base::OkStatus();
    });
  }
  return group.Wait();
}

}  // namespace thanos::concurrency
