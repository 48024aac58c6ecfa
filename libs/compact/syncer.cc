#include "compact/syncer.h"

#include <algorithm>
#include <utility>

#include "base/strings.h"
#include "telemetry/log.h"

namespace thanos::compact {
namespace {

template <typename Mark>
std::set<model::Ulid> Marked(const std::map<model::Ulid, Mark>& marks) {
  std::set<model::Ulid> ulids;
  for (const auto& entry : marks) {
    ulids.insert(entry.first);
  }
  return ulids;
}

}  // namespace

std::set<model::Ulid> BucketView::NoCompaction() const {
  return Marked(marks.no_compact);
}

std::set<model::Ulid> BucketView::NoDownsampling() const {
  return Marked(marks.no_downsample);
}

// The compactor's own filters as one, which keeps what they learn.
class Syncer::Collector final : public block::BlockFilter {
 public:
  Collector(const SyncerOptions& options, objstore::Bucket& bucket, concurrency::ThreadPool& pool,
            const base::Clock& clock)
      : replica_labels_(options.replica_labels),
        concurrency_(std::max<size_t>(options.fetch.concurrency, 1)),
        ignore_delay_ms_(options.delete_delay_ms / 2),
        bucket_(bucket),
        pool_(pool),
        clock_(clock) {}

  base::Status Filter(const base::CancelToken& cancel, block::MetaMap* metas,
                      block::StateCounts* counts) override {
    view_ = std::make_shared<BucketView>();
    std::vector<model::Ulid> ulids;
    for (const auto& entry : *metas) {
      ulids.push_back(entry.first);
    }
    TH_ASSIGN_OR_RETURN(view_->marks, block::ReadMarks(cancel, bucket_, pool_, concurrency_, ulids));
    const int64_t newest_s = (clock_.NowMs() - ignore_delay_ms_) / 1000;
    for (const auto& [ulid, mark] : view_->marks.deletion) {
      const auto meta = metas->find(ulid);
      // A block without samples leaves no gap.
      if (meta != metas->end() && (mark.deletion_time_s < newest_s || meta->second->stats.num_samples == 0)) {
        metas->erase(meta);
        ++(*counts)["marked-for-deletion"];
      }
    }
    TH_RETURN_IF_ERROR(replica_labels_.Filter(cancel, metas, counts));
    TH_ASSIGN_OR_RETURN(const auto covered, block::FindCovered(cancel, *metas));
    for (const auto& [ulid, covering] : covered) {
      // A block that is itself about to go replaces nothing.
      if (!view_->marks.deletion.contains(ulid) && !view_->marks.deletion.contains(covering)) {
        view_->garbage.emplace(ulid, covering);
        view_->covering.emplace(covering, metas->at(covering));
      }
      ++(*counts)["duplicate"];
    }
    for (const auto& entry : covered) {
      metas->erase(entry.first);
    }
    for (const auto& entry : view_->marks.no_compact) {
      (*counts)["marked-for-no-compact"] += metas->contains(entry.first) ? 1 : 0;
    }
    view_->blocks = *metas;
    return base::OkStatus();
  }

  std::shared_ptr<BucketView> Take() { return std::move(view_); }

 private:
  block::ReplicaLabelFilter replica_labels_;
  const size_t concurrency_;
  const int64_t ignore_delay_ms_;
  objstore::Bucket& bucket_;
  concurrency::ThreadPool& pool_;
  const base::Clock& clock_;
  std::shared_ptr<BucketView> view_;
};

Syncer::Metrics::Metrics(telemetry::Registry& registry)
    : garbage_collections(registry.AddCounter("thanos_compact_garbage_collection_total",
                                              "Total number of garbage collection operations.")),
      garbage_collection_failures(
          registry.AddCounter("thanos_compact_garbage_collection_failures_total",
                              "Total number of failed garbage collection operations.")),
      garbage_collected_blocks(
          registry.AddCounter("thanos_compact_garbage_collected_blocks_total",
                              "Total number of blocks marked for deletion by compactor.")),
      garbage_collection_duration(
          registry.AddHistogram("thanos_compact_garbage_collection_duration_seconds",
                                "Time it took to perform garbage collection iteration.",
                                {0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10})) {}

Syncer::Syncer(SyncerOptions options, objstore::Bucket& bucket, concurrency::ThreadPool& pool,
               const base::Clock& clock, telemetry::Registry& metrics,
               std::vector<std::unique_ptr<block::BlockFilter>> filters)
    : bucket_(bucket), pool_(pool), metrics_(metrics) {
  auto collector = std::make_unique<Collector>(options, bucket, pool, clock);
  collector_ = collector.get();
  filters.push_back(std::move(collector));
  fetcher_ = std::make_unique<block::MetaFetcher>(std::move(options.fetch), bucket, pool, metrics,
                                                  std::move(filters));
}

base::StatusOr<std::shared_ptr<const BucketView>> Syncer::Sync(const base::CancelToken& cancel) {
  base::MutexLock lock(mutex_);
  auto result = fetcher_->Fetch(cancel);
  std::shared_ptr<BucketView> view = collector_->Take();
  if (!result.ok()) {
    return base::Annotate(result.status(), "sync of metas");
  }
  TH_RETURN_IF_ERROR(base::Annotate(result->incomplete, "sync of metas, incomplete view"));
  for (const auto& [ulid, status] : result->damaged) {
    TH_LOG(kWarn, "block with damaged meta.json is left alone")
        .With("block", ulid.ToString())
        .With("err", status);
  }
  view->partial = std::move(result->partial);
  return std::shared_ptr<const BucketView>(std::move(view));
}

base::Status Syncer::CheckComplete(const base::CancelToken& cancel, const block::Meta& meta) {
  TH_RETURN_IF_ERROR(cancel.status());
  if (!meta.thanos || meta.thanos->files.empty()) {
    return base::OkStatus();  // an uploader that did not list its files
  }
  for (const block::BlockFile& file : meta.thanos->files) {
    const std::string name = base::Concat(meta.ulid.ToString(), "/", file.rel_path);
    const auto attributes = bucket_.Attributes(cancel, name);
    TH_RETURN_IF_ERROR(base::Annotate(attributes.status(), "checking ", name));
    if (file.size_bytes != 0 && attributes->size_bytes != file.size_bytes) {
      return base::DataLoss(name, " has ", attributes->size_bytes, " bytes, meta.json says ",
                            file.size_bytes);
    }
  }
  return base::OkStatus();
}

base::Status Syncer::CollectGarbage(const base::CancelToken& cancel, const BucketView& view, Marker& marker) {
  const base::TimePoint start = base::SteadyNow();
  base::Status first_error;
  std::map<model::Ulid, base::Status> checked;
  for (const auto& [ulid, covering] : view.garbage) {
    if (!checked.contains(covering)) {
      const auto meta = view.covering.find(covering);
      checked[covering] =
          meta == view.covering.end() ? base::OkStatus() : CheckComplete(cancel, *meta->second);
    }
    base::Status status = checked[covering];
    if (status.ok()) {
      status = marker.ForDeletion(cancel, ulid, "outdated block");
    }
    if (status.ok()) {
      metrics_.garbage_collected_blocks.Increment();
      continue;
    }
    first_error = first_error.ok() ? base::Annotate(status, "garbage ", ulid.ToString()) : first_error;
    metrics_.garbage_collection_failures.Increment();
    TH_RETURN_IF_ERROR(cancel.status());
  }
  metrics_.garbage_collections.Increment();
  metrics_.garbage_collection_duration.Observe(base::ToSeconds(base::SteadyNow() - start));
  return first_error;
}

}  // namespace thanos::compact
