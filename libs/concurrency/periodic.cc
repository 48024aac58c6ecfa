#include "concurrency/periodic.h"

#include <pthread.h>
#include <utility>

namespace thanos::concurrency {

Periodic::Periodic(std::string name, base::Duration interval, const base::CancelToken& parent,
                   std::function<void(const base::CancelToken&)> work)
    : source_(parent) {
  thread_ = std::thread([this, interval, work = std::move(work)] {
    do {
      work(source_.token());
    } while (source_.token().SleepFor(interval));
  });
  name.resize(std::min<size_t>(name.size(), 15));
  pthread_setname_np(thread_.native_handle(), name.c_str());
}

Periodic::~Periodic() {
  source_.Cancel();
  thread_.join();
}

}  // namespace thanos::concurrency
