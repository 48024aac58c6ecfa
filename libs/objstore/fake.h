#pragma once

// Buckets for tests: one in memory, and one that makes another misbehave.

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/mutex.h"
#include "objstore/bucket.h"

namespace thanos::objstore {

// Thread-safe. Content stays valid for its readers after it was replaced or deleted.
class MemoryBucket final : public Bucket {
 public:
  MemoryBucket() = default;

  std::string_view provider() const override { return "MEMORY"; }
  std::string_view name() const override { return "memory"; }
  base::Status List(const base::CancelToken& cancel, std::string_view directory, const ListOptions& options,
                    const std::function<base::Status(const ListEntry&)>& visit) override;
  base::StatusOr<base::SharedBytes> Get(const base::CancelToken& cancel, std::string_view name) override;
  base::StatusOr<base::SharedBytes> GetRange(const base::CancelToken& cancel, std::string_view name,
                                             int64_t offset, int64_t length) override;
  base::StatusOr<bool> Exists(const base::CancelToken& cancel, std::string_view name) override;
  base::StatusOr<ObjectAttributes> Attributes(const base::CancelToken& cancel,
                                              std::string_view name) override;
  base::Status Upload(const base::CancelToken& cancel, std::string_view name,
                      std::string_view content) override;
  base::Status UploadFile(const base::CancelToken& cancel, std::string_view name,
                          const std::string& local_path) override;
  base::Status Delete(const base::CancelToken& cancel, std::string_view name) override;

 private:
  struct Object {
    std::shared_ptr<const std::string> content;
    int64_t last_modified_ms = 0;
  };
  base::StatusOr<Object> Find(const base::CancelToken& cancel, std::string_view name);

  base::SystemClock clock_;
  base::Mutex mutex_;
  std::map<std::string, Object, std::less<>> objects_ ABSL_GUARDED_BY(mutex_);
};

// One call that reached a FaultBucket.
struct BucketCall {
  enum class Operation { kList, kGet, kGetRange, kExists, kAttributes, kUpload, kDelete };
  Operation operation = Operation::kList;
  std::string_view name;  // or the directory of a listing
  int64_t offset = 0;     // of kGetRange
  int64_t number = 0;     // counts all calls, from 0
};

// What happens to a call, in this order.
struct Fault {
  base::Duration latency{};
  base::Status error{};        // not OK: returned instead of calling the inner bucket
  int64_t cut_to_bytes = -1;   // >= 0: an answer of Get and GetRange is cut to this length
  int64_t flip_byte = -1;      // >= 0: all bits of that byte of the answer are inverted
  int64_t max_entries = -1;    // >= 0: a listing ends after that many entries, as if it were complete
  base::Status lost_answer{};  // not OK: the call is made, but this is returned instead of its result
};

// Asks `plan` before each call. `plan` must be thread-safe.
class FaultBucket final : public Bucket {
 public:
  using Plan = std::function<Fault(const BucketCall&)>;
  // `inner` must outlive this.
  FaultBucket(Bucket& inner, Plan plan) : inner_(inner), plan_(std::move(plan)) {}

  std::string_view provider() const override { return inner_.provider(); }
  std::string_view name() const override { return inner_.name(); }
  base::Status List(const base::CancelToken& cancel, std::string_view directory, const ListOptions& options,
                    const std::function<base::Status(const ListEntry&)>& visit) override;
  base::StatusOr<base::SharedBytes> Get(const base::CancelToken& cancel, std::string_view name) override;
  base::StatusOr<base::SharedBytes> GetRange(const base::CancelToken& cancel, std::string_view name,
                                             int64_t offset, int64_t length) override;
  base::StatusOr<bool> Exists(const base::CancelToken& cancel, std::string_view name) override;
  base::StatusOr<ObjectAttributes> Attributes(const base::CancelToken& cancel,
                                              std::string_view name) override;
  base::Status Upload(const base::CancelToken& cancel, std::string_view name,
                      std::string_view content) override;
  base::Status UploadFile(const base::CancelToken& cancel, std::string_view name,
                          const std::string& local_path) override;
  base::Status Delete(const base::CancelToken& cancel, std::string_view name) override;

  int64_t num_calls() const { return num_calls_.load(); }

 private:
  // Waits and gives the fault for a call; the status is the error to return, if any.
  base::StatusOr<Fault> Begin(const base::CancelToken& cancel, BucketCall call);

  Bucket& inner_;
  Plan plan_;
  std::atomic<int64_t> num_calls_{0};
};

}  // namespace thanos::objstore
