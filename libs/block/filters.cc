#include "block/filters.h"

#include <algorithm>
#include <utility>

#include "base/mutex.h"
#include "concurrency/task_group.h"
#include "labels/builder.h"
#include "telemetry/log.h"

namespace thanos::block {
namespace {

constexpr size_t kMarkConcurrency = 32;

template <typename Excluded>
void RemoveIf(MetaMap* metas, StateCounts* counts, const char* state, const Excluded& excluded) {
  for (auto entry = metas->begin(); entry != metas->end();) {
    if (excluded(*entry->second)) {
      ++(*counts)[state];
      entry = metas->erase(entry);
    } else {
      ++entry;
    }
  }
}

bool IsRepairedOrCompacted(const Meta& meta) {
  return meta.thanos &&
         (meta.thanos->source == kSourceCompactor || meta.thanos->source == kSourceCompactorRepair ||
          meta.thanos->source == kSourceBucketRepair);
}

// All sources of `inner` are sources of `outer`.
bool Contains(const std::vector<model::Ulid>& outer, const std::vector<model::Ulid>& inner) {
  return std::includes(outer.begin(), outer.end(), inner.begin(), inner.end());
}

struct DuplicateCandidate {
  const Meta* meta;
  std::vector<model::Ulid> sources;  // sorted
};

}  // namespace

base::Status TimeFilter::Filter(const base::CancelToken&, MetaMap* metas, StateCounts* counts) {
  const model::ClosedRange range = range_();
  RemoveIf(metas, counts, "time-excluded", [&](const Meta& meta) {
    return meta.max_time_ms < range.min_ms || meta.min_time_ms > range.max_ms;
  });
  return base::OkStatus();
}

base::Status SelectionFilter::Filter(const base::CancelToken&, MetaMap* metas, StateCounts* counts) {
  RemoveIf(metas, counts, "label-excluded", [&](const Meta& meta) { return !keep_(meta); });
  return base::OkStatus();
}

base::Status ConsistencyDelayFilter::Filter(const base::CancelToken&, MetaMap* metas, StateCounts* counts) {
  const int64_t newest_ms = clock_.NowMs() - delay_ms_;
  RemoveIf(metas, counts, "too-fresh", [&](const Meta& meta) {
    return delay_ms_ > 0 && !IsRepairedOrCompacted(meta) && meta.UploadTimeMs() > newest_ms;
  });
  return base::OkStatus();
}

base::Status DeletionMarkFilter::Filter(const base::CancelToken& cancel, MetaMap* metas,
                                        StateCounts* counts) {
  std::vector<model::Ulid> ulids;
  for (const auto& entry : *metas) {
    ulids.push_back(entry.first);
  }
  base::Mutex mutex;
  std::vector<model::Ulid> marked;
  const int64_t newest_s = (clock_.NowMs() - delay_ms_) / 1000;
  TH_RETURN_IF_ERROR(concurrency::ParallelFor(pool_, cancel, ulids.size(), kMarkConcurrency,
                                              [&](const base::CancelToken& token, size_t i) -> base::Status {
                                                const auto mark = ReadDeletionMark(token, bucket_, ulids[i]);
                                                if (!mark.ok()) {
                                                  // One unreadable mark must not stop the others: the block
                                                  // stays in use until the mark can be read.
                                                  TH_LOG(kWarn, "reading deletion mark")
                                                      .With("block", ulids[i].ToString())
                                                      .With("err", mark.status());
                                                  return token.status();
                                                }
                                                if (*mark && (*mark)->deletion_time_s < newest_s) {
                                                  base::MutexLock lock(mutex);
                                                  marked.push_back(ulids[i]);
                                                }
                                                return base::OkStatus();
                                              }));
  for (const model::Ulid& ulid : marked) {
    metas->erase(ulid);
    ++(*counts)["marked-for-deletion"];
  }
  return base::OkStatus();
}

base::Status ReplicaLabelFilter::Filter(const base::CancelToken&, MetaMap* metas, StateCounts* counts) {
  if (names_.empty()) {
    return base::OkStatus();
  }
  labels::LabelBuilder builder;
  for (auto& [ulid, meta] : *metas) {
    builder.Reset(meta->external_labels());
    for (const std::string& name : names_) {
      builder.Delete(name);
    }
    if (!meta->thanos || builder.span().size() == meta->external_labels().size()) {
      continue;
    }
    if (builder.span().empty()) {
      builder.Set(names_.front(), "deduped");
    }
    auto changed = std::make_shared<Meta>(*meta);
    changed->thanos->labels = builder.Build();
    meta = std::move(changed);
    ++(*counts)["replica-label-removed"];
  }
  return base::OkStatus();
}

base::StatusOr<std::map<model::Ulid, model::Ulid>> FindCovered(const base::CancelToken& cancel,
                                                               const MetaMap& metas) {
  std::map<std::string, std::vector<DuplicateCandidate>> groups;
  for (const auto& [ulid, meta] : metas) {
    DuplicateCandidate candidate{meta.get(), meta->compaction.sources};
    std::sort(candidate.sources.begin(), candidate.sources.end());
    groups[base::Concat(meta->resolution_ms(), labels::ToString(meta->external_labels()))].push_back(
        std::move(candidate));
  }
  std::map<model::Ulid, model::Ulid> covered;
  for (auto& [key, group] : groups) {
    TH_RETURN_IF_ERROR(cancel.status());
    // Those with more sources first; among equals the newer block wins, as in Thanos.
    std::sort(group.begin(), group.end(), [](const DuplicateCandidate& a, const DuplicateCandidate& b) {
      return a.sources.size() != b.sources.size() ? a.sources.size() > b.sources.size()
                                                  : b.meta->ulid < a.meta->ulid;
    });
    std::vector<const DuplicateCandidate*> kept;
    for (const DuplicateCandidate& candidate : group) {
      const auto covering = std::find_if(kept.begin(), kept.end(), [&](const DuplicateCandidate* other) {
        return Contains(other->sources, candidate.sources);
      });
      if (!candidate.sources.empty() && covering != kept.end()) {
        covered.emplace(candidate.meta->ulid, (*covering)->meta->ulid);
      } else {
        kept.push_back(&candidate);
      }
    }
  }
  return covered;
}

base::Status DuplicateFilter::Filter(const base::CancelToken& cancel, MetaMap* metas, StateCounts* counts) {
  TH_ASSIGN_OR_RETURN(const auto covered, FindCovered(cancel, *metas));
  for (const auto& [ulid, covering] : covered) {
    metas->erase(ulid);
    ++(*counts)["duplicate"];
  }
  return base::OkStatus();
}

base::StatusOr<BlockMarks> ReadMarks(const base::CancelToken& cancel, objstore::Bucket& bucket,
                                     concurrency::ThreadPool& pool, size_t concurrency,
                                     const std::vector<model::Ulid>& blocks) {
  base::Mutex mutex;
  BlockMarks marks;
  const auto read_one = [&](const base::CancelToken& token, size_t i) -> base::Status {
    const model::Ulid& ulid = blocks[i];
    TH_ASSIGN_OR_RETURN(const auto deletion, ReadDeletionMark(token, bucket, ulid));
    TH_ASSIGN_OR_RETURN(const auto no_compact, ReadNoCompactMark(token, bucket, ulid));
    TH_ASSIGN_OR_RETURN(const auto no_downsample, ReadNoDownsampleMark(token, bucket, ulid));
    base::MutexLock lock(mutex);
    if (deletion) {
      marks.deletion.emplace(ulid, *deletion);
    }
    if (no_compact) {
      marks.no_compact.emplace(ulid, *no_compact);
    }
    if (no_downsample) {
      marks.no_downsample.emplace(ulid, *no_downsample);
    }
    return base::OkStatus();
  };
  TH_RETURN_IF_ERROR(concurrency::ParallelFor(pool, cancel, blocks.size(), concurrency, read_one));
  return marks;
}

base::Status ExtensionFilter::Filter(const base::CancelToken&, MetaMap* metas, StateCounts* counts) {
  RemoveIf(metas, counts, "parquet-migrated", [&](const Meta& meta) {
    return meta.thanos && std::find(meta.thanos->extension_keys.begin(), meta.thanos->extension_keys.end(),
                                    key_) != meta.thanos->extension_keys.end();
  });
  return base::OkStatus();
}

}  // namespace thanos::block
