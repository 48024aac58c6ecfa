// Keeping the set of loaded blocks in step with the bucket.

#include <filesystem>
#include <system_error>
#include <utility>

#include "bucketstore/bucket_store.h"
#include "bucketstore/internal/block_set.h"
#include "bucketstore/internal/metrics.h"
#include "concurrency/task_group.h"
#include "telemetry/log.h"

namespace thanos::bucketstore {

using internal::BlockSet;
using internal::BucketBlock;
using internal::UnloadedBlock;

void BucketStore::RemoveDirectory(const std::string& name) {
  std::error_code error;
  std::filesystem::remove_all(std::filesystem::path(options_.data_directory) / name, error);
  if (error) {
    metrics_->block_drop_failures.Increment();
    TH_LOG(kWarn, "removing local directory of block").With("block", name).With("err", error.message());
  }
}

void BucketStore::RemoveUnknownDirectories(const block::FetchResult& fetched) {
  std::vector<std::string> unknown;
  std::error_code error;
  for (auto entry = std::filesystem::directory_iterator(options_.data_directory, error);
       !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    const auto ulid = model::Ulid::Parse(name);
    if (ulid && !fetched.metas.contains(*ulid)) {
      unknown.push_back(name);
    }
  }
  for (const std::string& name : unknown) {
    TH_LOG(kInfo, "removing local directory of unknown block").With("block", name);
    RemoveDirectory(name);
  }
}

std::shared_ptr<const BlockSet> BucketStore::LoadBlocks(const base::CancelToken& cancel,
                                                        const block::FetchResult& fetched) {
  const auto current = blocks();
  std::vector<std::shared_ptr<BucketBlock>> kept;
  for (const auto& [ulid, loaded] : current->blocks()) {
    // An incomplete view of the bucket is no reason to drop a block.
    if (fetched.metas.contains(ulid) || !fetched.incomplete.ok()) {
      kept.push_back(loaded);
    }
  }
  std::vector<std::shared_ptr<BucketBlock>> fresh;
  for (const auto& [ulid, meta] : fetched.metas) {
    if (!current->blocks().contains(ulid)) {
      fresh.push_back(std::make_shared<BucketBlock>(meta, bucket_, options_, *metrics_));
    }
  }
  std::vector<base::Status> results(fresh.size());
  (void)concurrency::ParallelFor(
      pool_, cancel, fresh.size(), std::max<size_t>(options_.block_sync_concurrency, 1),
      [&](const base::CancelToken& token, size_t i) {
        const base::TimePoint start = base::SteadyNow();
        results[i] = fresh[i]->Load(token);
        metrics_->block_load_duration.Observe(base::ToSeconds(base::SteadyNow() - start));
        return token.status();
      });
  std::map<model::Ulid, UnloadedBlock> unloaded;
  for (const auto& [ulid, error] : fetched.damaged) {
    TH_LOG(kWarn, "block cannot be used").With("block", ulid.ToString()).With("err", error);
    unloaded.emplace(ulid, UnloadedBlock{nullptr, error});
  }
  for (const auto& [ulid, error] : fetched.unreadable) {
    if (!current->blocks().contains(ulid)) {
      TH_LOG(kWarn, "reading meta.json of block").With("block", ulid.ToString()).With("err", error);
      unloaded.emplace(ulid, UnloadedBlock{nullptr, error});
    }
  }
  for (size_t i = 0; i < fresh.size(); ++i) {
    metrics_->block_loads.Increment();
    if (results[i].ok()) {
      kept.push_back(fresh[i]);
      continue;
    }
    metrics_->block_load_failures.Increment();
    TH_LOG(kWarn, "loading block").With("block", fresh[i]->id()).With("err", results[i]);
    const auto meta = fetched.metas.at(fresh[i]->meta().ulid);
    unloaded.emplace(meta->ulid, UnloadedBlock{meta, results[i]});
  }
  return std::make_shared<const BlockSet>(std::move(kept), std::move(unloaded));
}

base::Status BucketStore::Sync(const base::CancelToken& cancel) {
  base::MutexLock sync_lock(sync_mutex_);
  TH_ASSIGN_OR_RETURN(const block::FetchResult fetched, fetcher_.Fetch(cancel));
  if (!ready() && fetched.incomplete.ok()) {
    RemoveUnknownDirectories(fetched);
  }
  const auto before = blocks();
  const auto after = LoadBlocks(cancel, fetched);
  TH_RETURN_IF_ERROR(cancel.status());
  {
    base::MutexLock lock(mutex_);
    blocks_ = after;
  }
  bool has_new = false;
  for (const auto& entry : after->blocks()) {
    has_new = has_new || !before->blocks().contains(entry.first);
  }
  for (const auto& [ulid, dropped] : before->blocks()) {
    if (!after->blocks().contains(ulid)) {
      metrics_->block_drops.Increment();
      RemoveDirectory(ulid.ToString());
    } else if (options_.lazy_index_headers) {
      dropped->CloseIdleHeader(base::SteadyNow() - options_.index_header_idle_timeout);
    }
  }
  metrics_->blocks_loaded.Set(static_cast<double>(after->blocks().size()));
  if (has_new) {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    metrics_->last_loaded.Set(std::chrono::duration<double>(now).count());
  }
  // A meta that cannot be read keeps the store from being ready only once: perhaps it is a passing trouble.
  // Should it last, the other blocks are served, with warnings that name those that are missing.
  ready_ = ready_ || fetched.incomplete.ok() || (has_tried_ && !after->blocks().empty());
  has_tried_ = true;
  return base::Annotate(fetched.incomplete, "incomplete view of the bucket");
}

}  // namespace thanos::bucketstore
