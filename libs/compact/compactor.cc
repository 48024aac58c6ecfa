#include "compact/compactor.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/strings.h"
#include "compact/block_transfer.h"
#include "compact/downsampling.h"
#include "compact/grouping.h"
#include "compact/internal/failure.h"
#include "compact/internal/group_compaction.h"
#include "compact/internal/metrics.h"
#include "compact/internal/progress.h"
#include "concurrency/task_group.h"
#include "config/units.h"
#include "telemetry/log.h"

namespace thanos::compact {
namespace {

using internal::Failure;
using internal::FailureKind;

// More threads than this help nobody.
constexpr size_t kMaxThreads = 64;

internal::GroupOptions GroupOptionsOf(const CompactorOptions& options) {
  internal::GroupOptions group;
  group.directory = base::Concat(options.data_directory, "/compact");
  group.planner = {.ranges_ms = options.ranges_ms,
                   .max_index_bytes = options.max_index_bytes,
                   .vertical = options.vertical};
  group.function = options.merge_function;
  group.accept_malformed_index = options.accept_malformed_index;
  group.skip_out_of_order = options.skip_out_of_order;
  group.quarantine = options.quarantine;
  group.with_hashes = options.with_hashes;
  group.block_fetch_concurrency = options.block_fetch_concurrency;
  return group;
}

DownsamplerOptions DownsamplerOptionsOf(const CompactorOptions& options) {
  return {.directory = base::Concat(options.data_directory, "/downsample"),
          .concurrency = options.downsample_concurrency,
          .file_concurrency = options.file_concurrency,
          .accept_malformed_index = options.accept_malformed_index,
          .with_hashes = options.with_hashes,
          .quarantine = options.quarantine};
}

int NumThreads(size_t wanted) {
  return static_cast<int>(std::clamp<size_t>(wanted, 1, kMaxThreads));
}

}  // namespace

struct Compactor::Impl {
  Impl(CompactorOptions all_options, objstore::Bucket& the_bucket, Syncer& the_syncer,
       concurrency::ThreadPool& io_pool, concurrency::ThreadPool& cpu_pool, const base::Clock& the_clock,
       telemetry::Registry& metrics);

  // Everything of an iteration up to retention; errors of groups and blocks are collected.
  Failure CompactAll(const base::CancelToken& cancel);
  Failure CompactGroups(const base::CancelToken& cancel, const BucketView& view, bool* changed);
  base::Status DownsampleAll(const base::CancelToken& cancel);
  base::Status ApplyRetention(const base::CancelToken& cancel);
  base::Status Cleanup(const base::CancelToken& cancel);

  const CompactorOptions options;
  const internal::GroupOptions group_options;
  objstore::Bucket& bucket;
  Syncer& syncer;
  const base::Clock& clock;
  Marker marker;
  internal::GroupMetrics group_metrics;
  Cleaner cleaner;
  const Transfer transfer;
  concurrency::ThreadPool group_pool;
  concurrency::ThreadPool block_pool;
  Downsampler downsampler;
  const internal::GroupContext context;
  telemetry::Counter& cleanups;
  std::array<telemetry::Gauge*, 4> todo{};
  base::Mutex cleanup_mutex;  // one clean-up at a time
};

Compactor::Impl::Impl(CompactorOptions all_options, objstore::Bucket& the_bucket, Syncer& the_syncer,
                      concurrency::ThreadPool& io_pool, concurrency::ThreadPool& cpu_pool,
                      const base::Clock& the_clock, telemetry::Registry& metrics)
    : options(std::move(all_options)),
      group_options(GroupOptionsOf(options)),
      bucket(the_bucket),
      syncer(the_syncer),
      clock(the_clock),
      marker(the_bucket, the_clock, metrics),
      group_metrics(metrics),
      cleaner(options.delete_delay_ms, the_bucket, io_pool, the_clock, metrics),
      transfer{the_bucket, io_pool, options.file_concurrency},
      group_pool("compact", NumThreads(options.concurrency)),
      block_pool("block-fetch", NumThreads(options.concurrency * options.block_fetch_concurrency)),
      downsampler(DownsamplerOptionsOf(options), the_bucket, io_pool, cpu_pool, the_clock, metrics, marker),
      context{group_options, transfer, block_pool, cpu_pool, the_clock, marker, group_metrics},
      cleanups(metrics.AddCounter("thanos_compact_block_cleanup_loops_total",
                                  "Total number of concurrent cleanup loops of partially uploaded blocks and "
                                  "marked blocks that were executed successfully.")) {
  todo = {
      &metrics.AddGauge("thanos_compact_todo_compactions", "number of compactions to be done"),
      &metrics.AddGauge("thanos_compact_todo_compaction_blocks", "number of blocks planned to be compacted"),
      &metrics.AddGauge("thanos_compact_todo_downsample_blocks", "number of blocks to be downsampled"),
      &metrics.AddGauge("thanos_compact_todo_deletion_blocks",
                        "number of blocks that have crossed their retention period")};
}

Failure Compactor::Impl::CompactGroups(const base::CancelToken& cancel, const BucketView& view,
                                       bool* changed) {
  std::vector<Group> groups = GroupBlocks(view.blocks);
  std::vector<std::string> keys;
  for (const Group& group : groups) {
    keys.push_back(group.key);
  }
  if (const base::Status status = RemoveOthers(group_options.directory, keys); !status.ok()) {
    return Failure::Retry(status);
  }
  std::erase_if(groups, [](const Group& group) { return group.blocks.size() < 2; });
  const std::set<model::Ulid> excluded = view.NoCompaction();
  base::Mutex mutex;
  Failure worst;
  const base::Status status = concurrency::ParallelFor(
      group_pool, cancel, groups.size(), std::max<size_t>(options.concurrency, 1),
      [&](const base::CancelToken& token, size_t i) {
        internal::GroupCompaction compaction(context, std::move(groups[i]), excluded);
        Failure failure = compaction.Run(token);
        if (failure.failed() && failure.kind != FailureKind::kCancelled) {
          TH_LOG(kError, "compacting a group; the others go on").With("err", failure.status);
        }
        base::MutexLock lock(mutex);
        *changed = *changed || compaction.changed();
        if (failure.failed() && (!worst.failed() || failure.kind == FailureKind::kHalt)) {
          worst = std::move(failure);
        }
        return token.status();
      });
  return !status.ok() && !worst.failed() ? Failure::Retry(status) : worst;
}

Failure Compactor::Impl::CompactAll(const base::CancelToken& cancel) {
  while (true) {
    const auto view = syncer.Sync(cancel);
    if (!view.ok()) {
      return Failure::Retry(view.status());
    }
    if (const base::Status status = syncer.CollectGarbage(cancel, **view, marker); !status.ok()) {
      return Failure::Retry(base::Annotate(status, "garbage collection"));
    }
    bool changed = false;
    Failure failure = CompactGroups(cancel, **view, &changed);
    // The other groups are done by then; a failed one is tried again in the next iteration.
    if (failure.failed() || !changed) {
      if (const base::Status status = RemoveTree(group_options.directory);
          !failure.failed() && !status.ok()) {
        return Failure::Retry(status);
      }
      return failure;
    }
  }
}

base::Status Compactor::Impl::DownsampleAll(const base::CancelToken& cancel) {
  if (!options.downsampling) {
    return base::OkStatus();
  }
  base::Status first_error;
  // The second pass makes 1h blocks of the 5m blocks of the first.
  for (int pass = 1; pass <= 2; ++pass) {
    TH_LOG(kInfo, "start pass of downsampling").With("pass", pass);
    TH_ASSIGN_OR_RETURN(const auto view, syncer.Sync(cancel));
    const base::Status status = downsampler.RunPass(cancel, *view);
    TH_RETURN_IF_ERROR(cancel.status());
    first_error = first_error.ok() ? status : first_error;
  }
  return first_error;
}

base::Status Compactor::Impl::ApplyRetention(const base::CancelToken& cancel) {
  TH_ASSIGN_OR_RETURN(const auto view, syncer.Sync(cancel));
  return MarkExpired(cancel, options.retention, *view, clock.NowMs(), marker);
}

base::Status Compactor::Impl::Cleanup(const base::CancelToken& cancel) {
  base::MutexLock lock(cleanup_mutex);
  TH_ASSIGN_OR_RETURN(const auto view, syncer.Sync(cancel));
  cleaner.DeletePartial(cancel, *view);
  TH_RETURN_IF_ERROR(base::Annotate(cleaner.DeleteMarked(cancel, *view), "cleaning marked blocks"));
  TH_RETURN_IF_ERROR(cancel.status());
  cleanups.Increment();
  return base::OkStatus();
}

Compactor::Compactor(CompactorOptions options, objstore::Bucket& bucket, Syncer& syncer,
                     concurrency::ThreadPool& io_pool, concurrency::ThreadPool& cpu_pool,
                     const base::Clock& clock, telemetry::Registry& metrics)
    : impl_(std::make_unique<Impl>(std::move(options), bucket, syncer, io_pool, cpu_pool, clock, metrics)) {}

Compactor::~Compactor() = default;

IterationResult Compactor::Iterate(const base::CancelToken& cancel) {
  base::Status first_error;
  const auto note = [&](const base::Status& status) {
    first_error = first_error.ok() ? status : first_error;
  };
  note(impl_->Cleanup(cancel));
  const Failure failure = impl_->CompactAll(cancel);
  if (failure.kind == FailureKind::kHalt && !impl_->options.quarantine) {
    return {base::Annotate(failure.status, "compaction"), true};
  }
  if (cancel.cancelled()) {
    return {cancel.status(), false};
  }
  note(base::Annotate(failure.status, "compaction"));
  note(base::Annotate(impl_->DownsampleAll(cancel), "downsampling"));
  if (cancel.cancelled()) {
    return {cancel.status(), false};
  }
  note(base::Annotate(impl_->ApplyRetention(cancel), "retention"));
  note(impl_->Cleanup(cancel));
  return {cancel.cancelled() ? cancel.status() : first_error, false};
}

base::Status Compactor::Cleanup(const base::CancelToken& cancel) {
  return impl_->Cleanup(cancel);
}

base::Status Compactor::UpdateProgress(const base::CancelToken& cancel) {
  TH_ASSIGN_OR_RETURN(const auto view, impl_->syncer.Sync(cancel));
  TH_ASSIGN_OR_RETURN(const internal::TodoCounts counts,
                      internal::CountTodo(cancel, impl_->group_options.planner, impl_->options.retention,
                                          impl_->options.downsampling, *view, impl_->clock.NowMs()));
  const std::array values = {counts.num_compactions, counts.num_compaction_blocks,
                             counts.num_downsample_blocks, counts.num_deletion_blocks};
  for (size_t i = 0; i < values.size(); ++i) {
    impl_->todo[i]->Set(static_cast<double>(values[i]));
  }
  return base::OkStatus();
}

}  // namespace thanos::compact
