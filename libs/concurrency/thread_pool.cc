#include "concurrency/thread_pool.h"

#include <pthread.h>
#include <system_error>
#include <utility>

#include "base/check.h"

namespace thanos::concurrency {

ThreadPool::ThreadPool(std::string name, int num_threads)
    : name_(name.substr(0, 15)), num_threads_(num_threads) {}

ThreadPool::~ThreadPool() {
  std::vector<std::thread> threads;
  {
    base::MutexLock lock(mutex_);
    stopping_ = true;
    threads.swap(threads_);  // tasks that are still queued may submit more, but no thread is started any more
  }
  wake_.notify_all();
  for (std::thread& thread : threads) {
    thread.join();
  }
}

void ThreadPool::Submit(std::function<void()> task) {
  {
    base::MutexLock lock(mutex_);
    queue_.push_back(std::move(task));
    if (queue_.size() > num_idle_ && threads_.size() < static_cast<size_t>(num_threads_) && !stopping_) {
      StartThread();
    }
  }
  wake_.notify_one();
}

void ThreadPool::StartThread() {
  try {
    threads_.emplace_back([this] { Run(); });
    pthread_setname_np(threads_.back().native_handle(), name_.c_str());
  } catch (const std::system_error&) {
    TH_CHECK(!threads_.empty());  // short of threads, those there are do the work
  }
}

void ThreadPool::Run() {
  while (true) {
    std::function<void()> task;
    {
      base::MutexLock lock(mutex_);
      ++num_idle_;
      wake_.wait(lock.native(),
                 [this]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return stopping_ || !queue_.empty(); });
      --num_idle_;
      if (queue_.empty()) {
        return;
      }
      task = std::move(queue_.front());
      queue_.pop_front();
    }
    task();
  }
}

}  // namespace thanos::concurrency
