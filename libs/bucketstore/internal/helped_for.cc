#include "bucketstore/internal/helped_for.h"

#include <algorithm>
#include <condition_variable>
#include <memory>
#include <utility>

#include "base/mutex.h"

namespace thanos::bucketstore::internal {
namespace {

// Shared with tasks in the queue of the pool, which may start after the caller has returned: then every index
// is taken, and `body_` is not looked at.
class Work {
 public:
  using Body = std::function<base::Status(const base::CancelToken&, size_t)>;
  Work(const base::CancelToken& cancel, size_t count, const Body& body)
      : source_(cancel), count_(count), body_(body) {}

  void Run() {
    size_t i = 0;
    while (Take(&i)) {
      const base::CancelToken token = source_.token();
      base::Status status = token.status();
      if (status.ok()) {
        status = body_(token, i);
      }
      if (!status.ok()) {
        source_.Cancel(status);
      }
      Finish(std::move(status));
    }
  }
  base::Status Wait() {
    base::MutexLock lock(mutex_);
    done_.wait(lock.native(), [this]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return running_ == 0; });
    return first_error_;
  }

 private:
  bool Take(size_t* i) {
    base::MutexLock lock(mutex_);
    if (next_ == count_) {
      return false;
    }
    *i = next_++;
    ++running_;
    return true;
  }
  void Finish(base::Status status) {
    base::MutexLock lock(mutex_);
    if (!status.ok()) {
      next_ = count_;
      if (first_error_.ok()) {
        first_error_ = std::move(status);
      }
    }
    if (--running_ == 0) {
      done_.notify_all();
    }
  }

  base::CancelSource source_;
  const size_t count_;
  const Body& body_;
  base::Mutex mutex_;
  std::condition_variable done_;
  size_t next_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t running_ ABSL_GUARDED_BY(mutex_) = 0;
  base::Status first_error_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

base::Status HelpedFor(concurrency::ThreadPool& pool, const base::CancelToken& cancel, size_t count,
                       size_t parallelism,
                       const std::function<base::Status(const base::CancelToken&, size_t)>& body) {
  const auto work = std::make_shared<Work>(cancel, count, body);
  for (size_t helper = 1; helper < std::min(count, parallelism); ++helper) {
    pool.Submit([work] { work->Run(); });
  }
  work->Run();
  return work->Wait();
}

}  // namespace thanos::bucketstore::internal
