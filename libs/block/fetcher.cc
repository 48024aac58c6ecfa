#include "block/fetcher.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <set>
#include <system_error>
#include <utility>

#include "block/internal/local_files.h"
#include "concurrency/task_group.h"
#include "telemetry/log.h"

namespace thanos::block {
namespace {

// All states, so that each is exposed from the start.
constexpr std::array kStates = {"corrupted-meta-json",   "no-meta-json",     "failed",
                                "time-excluded",         "too-fresh",        "duplicate",
                                "label-excluded",        "no-bucket-index",  "marked-for-deletion",
                                "marked-for-no-compact", "parquet-migrated", "loaded"};

// The ULID of "<ULID>/" or "<ULID>/meta.json".
std::optional<model::Ulid> BlockOfEntry(std::string_view name) {
  const size_t slash = name.find('/');
  return slash == std::string_view::npos ? std::nullopt : model::Ulid::Parse(name.substr(0, slash));
}

}  // namespace

MetaFetcher::MetaFetcher(FetchOptions options, objstore::Bucket& bucket, concurrency::ThreadPool& pool,
                         telemetry::Registry& metrics, std::vector<std::unique_ptr<BlockFilter>> filters)
    : options_(std::move(options)),
      bucket_(bucket),
      pool_(pool),
      metrics_(metrics),
      filters_(std::move(filters)),
      syncs_(metrics.AddCounter(options_.metrics_prefix + "_syncs_total",
                                "Total blocks metadata synchronization attempts")),
      base_syncs_(metrics.AddCounter("thanos_blocks_meta_base_syncs_total",
                                     "Total blocks metadata synchronization attempts by base Fetcher")),
      failures_(metrics.AddCounter(options_.metrics_prefix + "_sync_failures_total",
                                   "Total blocks metadata synchronization failures")),
      duration_(metrics.AddHistogram(options_.metrics_prefix + "_sync_duration_seconds",
                                     "Duration of the blocks metadata synchronization in seconds",
                                     {0.01, 1, 10, 100, 300, 600, 1000})) {
  SetStates({});
  // Never counted here: no meta is used without asking the bucket for it, and none is changed.
  (void)metrics.AddCounter("thanos_blocks_meta_base_cache_busts_total",
                           "Total blocks metadata cache busts by base Fetcher");
}

void MetaFetcher::SetStates(const StateCounts& counts) {
  const auto count_of = [&](const char* state) {
    const auto count = counts.find(state);
    return count == counts.end() ? 0 : static_cast<double>(count->second);
  };
  for (const char* state : kStates) {
    metrics_
        .AddGauge(options_.metrics_prefix + "_synced", "Number of block metadata synced", {{"state", state}})
        .Set(count_of(state));
  }
  metrics_
      .AddGauge(options_.metrics_prefix + "_modified", "Number of blocks whose metadata changed",
                {{"modified", "replica-label-removed"}})
      .Set(count_of("replica-label-removed"));
}

base::StatusOr<std::vector<MetaFetcher::ListedBlock>> MetaFetcher::ListBlocks(
    const base::CancelToken& cancel) {
  std::vector<ListedBlock> blocks;
  const auto add = [&](const objstore::ListEntry& entry) {
    const auto ulid = BlockOfEntry(entry.name);
    if (!ulid) {
      return base::OkStatus();
    }
    if (blocks.empty() || blocks.back().ulid != *ulid) {
      blocks.push_back({*ulid, options_.recursive_listing ? std::optional<bool>(false) : std::nullopt});
    }
    if (entry.name == MetaPath(*ulid)) {
      blocks.back().has_meta = true;
    }
    return base::OkStatus();
  };
  TH_RETURN_IF_ERROR(bucket_.List(cancel, "", {.recursive = options_.recursive_listing}, add));
  return blocks;
}

// A store may answer with a list that is short and looks complete. Blocks are taken for gone only when asking
// for them says so.
void MetaFetcher::AddUnlisted(const MetaMap& known, std::vector<ListedBlock>* blocks) {
  std::set<model::Ulid> listed;
  for (const ListedBlock& block : *blocks) {
    listed.insert(block.ulid);
  }
  for (const auto& [ulid, meta] : known) {
    if (!listed.contains(ulid)) {
      blocks->push_back({.ulid = ulid, .listed = false});
    }
  }
}

base::StatusOr<std::shared_ptr<const Meta>> MetaFetcher::FindMeta(const base::CancelToken& cancel,
                                                                  const ListedBlock& block,
                                                                  const MetaMap& known) {
  const auto entry = known.find(block.ulid);
  std::shared_ptr<const Meta> meta = entry != known.end() ? entry->second : LoadCached(block.ulid);
  if (block.has_meta == false) {
    return base::NotFound("block ", block.ulid.ToString(), " has no meta.json");
  }
  if (meta == nullptr) {
    return LoadMeta(cancel, block.ulid);
  }
  // What was read before is used only while the block still is in the bucket.
  if (!block.has_meta) {
    TH_ASSIGN_OR_RETURN(const bool exists, bucket_.Exists(cancel, MetaPath(block.ulid)));
    if (!exists) {
      return base::NotFound("block ", block.ulid.ToString(), " has no meta.json");
    }
  }
  return meta;
}

std::shared_ptr<const Meta> MetaFetcher::LoadCached(const model::Ulid& ulid) const {
  if (options_.cache_directory.empty()) {
    return nullptr;
  }
  const auto text =
      internal::ReadFile(base::Concat(options_.cache_directory, "/", ulid.ToString(), "/", kMetaFileName));
  if (!text.ok()) {
    return nullptr;
  }
  auto meta = ParseMeta(*text);
  return meta.ok() && meta->ulid == ulid ? std::make_shared<const Meta>(*std::move(meta)) : nullptr;
}

base::StatusOr<std::shared_ptr<const Meta>> MetaFetcher::LoadMeta(const base::CancelToken& cancel,
                                                                  const model::Ulid& ulid) {
  TH_ASSIGN_OR_RETURN(const base::SharedBytes text, bucket_.Get(cancel, MetaPath(ulid)));
  auto meta = ParseMeta(text.bytes);
  if (!meta.ok()) {
    return base::Annotate(meta.status(), "block ", ulid.ToString(), " meta.json");
  }
  if (meta->ulid != ulid) {
    return base::DataLoss("block ", ulid.ToString(), " meta.json is of block ", meta->ulid.ToString());
  }
  if (!options_.cache_directory.empty()) {
    const std::string directory = base::Concat(options_.cache_directory, "/", ulid.ToString());
    base::Status status = internal::MakeDirectories(directory);
    if (status.ok()) {
      status = internal::WriteFileAtomically(base::Concat(directory, "/", kMetaFileName), text.bytes, false);
    }
    if (!status.ok()) {
      TH_LOG(kWarn, "caching block meta").With("block", ulid.ToString()).With("err", status);
    }
  }
  return std::make_shared<const Meta>(*std::move(meta));
}

base::Status MetaFetcher::ReadAll(const base::CancelToken& cancel, const std::vector<ListedBlock>& blocks,
                                  const MetaMap& known, FetchResult* result) {
  base::Mutex mutex;
  const auto read_one = [&](const base::CancelToken& token, size_t i) -> base::Status {
    const model::Ulid& ulid = blocks[i].ulid;
    auto meta = FindMeta(token, blocks[i], known);
    base::MutexLock lock(mutex);
    if (meta.ok()) {
      if (!blocks[i].listed) {
        TH_LOG(kWarn, "block is missing from the bucket's listing but is there")
            .With("block", ulid.ToString());
      }
      result->metas.emplace(ulid, *std::move(meta));
    } else if (meta.status().code() == base::StatusCode::kNotFound) {
      if (blocks[i].listed) {
        result->partial.push_back(ulid);
      }
    } else if (meta.status().code() == base::StatusCode::kDataLoss) {
      result->damaged.emplace(ulid, meta.status());
    } else {
      result->unreadable.emplace(ulid, meta.status());
      if (result->incomplete.ok()) {
        result->incomplete = base::Annotate(meta.status(), "block ", ulid.ToString());
      }
    }
    return cancel.status();
  };
  return concurrency::ParallelFor(pool_, cancel, blocks.size(), std::max<size_t>(options_.concurrency, 1),
                                  read_one);
}

void MetaFetcher::RemoveStaleCache(const MetaMap& metas) {
  if (options_.cache_directory.empty()) {
    return;
  }
  std::error_code error;
  std::vector<std::filesystem::path> stale;
  for (auto entry = std::filesystem::directory_iterator(options_.cache_directory, error);
       !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    const auto ulid = model::Ulid::Parse(entry->path().filename().string());
    if (ulid && !metas.contains(*ulid)) {
      stale.push_back(entry->path());
    }
  }
  for (const auto& path : stale) {
    if (const base::Status status = internal::RemoveTree(path); !status.ok()) {
      TH_LOG(kWarn, "removing cached block meta").With("path", path.string()).With("err", status);
    }
  }
}

base::StatusOr<FetchResult> MetaFetcher::FetchLocked(const base::CancelToken& cancel) {
  TH_ASSIGN_OR_RETURN(std::vector<ListedBlock> blocks, ListBlocks(cancel));
  AddUnlisted(known_, &blocks);
  FetchResult result;
  TH_RETURN_IF_ERROR(ReadAll(cancel, blocks, known_, &result));
  std::sort(result.partial.begin(), result.partial.end());
  if (result.incomplete.ok()) {
    RemoveStaleCache(result.metas);
    known_ = result.metas;
  } else {
    known_.insert(result.metas.begin(), result.metas.end());
  }
  StateCounts counts;
  counts["corrupted-meta-json"] = static_cast<int64_t>(result.damaged.size());
  counts["no-meta-json"] = static_cast<int64_t>(result.partial.size());
  counts["failed"] = result.incomplete.ok() ? 0 : 1;
  for (const auto& filter : filters_) {
    TH_RETURN_IF_ERROR(filter->Filter(cancel, &result.metas, &counts));
  }
  counts["loaded"] = static_cast<int64_t>(result.metas.size());
  SetStates(counts);
  return result;
}

base::StatusOr<FetchResult> MetaFetcher::Fetch(const base::CancelToken& cancel) {
  base::MutexLock lock(mutex_);
  const base::TimePoint start = base::SteadyNow();
  syncs_.Increment();
  base_syncs_.Increment();
  auto result = FetchLocked(cancel);
  duration_.Observe(base::ToSeconds(base::SteadyNow() - start));
  if (!result.ok() || !result->incomplete.ok()) {
    failures_.Increment();
  }
  if (on_fetched_) {
    on_fetched_(result.ok() ? result->metas : MetaMap(), result.ok() ? result->incomplete : result.status());
  }
  return result;
}

}  // namespace thanos::block
