#include "compact/cleaner.h"

#include <algorithm>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "base/strings.h"
#include "block/markers.h"
#include "concurrency/task_group.h"
#include "telemetry/log.h"

namespace thanos::compact {
namespace {

constexpr size_t kDeleteConcurrency = 32;
// Keeps times of marks, which anybody may have written, away from overflow.
constexpr int64_t kMaxMarkTimeS = int64_t{1} << 40;

// A missing object is as good as a deleted one.
base::Status DeleteObject(const base::CancelToken& cancel, objstore::Bucket& bucket,
                          const std::string& name) {
  const base::Status status = bucket.Delete(cancel, name);
  return status.code() == base::StatusCode::kNotFound ? base::OkStatus()
                                                      : base::Annotate(status, "deleting ", name);
}

base::StatusOr<std::vector<std::string>> ListBlock(const base::CancelToken& cancel, objstore::Bucket& bucket,
                                                   const model::Ulid& ulid) {
  std::vector<std::string> names;
  TH_RETURN_IF_ERROR(bucket.List(cancel, base::Concat(ulid.ToString(), "/"), {.recursive = true},
                                 [&](const objstore::ListEntry& entry) {
                                   names.push_back(entry.name);
                                   return base::OkStatus();
                                 }));
  return names;
}

}  // namespace

base::Status DeleteBlock(const base::CancelToken& cancel, objstore::Bucket& bucket, const model::Ulid& ulid) {
  const std::string id = ulid.ToString();
  const std::string mark = base::Concat(id, "/", block::kDeletionMarkFileName);
  TH_RETURN_IF_ERROR(DeleteObject(cancel, bucket, block::MetaPath(ulid)));
  TH_ASSIGN_OR_RETURN(const std::vector<std::string> names, ListBlock(cancel, bucket, ulid));
  for (const std::string& name : names) {
    if (name != mark) {
      TH_RETURN_IF_ERROR(DeleteObject(cancel, bucket, name));
    }
  }
  return DeleteObject(cancel, bucket, mark);
}

Cleaner::Cleaner(int64_t delete_delay_ms, objstore::Bucket& bucket, concurrency::ThreadPool& pool,
                 const base::Clock& clock, telemetry::Registry& metrics)
    : delete_delay_ms_(delete_delay_ms),
      bucket_(bucket),
      pool_(pool),
      clock_(clock),
      blocks_cleaned_(metrics.AddCounter("thanos_compact_blocks_cleaned_total",
                                         "Total number of blocks deleted in compactor.")),
      cleanup_failures_(metrics.AddCounter("thanos_compact_block_cleanup_failures_total",
                                           "Failures encountered while deleting blocks in compactor.")),
      partial_attempts_(
          metrics.AddCounter("thanos_compact_aborted_partial_uploads_deletion_attempts_total",
                             "Total number of started deletions of blocks that are assumed aborted and only "
                             "partially uploaded.")) {}

bool Cleaner::IsDue(const block::DeletionMark& mark) const {
  const int64_t marked_ms = std::clamp<int64_t>(mark.deletion_time_s, 0, kMaxMarkTimeS) * 1000;
  return clock_.NowMs() - marked_ms > delete_delay_ms_;
}

base::Status Cleaner::Delete(const base::CancelToken& cancel, const model::Ulid& ulid, std::string_view why) {
  const base::Status status = DeleteBlock(cancel, bucket_, ulid);
  if (status.ok()) {
    blocks_cleaned_.Increment();
    TH_LOG(kInfo, "deleted block").With("block", ulid.ToString()).With("reason", why);
  } else {
    cleanup_failures_.Increment();
  }
  return base::Annotate(status, "deleting block ", ulid.ToString());
}

base::Status Cleaner::DeleteMarked(const base::CancelToken& cancel, const BucketView& view) {
  std::vector<model::Ulid> due;
  for (const auto& [ulid, mark] : view.marks.deletion) {
    if (IsDue(mark)) {
      due.push_back(ulid);
    }
  }
  base::Mutex mutex;
  base::Status first_error;
  const auto delete_one = [&](const base::CancelToken& token, size_t i) -> base::Status {
    // The mark may have been taken away or replaced since it was read.
    const auto mark = block::ReadDeletionMark(token, bucket_, due[i]);
    base::Status status = mark.status();
    if (mark.ok() && *mark && IsDue(**mark)) {
      status = Delete(token, due[i], (*mark)->details.empty() ? "marked for deletion" : (*mark)->details);
    }
    base::MutexLock lock(mutex);
    first_error = first_error.ok() ? status : first_error;
    return token.status();
  };
  TH_RETURN_IF_ERROR(concurrency::ParallelFor(pool_, cancel, due.size(), kDeleteConcurrency, delete_one));
  return first_error;
}

base::StatusOr<std::optional<std::string>> Cleaner::WhyDeletable(const base::CancelToken& cancel,
                                                                 const model::Ulid& ulid) {
  const std::optional<std::string> stays;
  TH_ASSIGN_OR_RETURN(const std::vector<std::string> names, ListBlock(cancel, bucket_, ulid));
  const std::string meta_path = block::MetaPath(ulid);
  if (names.empty() || std::find(names.begin(), names.end(), meta_path) != names.end()) {
    return stays;
  }
  TH_ASSIGN_OR_RETURN(const bool has_meta, bucket_.Exists(cancel, meta_path));
  if (has_meta) {
    return stays;
  }
  TH_ASSIGN_OR_RETURN(const auto mark, block::ReadDeletionMark(cancel, bucket_, ulid));
  if (mark) {
    return IsDue(*mark) ? std::optional<std::string>("interrupted deletion") : stays;
  }
  int64_t newest_ms = 0;
  for (const std::string& name : names) {
    const auto attributes = bucket_.Attributes(cancel, name);
    if (attributes.status().code() == base::StatusCode::kNotFound) {
      return stays;  // somebody is at work there
    }
    TH_RETURN_IF_ERROR(attributes.status());
    newest_ms = std::max(newest_ms, attributes->last_modified_ms);
  }
  newest_ms = newest_ms == 0 ? ulid.time_ms() : newest_ms;
  return clock_.NowMs() - newest_ms > kPartialUploadAgeMs ? std::optional<std::string>("partial upload")
                                                          : stays;
}

void Cleaner::DeletePartial(const base::CancelToken& cancel, const BucketView& view) {
  const auto delete_one = [&](const base::CancelToken& token, size_t i) -> base::Status {
    const model::Ulid& ulid = view.partial[i];
    const auto why = WhyDeletable(token, ulid);
    base::Status status = why.status();
    if (why.ok() && *why) {
      partial_attempts_.Increment();
      status = Delete(token, ulid, **why);
    }
    if (!status.ok() && !token.cancelled()) {
      TH_LOG(kWarn, "cleaning a partial upload").With("block", ulid.ToString()).With("err", status);
    }
    return token.status();
  };
  const base::Status status =
      concurrency::ParallelFor(pool_, cancel, view.partial.size(), kDeleteConcurrency, delete_one);
  if (!status.ok() && !cancel.cancelled()) {
    TH_LOG(kWarn, "cleaning partial uploads").With("err", status);
  }
}

}  // namespace thanos::compact
