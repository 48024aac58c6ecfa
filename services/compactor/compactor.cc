#include "services/compactor/compactor.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <sys/file.h>
#include <system_error>
#include <unistd.h>
#include <utility>
#include <vector>

#include "block/blocks_api.h"
#include "block/fetcher.h"
#include "block/filters.h"
#include "compact/compactor.h"
#include "compact/planner.h"
#include "compact/syncer.h"
#include "concurrency/thread_pool.h"
#include "downsample/downsample.h"
#include "model/time_range.h"
#include "objstore/factory.h"
#include "telemetry/log.h"

namespace thanos::services {
namespace {

constexpr size_t kMinFetchThreads = 8;
constexpr size_t kMaxFetchThreads = 64;
// A halted compactor waits to be stopped.
constexpr base::Duration kForever = std::chrono::hours(24 * 365);

size_t AtLeastOne(int64_t number) {
  return static_cast<size_t>(std::max<int64_t>(number, 1));
}

// Held while the process uses its data directory: two on one directory would take each other's scratch away.
class DirectoryLock {
 public:
  static base::StatusOr<std::unique_ptr<DirectoryLock>> Take(const std::string& directory) {
    std::error_code error;
    std::filesystem::create_directories(directory, error);
    std::unique_ptr<DirectoryLock> lock(
        new DirectoryLock(open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)));
    if (error || lock->fd_ < 0) {
      return base::ErrnoStatus(error ? error.value() : errno,
                               base::Concat("open data directory ", directory));
    }
    if (flock(lock->fd_, LOCK_EX | LOCK_NB) != 0) {
      return base::FailedPrecondition("data directory ", directory, " is in use by another process");
    }
    return lock;
  }
  ~DirectoryLock() {
    if (fd_ >= 0) {
      close(fd_);
    }
  }
  DirectoryLock(const DirectoryLock&) = delete;
  DirectoryLock& operator=(const DirectoryLock&) = delete;

 private:
  explicit DirectoryLock(int fd) : fd_(fd) {}
  const int fd_;
};

// The values of a repeatable flag that also takes comma separated lists.
std::vector<std::string> SplitLists(const std::vector<std::string>& values) {
  std::vector<std::string> parts;
  for (const std::string& value : values) {
    for (const std::string_view part : base::Split(value, ',')) {
      if (!part.empty()) {
        parts.emplace_back(part);
      }
    }
  }
  return parts;
}

base::StatusOr<compact::CompactorOptions> CompactorOptionsOf(const CompactorFlags& flags) {
  compact::CompactorOptions options;
  options.data_directory = flags.data_dir;
  TH_ASSIGN_OR_RETURN(options.ranges_ms, compact::CompactionRanges(flags.debug_max_compaction_level));
  options.max_index_bytes = flags.compact_block_max_index_size.value;
  const bool has_replica_labels = !SplitLists(flags.deduplication_replica_label).empty();
  options.vertical = flags.compact_enable_vertical_compaction || has_replica_labels;
  if (flags.deduplication_func == "penalty") {
    if (!has_replica_labels) {
      return base::InvalidArgument("penalty based deduplication needs at least one replica label specified");
    }
    options.merge_function = compact::MergeFunction::kPenalty;
  }
  options.accept_malformed_index = flags.debug_accept_malformed_index;
  options.skip_out_of_order = flags.compact_skip_block_with_out_of_order_chunks;
  options.quarantine = flags.compact_quarantine_bad_blocks;
  options.with_hashes = flags.hash_func == "SHA256";
  options.downsampling = !flags.downsampling_disable;
  options.retention = {{downsample::kResolutionRaw, base::ToMs(flags.retention_resolution_raw.value)},
                       {downsample::kResolution5m, base::ToMs(flags.retention_resolution_5m.value)},
                       {downsample::kResolution1h, base::ToMs(flags.retention_resolution_1h.value)}};
  TH_RETURN_IF_ERROR(compact::CheckRetention(options.retention, options.downsampling));
  options.delete_delay_ms = base::ToMs(flags.delete_delay.value);
  options.concurrency = AtLeastOne(flags.compact_concurrency);
  options.block_fetch_concurrency = AtLeastOne(flags.compact_blocks_fetch_concurrency);
  options.downsample_concurrency = AtLeastOne(flags.downsample_concurrency);
  options.file_concurrency = AtLeastOne(flags.block_files_concurrency);
  return options;
}

base::StatusOr<std::vector<std::unique_ptr<block::BlockFilter>>> Filters(const CompactorFlags& flags,
                                                                         const base::Clock& clock) {
  TH_ASSIGN_OR_RETURN(auto range, flags.time_range.Range(clock));
  TH_ASSIGN_OR_RETURN(const std::string selector_yaml, flags.selector_relabel.config.Read());
  auto selector = block::ParseBlockSelector(selector_yaml);
  if (!selector.ok()) {
    return base::Annotate(selector.status(), "selector.relabel-config");
  }
  std::vector<std::unique_ptr<block::BlockFilter>> filters;
  filters.push_back(std::make_unique<block::TimeFilter>(std::move(range)));
  if (*selector != nullptr) {
    filters.push_back(*std::move(selector));
  }
  filters.push_back(
      std::make_unique<block::ConsistencyDelayFilter>(base::ToMs(flags.consistency_delay.value), clock));
  return filters;
}

// Thanos' metrics of the loop.
struct LoopMetrics {
  explicit LoopMetrics(telemetry::Registry& registry)
      : halted(registry.AddGauge("thanos_compact_halted",
                                 "Set to 1 if the compactor halted due to an unexpected error.")),
        retries(registry.AddCounter("thanos_compact_retries_total",
                                    "Total number of retries after retriable compactor error.")),
        iterations(registry.AddCounter("thanos_compact_iterations_total",
                                       "Total number of iterations that were executed successfully.")) {}
  telemetry::Gauge& halted;
  telemetry::Counter& retries;
  telemetry::Counter& iterations;
};

// One iteration and what follows from its result.
void RunIteration(const base::CancelToken& cancel, compact::Compactor& compactor, const CompactorFlags& flags,
                  LoopMetrics& metrics, app::Service& service) {
  const compact::IterationResult result = compactor.Iterate(cancel);
  if (cancel.cancelled()) {
    return;
  }
  if (result.status.ok()) {
    metrics.iterations.Increment();
    TH_LOG(kInfo, "compaction iterations done");
    if (!flags.wait) {
      service.Stop();
    }
    return;
  }
  if (!flags.wait || (result.halt && !flags.debug_halt_on_error)) {
    service.Fail(result.halt ? base::Annotate(result.status, "critical error detected") : result.status);
    return;
  }
  if (result.halt) {
    TH_LOG(kError, "critical error detected; halting").With("err", result.status);
    metrics.halted.Set(1);
    (void)cancel.SleepFor(kForever);
    return;
  }
  TH_LOG(kError, "retriable error").With("err", result.status);
  metrics.retries.Increment();
}

// Background work of --wait.
void AddBackground(app::Service& service, const CompactorFlags& flags, compact::Compactor& compactor,
                   LoopMetrics& metrics) {
  const auto count_retry = [&metrics](const base::CancelToken& cancel, const base::Status& status) {
    if (!status.ok() && !cancel.cancelled()) {
      metrics.retries.Increment();
    }
    return status;
  };
  if (flags.compact_cleanup_interval.value > base::Duration::zero()) {
    service.AddPeriodic("cleanup", flags.compact_cleanup_interval.value,
                        [&compactor, count_retry](const base::CancelToken& cancel) {
                          return count_retry(cancel, compactor.Cleanup(cancel));
                        });
  }
  if (flags.compact_progress_interval.value > base::Duration::zero()) {
    service.AddPeriodic("progress", flags.compact_progress_interval.value,
                        [&compactor, count_retry](const base::CancelToken& cancel) {
                          return count_retry(cancel, compactor.UpdateProgress(cancel));
                        });
  }
}

// API of the block viewer: all blocks of the bucket, and those the compactor works on.
void AddPages(app::Service& service, const CompactorFlags& flags, compact::Syncer& syncer,
              block::MetaFetcher& global_fetcher, block::BlocksApi& blocks_api) {
  const std::string prefix = flags.web.RoutePrefix();
  service.AddStatusRoutes(prefix);
  for (net::HttpServer::Route& route : blocks_api.Routes(prefix)) {
    service.AddRoute(std::move(route));
  }
  syncer.OnSynced([&blocks_api](const block::MetaMap& metas, const base::Status& error) {
    blocks_api.SetLoaded(metas, error);
  });
  global_fetcher.OnFetched([&blocks_api](const block::MetaMap& metas, const base::Status& error) {
    blocks_api.SetGlobal(metas, error);
  });
  service.AddPeriodic("block-viewer", flags.block_viewer_global_sync_block_interval.value,
                      [&global_fetcher, timeout = flags.block_viewer_global_sync_block_timeout.value](
                          const base::CancelToken& cancel) {
                        const base::CancelSource limited(cancel, timeout);
                        return global_fetcher.Fetch(limited.token()).status();
                      });
}

void SetDelayMetrics(const CompactorFlags& flags, telemetry::Registry& metrics) {
  metrics.AddGauge("thanos_delete_delay_seconds", "Configured delete delay in seconds.")
      .Set(base::ToSeconds(flags.delete_delay.value));
  metrics.AddGauge("thanos_consistency_delay_seconds", "Configured consistency delay in seconds.")
      .Set(base::ToSeconds(flags.consistency_delay.value));
}

base::StatusOr<std::unique_ptr<objstore::Bucket>> OpenBucket(const CompactorFlags& flags,
                                                             telemetry::Registry& metrics) {
  TH_ASSIGN_OR_RETURN(const std::string yaml, flags.objstore.config.ReadRequired());
  return objstore::FromConfig(yaml, metrics);
}

}  // namespace

int RunCompactor(app::Service& service, const CompactorFlags& flags) {
  const app::Deps deps = service.deps();
  auto options = CompactorOptionsOf(flags);
  if (!options.ok()) {
    return service.ExitWith(options.status());
  }
  auto filters = Filters(flags, deps.clock);
  if (!filters.ok()) {
    return service.ExitWith(filters.status());
  }
  const auto bucket = OpenBucket(flags, deps.metrics);
  if (!bucket.ok()) {
    return service.ExitWith(base::Annotate(bucket.status(), "create bucket client"));
  }
  const auto lock = DirectoryLock::Take(flags.data_dir);
  if (!lock.ok()) {
    return service.ExitWith(lock.status());
  }
  if (options->vertical) {
    TH_LOG(kInfo, "vertical compaction is enabled").With("function", flags.deduplication_func);
  }
  SetDelayMetrics(flags, deps.metrics);
  const size_t fetch_concurrency = AtLeastOne(flags.block_meta_fetch_concurrency);
  concurrency::ThreadPool fetch_pool(
      "bucket-fetch", static_cast<int>(std::clamp(fetch_concurrency, kMinFetchThreads, kMaxFetchThreads)));
  block::FetchOptions fetch{.cache_directory = base::Concat(flags.data_dir, "/meta-syncer"),
                            .concurrency = fetch_concurrency,
                            .recursive_listing = flags.block_discovery_strategy == "recursive"};
  compact::Syncer syncer({.fetch = fetch,
                          .replica_labels = SplitLists(flags.deduplication_replica_label),
                          .delete_delay_ms = options->delete_delay_ms},
                         **bucket, fetch_pool, deps.clock, deps.metrics, *std::move(filters));
  // The viewer shows all blocks, whatever is worked on.
  fetch.cache_directory.clear();
  fetch.metrics_prefix = "thanos_bucket_uiblocks_meta";
  block::MetaFetcher global_fetcher(fetch, **bucket, fetch_pool, deps.metrics, {});
  block::BlocksApi blocks_api({.label = flags.bucket_web_label,
                               .disable_admin_operations = flags.disable_admin_operations,
                               .cors = !flags.web.disable_cors},
                              **bucket, deps.clock);
  compact::Compactor compactor(*std::move(options), **bucket, syncer, deps.io_pool, deps.cpu_pool, deps.clock,
                               deps.metrics);
  LoopMetrics metrics(deps.metrics);
  if (flags.wait) {
    if (!flags.web_disable) {
      AddPages(service, flags, syncer, global_fetcher, blocks_api);
    }
    AddBackground(service, flags, compactor, metrics);
  }
  service.AddPeriodic("compaction", flags.wait ? flags.wait_interval.value : kForever,
                      [&](const base::CancelToken& cancel) {
                        RunIteration(cancel, compactor, flags, metrics, service);
                        return base::OkStatus();
                      });
  service.OnStarted([&service] { service.SetReady(); });
  return service.Run();
}

}  // namespace thanos::services
