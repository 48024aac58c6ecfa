#include "objstore/wrappers.h"

#include <chrono>
#include <filesystem>
#include <utility>

#include "objstore/internal/object_name.h"

namespace thanos::objstore {
namespace {

std::string CleanPrefix(std::string_view prefix) {
  while (prefix.starts_with('/')) {
    prefix.remove_prefix(1);
  }
  while (prefix.ends_with('/')) {
    prefix.remove_suffix(1);
  }
  return prefix.empty() ? std::string() : base::Concat(prefix, "/");
}

}  // namespace

PrefixBucket::PrefixBucket(std::unique_ptr<Bucket> inner, std::string_view prefix)
    : inner_(std::move(inner)), prefix_(CleanPrefix(prefix)) {}

base::StatusOr<std::string> PrefixBucket::Inner(std::string_view name) const {
  TH_RETURN_IF_ERROR(internal::CheckObjectName(name));
  return base::Concat(prefix_, name);
}

base::Status PrefixBucket::List(const base::CancelToken& cancel, std::string_view directory,
                                const ListOptions& options,
                                const std::function<base::Status(const ListEntry&)>& visit) {
  TH_ASSIGN_OR_RETURN(const std::string clean, internal::CleanDirectory(directory));
  return inner_->List(cancel, base::Concat(prefix_, clean), options, [&](const ListEntry& entry) {
    if (!entry.name.starts_with(prefix_)) {
      return base::Internal("listing of ", prefix_, " gave ", entry.name);
    }
    return visit(ListEntry{entry.name.substr(prefix_.size())});
  });
}

base::StatusOr<base::SharedBytes> PrefixBucket::Get(const base::CancelToken& cancel, std::string_view name) {
  TH_ASSIGN_OR_RETURN(const std::string inner_name, Inner(name));
  return inner_->Get(cancel, inner_name);
}

base::StatusOr<base::SharedBytes> PrefixBucket::GetRange(const base::CancelToken& cancel,
                                                         std::string_view name, int64_t offset,
                                                         int64_t length) {
  TH_ASSIGN_OR_RETURN(const std::string inner_name, Inner(name));
  return inner_->GetRange(cancel, inner_name, offset, length);
}

base::StatusOr<bool> PrefixBucket::Exists(const base::CancelToken& cancel, std::string_view name) {
  TH_ASSIGN_OR_RETURN(const std::string inner_name, Inner(name));
  return inner_->Exists(cancel, inner_name);
}

base::StatusOr<ObjectAttributes> PrefixBucket::Attributes(const base::CancelToken& cancel,
                                                          std::string_view name) {
  TH_ASSIGN_OR_RETURN(const std::string inner_name, Inner(name));
  return inner_->Attributes(cancel, inner_name);
}

base::Status PrefixBucket::Upload(const base::CancelToken& cancel, std::string_view name,
                                  std::string_view content) {
  TH_ASSIGN_OR_RETURN(const std::string inner_name, Inner(name));
  return inner_->Upload(cancel, inner_name, content);
}

base::Status PrefixBucket::UploadFile(const base::CancelToken& cancel, std::string_view name,
                                      const std::string& local_path) {
  TH_ASSIGN_OR_RETURN(const std::string inner_name, Inner(name));
  return inner_->UploadFile(cancel, inner_name, local_path);
}

base::Status PrefixBucket::Delete(const base::CancelToken& cancel, std::string_view name) {
  TH_ASSIGN_OR_RETURN(const std::string inner_name, Inner(name));
  return inner_->Delete(cancel, inner_name);
}

MeteredBucket::MeteredBucket(std::unique_ptr<Bucket> inner, telemetry::Registry& metrics)
    : inner_(std::move(inner)) {
  constexpr std::array<const char*, kNumOperations> kNames = {"iter",       "get",    "get_range", "exists",
                                                              "attributes", "upload", "delete"};
  const std::vector<double> durations = {0.001, 0.01, 0.1, 0.3, 0.6, 1, 3, 6, 9, 20, 30, 60, 90, 120};
  const std::string bucket(inner_->name());
  for (size_t i = 0; i < kNumOperations; ++i) {
    const telemetry::MetricLabels labels = {{"bucket", bucket}, {"operation", kNames[i]}};
    Instruments& instruments = instruments_[i];
    instruments.total =
        &metrics.AddCounter("thanos_objstore_bucket_operations_total",
                            "Total number of all attempted operations against a bucket.", labels);
    instruments.failures = &metrics.AddCounter(
        "thanos_objstore_bucket_operation_failures_total",
        "Total number of operations against a bucket that failed, but were not expected to fail.", labels);
    instruments.duration = &metrics.AddHistogram(
        "thanos_objstore_bucket_operation_duration_seconds",
        "Duration of successful operations against the bucket per operation.", durations, labels);
    if (i == kIter || i == kGet || i == kGetRange) {
      instruments.fetched_bytes =
          &metrics.AddCounter("thanos_objstore_bucket_operation_fetched_bytes_total",
                              "Total number of bytes fetched from bucket, per operation.", labels);
    }
    if (i == kGet || i == kGetRange || i == kUpload) {
      instruments.transferred_bytes =
          &metrics.AddHistogram("thanos_objstore_bucket_operation_transferred_bytes",
                                "Number of bytes transferred from/to bucket per operation.",
                                telemetry::ExponentialBounds(32768, 2, 16), labels);
    }
  }
  last_upload_ = &metrics.AddGauge("thanos_objstore_bucket_last_successful_upload_time",
                                   "Second timestamp of the last successful upload to the bucket.",
                                   {{"bucket", bucket}});
}

void MeteredBucket::Finish(Operation operation, base::TimePoint start, const base::Status& status,
                           double num_bytes) {
  Instruments& instruments = instruments_[operation];
  instruments.total->Increment();
  if (!status.ok()) {
    // Absence and cancellation are answers, not trouble with the bucket.
    if (status.code() != base::StatusCode::kNotFound && status.code() != base::StatusCode::kCancelled) {
      instruments.failures->Increment();
    }
    return;
  }
  instruments.duration->Observe(base::ToSeconds(base::SteadyNow() - start));
  if (instruments.fetched_bytes != nullptr) {
    instruments.fetched_bytes->Increment(num_bytes);
  }
  if (instruments.transferred_bytes != nullptr) {
    instruments.transferred_bytes->Observe(num_bytes);
  }
}

void MeteredBucket::FinishUpload(base::TimePoint start, const base::Status& status, double num_bytes) {
  Finish(kUpload, start, status, num_bytes);
  if (status.ok()) {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    last_upload_->Set(std::chrono::duration<double>(now).count());
  }
}

base::Status MeteredBucket::List(const base::CancelToken& cancel, std::string_view directory,
                                 const ListOptions& options,
                                 const std::function<base::Status(const ListEntry&)>& visit) {
  const base::TimePoint start = base::SteadyNow();
  base::Status status = inner_->List(cancel, directory, options, visit);
  Finish(kIter, start, status);
  return status;
}

base::StatusOr<base::SharedBytes> MeteredBucket::Get(const base::CancelToken& cancel, std::string_view name) {
  const base::TimePoint start = base::SteadyNow();
  auto result = inner_->Get(cancel, name);
  Finish(kGet, start, result.status(), result.ok() ? static_cast<double>(result->bytes.size()) : 0);
  return result;
}

base::StatusOr<base::SharedBytes> MeteredBucket::GetRange(const base::CancelToken& cancel,
                                                          std::string_view name, int64_t offset,
                                                          int64_t length) {
  const base::TimePoint start = base::SteadyNow();
  auto result = inner_->GetRange(cancel, name, offset, length);
  Finish(kGetRange, start, result.status(), result.ok() ? static_cast<double>(result->bytes.size()) : 0);
  return result;
}

base::StatusOr<bool> MeteredBucket::Exists(const base::CancelToken& cancel, std::string_view name) {
  const base::TimePoint start = base::SteadyNow();
  auto result = inner_->Exists(cancel, name);
  Finish(kExists, start, result.status());
  return result;
}

base::StatusOr<ObjectAttributes> MeteredBucket::Attributes(const base::CancelToken& cancel,
                                                           std::string_view name) {
  const base::TimePoint start = base::SteadyNow();
  auto result = inner_->Attributes(cancel, name);
  Finish(kAttributes, start, result.status());
  return result;
}

base::Status MeteredBucket::Upload(const base::CancelToken& cancel, std::string_view name,
                                   std::string_view content) {
  const base::TimePoint start = base::SteadyNow();
  base::Status status = inner_->Upload(cancel, name, content);
  FinishUpload(start, status, static_cast<double>(content.size()));
  return status;
}

base::Status MeteredBucket::UploadFile(const base::CancelToken& cancel, std::string_view name,
                                       const std::string& local_path) {
  const base::TimePoint start = base::SteadyNow();
  base::Status status = inner_->UploadFile(cancel, name, local_path);
  std::error_code error;
  const auto size = std::filesystem::file_size(local_path, error);
  FinishUpload(start, status, error ? 0 : static_cast<double>(size));
  return status;
}

base::Status MeteredBucket::Delete(const base::CancelToken& cancel, std::string_view name) {
  const base::TimePoint start = base::SteadyNow();
  base::Status status = inner_->Delete(cancel, name);
  Finish(kDelete, start, status);
  return status;
}

}  // namespace thanos::objstore
