#pragma once

// Buckets around a bucket.

#include <array>
#include <memory>
#include <string>
#include <string_view>

#include "objstore/bucket.h"
#include "telemetry/metrics.h"

namespace thanos::objstore {

// All objects of `inner` below "<prefix>/", seen without it. Slashes around the prefix are ignored; an empty
// prefix changes nothing.
class PrefixBucket final : public Bucket {
 public:
  PrefixBucket(std::unique_ptr<Bucket> inner, std::string_view prefix);

  std::string_view provider() const override { return inner_->provider(); }
  std::string_view name() const override { return inner_->name(); }
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
  base::StatusOr<std::string> Inner(std::string_view name) const;

  std::unique_ptr<Bucket> inner_;
  std::string prefix_;  // empty, or ends with '/'
};

// Counts and times the operations of `inner` in the thanos_objstore_bucket_* metrics, labelled with the
// bucket's name.
class MeteredBucket final : public Bucket {
 public:
  // `metrics` must outlive the bucket.
  MeteredBucket(std::unique_ptr<Bucket> inner, telemetry::Registry& metrics);

  std::string_view provider() const override { return inner_->provider(); }
  std::string_view name() const override { return inner_->name(); }
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
  enum Operation { kIter, kGet, kGetRange, kExists, kAttributes, kUpload, kDelete, kNumOperations };
  struct Instruments {
    telemetry::Counter* total = nullptr;
    telemetry::Counter* failures = nullptr;
    telemetry::Histogram* duration = nullptr;
    telemetry::Counter* fetched_bytes = nullptr;        // null for operations that fetch nothing
    telemetry::Histogram* transferred_bytes = nullptr;  // null for operations without content
  };
  // Records the end of an operation that began at `start`.
  void Finish(Operation operation, base::TimePoint start, const base::Status& status, double num_bytes = 0);
  void FinishUpload(base::TimePoint start, const base::Status& status, double num_bytes);

  std::unique_ptr<Bucket> inner_;
  std::array<Instruments, kNumOperations> instruments_;
  telemetry::Gauge* last_upload_;
};

}  // namespace thanos::objstore
