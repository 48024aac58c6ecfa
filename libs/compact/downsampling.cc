#include "compact/downsampling.h"

#include <algorithm>
#include <map>
#include <utility>

#include "base/strings.h"
#include "block/markers.h"
#include "compact/block_merger.h"
#include "compact/block_transfer.h"
#include "compact/internal/block_check.h"
#include "concurrency/task_group.h"
#include "downsample/downsample.h"
#include "model/time_range.h"
#include "shipper/block_upload.h"
#include "telemetry/log.h"

namespace thanos::compact {
namespace {

using downsample::kResolution5m;
using downsample::kResolutionRaw;

struct Target {
  int64_t resolution_ms;
  int64_t min_range_ms;
};

// What becomes of blocks of a resolution; nothing for 1h and unknown ones.
const Target* TargetOf(int64_t resolution_ms) {
  static constexpr Target kFromRaw{kResolution5m, downsample::kMinRange5m};
  static constexpr Target kFrom5m{downsample::kResolution1h, downsample::kMinRange1h};
  return resolution_ms == kResolutionRaw ? &kFromRaw : resolution_ms == kResolution5m ? &kFrom5m : nullptr;
}

}  // namespace

std::vector<DownsampleTask> PlanDownsampling(const block::MetaMap& metas,
                                             const std::set<model::Ulid>& excluded) {
  std::vector<MetaPtr> blocks;
  std::map<int64_t, std::set<model::Ulid>> done;  // sources per resolution
  for (const auto& [ulid, meta] : metas) {
    if (!excluded.contains(ulid)) {
      blocks.push_back(meta);
      done[meta->resolution_ms()].insert(meta->compaction.sources.begin(), meta->compaction.sources.end());
    }
  }
  SortByMinTime(&blocks);
  std::vector<DownsampleTask> tasks;
  for (const MetaPtr& meta : blocks) {
    const Target* target = TargetOf(meta->resolution_ms());
    if (target == nullptr ||
        model::SaturatingSubtract(meta->max_time_ms, meta->min_time_ms) < target->min_range_ms) {
      continue;
    }
    const std::set<model::Ulid>& covered = done[target->resolution_ms];
    const auto& sources = meta->compaction.sources;
    if (!std::all_of(sources.begin(), sources.end(),
                     [&](const model::Ulid& source) { return covered.contains(source); })) {
      tasks.push_back({meta, target->resolution_ms});
    }
  }
  return tasks;
}

Downsampler::Downsampler(DownsamplerOptions options, objstore::Bucket& bucket,
                         concurrency::ThreadPool& io_pool, concurrency::ThreadPool& cpu_pool,
                         const base::Clock& clock, telemetry::Registry& metrics, Marker& marker)
    : options_(std::move(options)),
      bucket_(bucket),
      io_pool_(io_pool),
      cpu_pool_(cpu_pool),
      clock_(clock),
      metrics_(metrics),
      marker_(marker),
      task_pool_("downsample", static_cast<int>(std::clamp<size_t>(options_.concurrency, 1, 64))) {}

base::Status Downsampler::RunPass(const base::CancelToken& cancel, const BucketView& view) {
  std::vector<DownsampleTask> tasks = PlanDownsampling(view.blocks, view.NoDownsampling());
  for (const auto& [ulid, meta] : view.blocks) {
    const telemetry::MetricLabels labels = {{"resolution", base::Concat(meta->resolution_ms())}};
    (void)metrics_.AddCounter("thanos_compact_downsample_total", "Total number of downsampling attempts.",
                              labels);
    (void)metrics_.AddCounter("thanos_compact_downsample_failures_total",
                              "Total number of failed downsampling attempts.", labels);
  }
  {
    base::MutexLock lock(mutex_);
    std::erase_if(tasks, [&](const DownsampleTask& task) { return empty_.contains(task.block->ulid); });
  }
  // What an interrupted pass left of blocks that are still to be done is used again.
  std::vector<std::string> inputs;
  for (const DownsampleTask& task : tasks) {
    inputs.push_back(task.block->ulid.ToString());
  }
  TH_RETURN_IF_ERROR(RemoveOthers(options_.directory, inputs));
  base::Mutex mutex;
  base::Status first_error;
  const auto run_one = [&](const base::CancelToken& token, size_t i) -> base::Status {
    const base::Status status = RunTask(token, tasks[i]);
    base::MutexLock lock(mutex);
    first_error = first_error.ok() ? status : first_error;
    return token.status();
  };
  TH_RETURN_IF_ERROR(concurrency::ParallelFor(task_pool_, cancel, tasks.size(),
                                              std::max<size_t>(options_.concurrency, 1), run_one));
  if (first_error.ok()) {
    TH_RETURN_IF_ERROR(RemoveTree(options_.directory));
  }
  return first_error;
}

base::Status Downsampler::RunTask(const base::CancelToken& cancel, const DownsampleTask& task) {
  const std::string id = task.block->ulid.ToString();
  const telemetry::MetricLabels labels = {{"resolution", base::Concat(task.block->resolution_ms())}};
  const base::TimePoint start = base::SteadyNow();
  base::Status status = Downsample(cancel, task);
  if (cancel.cancelled()) {
    return cancel.status();
  }
  if (status.ok()) {
    metrics_.AddCounter("thanos_compact_downsample_total", "Total number of downsampling attempts.", labels)
        .Increment();
    metrics_
        .AddHistogram("thanos_compact_downsample_duration_seconds", "Duration of downsample runs",
                      {60, 300, 900, 1800, 3600, 7200, 14400}, labels)
        .Observe(base::ToSeconds(base::SteadyNow() - start));
    return status;
  }
  metrics_
      .AddCounter("thanos_compact_downsample_failures_total", "Total number of failed downsampling attempts.",
                  labels)
      .Increment();
  status = base::Annotate(status, "downsampling block ", id, " to ", task.resolution_ms / 1000, " s");
  if (options_.quarantine && internal::IsAboutData(status)) {
    TH_LOG(kError, "setting a block aside").With("block", id).With("err", status);
    return marker_.ForNoDownsampling(cancel, task.block->ulid, block::kReasonDamaged, base::Message(status));
  }
  TH_LOG(kError, "downsampling a block").With("block", id).With("err", status);
  return status;
}

base::Status Downsampler::Fetch(const base::CancelToken& cancel, const block::Meta& meta,
                                const std::string& directory) {
  const Transfer transfer{bucket_, io_pool_, options_.file_concurrency};
  base::Status status;
  // A damaged copy is fetched once more before the block is blamed.
  for (int attempt = 0; attempt < 2; ++attempt) {
    TH_RETURN_IF_ERROR(DownloadBlock(cancel, transfer, meta, directory));
    TH_ASSIGN_OR_RETURN(const BlockHealth health, VerifyBlock(cancel, directory, {.pool = &cpu_pool_}));
    const internal::BlockVerdict verdict = internal::Judge(health, options_.accept_malformed_index);
    // Chunks outside of the block's range are no hindrance here.
    status = verdict.fitness == internal::Fitness::kRepairable ? base::OkStatus() : verdict.status;
    if (verdict.fitness != internal::Fitness::kDamaged) {
      break;
    }
    TH_RETURN_IF_ERROR(RemoveTree(directory));
  }
  return base::Annotate(status, "input block index not valid");
}

base::Status Downsampler::Downsample(const base::CancelToken& cancel, const DownsampleTask& task) {
  const std::string input = base::Concat(options_.directory, "/", task.block->ulid.ToString());
  TH_RETURN_IF_ERROR(MakeDirectories(input));
  TH_RETURN_IF_ERROR(Fetch(cancel, *task.block, input));
  const model::Ulid ulid = model::Ulid::Generate(clock_.NowMs());
  TH_ASSIGN_OR_RETURN(auto result,
                      downsample::DownsampleBlock(cancel, input, task.resolution_ms, options_.directory,
                                                  {.ulid = ulid, .pool = &cpu_pool_}));
  if (result.empty) {
    TH_LOG(kInfo, "block has no samples to downsample").With("block", task.block->ulid.ToString());
    base::MutexLock lock(mutex_);
    empty_.insert(task.block->ulid);
    return base::OkStatus();
  }
  const std::string output = base::Concat(options_.directory, "/", ulid.ToString());
  TH_ASSIGN_OR_RETURN(const BlockHealth health, VerifyBlock(cancel, output, {.pool = &cpu_pool_}));
  TH_RETURN_IF_ERROR(base::Annotate(internal::Judge(health, options_.accept_malformed_index).status,
                                    "output block ", ulid.ToString(), " not valid"));
  TH_RETURN_IF_ERROR(shipper::DescribeFiles(output, options_.with_hashes, &result.meta));
  result.meta.thanos->upload_time = block::FormatRfc3339(clock_.NowMs());
  TH_RETURN_IF_ERROR(
      UploadBlock(cancel, {bucket_, io_pool_, options_.file_concurrency}, output, result.meta));
  TH_LOG(kInfo, "downsampled block")
      .With("from", task.block->ulid.ToString())
      .With("to", ulid.ToString())
      .With("resolution_s", task.resolution_ms / 1000)
      .With("series", result.meta.stats.num_series);
  TH_RETURN_IF_ERROR(RemoveTree(output));
  return RemoveTree(input);
}

}  // namespace thanos::compact
