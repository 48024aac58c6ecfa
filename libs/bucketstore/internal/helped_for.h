#pragma once

#include <cstddef>
#include <functional>

#include "base/cancel.h"
#include "base/status.h"
#include "concurrency/thread_pool.h"

namespace thanos::bucketstore::internal {

// Runs body(0) .. body(count - 1) on this thread and on up to `parallelism` - 1 threads of `pool` as far as
// they are free, and returns the first error, which cancels the token of the others. Never waits for a task
// that has not started, so it may be called on a thread of `pool` too, where concurrency::ParallelFor would
// lock up.
base::Status HelpedFor(concurrency::ThreadPool& pool, const base::CancelToken& cancel, size_t count,
                       size_t parallelism,
                       const std::function<base::Status(const base::CancelToken&, size_t)>& body);

}  // namespace thanos::bucketstore::internal
