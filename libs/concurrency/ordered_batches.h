#pragma once

#include <condition_variable>
#include <functional>
#include <utility>
#include <vector>

#include "base/cancel.h"
#include "base/mutex.h"
#include "base/status.h"
#include "concurrency/thread_pool.h"

namespace thanos::concurrency {

// The three steps of a stream of batches, see RunOrderedBatches.
template <typename Batch>
struct BatchSteps {
  // Fills the batch, which may hold an earlier one whose memory can be reused. False: there are no more.
  std::function<base::StatusOr<bool>(Batch*)> produce;
  // Several at a time. Should return soon after cancellation.
  std::function<base::Status(const base::CancelToken&, Batch*)> process;
  std::function<base::Status(Batch*)> consume;
};

// Runs batches through `steps`: produce and consume on the calling thread and in order, process on `pool`
// while others are produced and consumed. At most `max_in_flight` (at least 1) batches exist at a time, so
// memory is bounded by them. The first error, or the cancellation of `cancel`, ends it and is returned;
// process is then not running any more. Without a pool everything happens on the calling thread, which must
// not be one of the pool.
template <typename Batch>
base::Status RunOrderedBatches(ThreadPool* pool, const base::CancelToken& cancel, size_t max_in_flight,
                               const BatchSteps<Batch>& steps) {
  struct Slot {
    Batch batch;
    bool done = false;
    base::Status status;
  };
  std::vector<Slot> slots(pool == nullptr ? 1 : max_in_flight);
  base::CancelSource source(cancel);
  const base::CancelToken token = source.token();
  base::Mutex mutex;
  std::condition_variable changed;
  uint64_t num_produced = 0;
  uint64_t num_consumed = 0;

  const auto run = [&](Slot& slot) {
    base::Status status = token.cancelled() ? token.status() : steps.process(token, &slot.batch);
    base::MutexLock lock(mutex);
    slot.status = std::move(status);
    slot.done = true;
    changed.notify_all();  // under the lock: the waiter may destroy what is notified
  };
  const auto wait = [&](Slot& slot) {
    base::MutexLock lock(mutex);
    changed.wait(lock.native(), [&] { return slot.done; });
    return slot.status;
  };
  const auto produce = [&]() -> base::StatusOr<bool> {
    Slot& slot = slots[num_produced % slots.size()];
    TH_RETURN_IF_ERROR(token.status());
    TH_ASSIGN_OR_RETURN(const bool more, steps.produce(&slot.batch));
    if (!more) {
      return false;
    }
    slot.done = false;
    ++num_produced;
    if (pool == nullptr) {
      run(slot);
    } else {
      pool->Submit([&run, &slot] { run(slot); });
    }
    return true;
  };

  base::Status result;
  bool more = true;
  while (result.ok() && (more || num_consumed < num_produced)) {
    if (more && num_produced - num_consumed < slots.size()) {
      const base::StatusOr<bool> produced = produce();
      result = produced.status();
      more = produced.ok() && *produced;
      continue;
    }
    Slot& slot = slots[num_consumed % slots.size()];
    result = wait(slot);
    ++num_consumed;
    if (result.ok()) {
      result = steps.consume(&slot.batch);
    }
  }
  if (!result.ok()) {
    source.Cancel();
  }
  for (; num_consumed < num_produced; ++num_consumed) {
    (void)wait(slots[num_consumed % slots.size()]);  // the first error is known
  }
  return result;
}

}  // namespace thanos::concurrency
