// Commands that go on until they are stopped and serve HTTP meanwhile: web, replicate, downsample.

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "app/service.h"
#include "block/blocks_api.h"
#include "block/fetcher.h"
#include "block/filters.h"
#include "buckettools/replicate.h"
#include "compact/downsampling.h"
#include "compact/syncer.h"
#include "config/units.h"
#include "model/time_range.h"
#include "objstore/factory.h"
#include "promql_parser/parser.h"
#include "services/tools/one_shot.h"
#include "services/tools/progress.h"
#include "telemetry/log.h"

namespace thanos::tools {
namespace {

constexpr base::Duration kReplicationInterval = std::chrono::minutes(1);
constexpr base::Duration kShortTimeout = std::chrono::minutes(1);
constexpr base::Duration kShortRefresh = std::chrono::minutes(5);
constexpr size_t kFetchConcurrency = 32;

void WarnOfOddTimes(const BucketWebFlags& flags) {
  if (flags.refresh.value < kShortRefresh) {
    TH_LOG(kWarn, "Refreshing more often than 5m could lead to large data transfers");
  }
  if (flags.timeout.value < kShortTimeout) {
    TH_LOG(kWarn, "Timeout less than 1m could lead to frequent failures");
  }
  if (flags.refresh.value < 2 * flags.timeout.value) {
    TH_LOG(kWarn, "Refresh interval should be at least 2 times the timeout");
  }
}

int Web(app::Service& service, const BucketWebFlags& flags) {
  const app::Deps deps = service.deps();
  const auto bucket = OpenBucket(flags.objstore, deps.metrics);
  if (!bucket.ok()) {
    return service.ExitWith(bucket.status());
  }
  const auto selector_yaml = flags.selector_relabel.config.Read();
  auto selector = selector_yaml.ok() ? block::ParseBlockSelector(*selector_yaml) : selector_yaml.status();
  if (!selector.ok()) {
    return service.ExitWith(base::Annotate(selector.status(), "selector.relabel-config"));
  }
  auto range = flags.time_range.Range(deps.clock);
  if (!range.ok()) {
    return service.ExitWith(range.status());
  }
  WarnOfOddTimes(flags);
  block::BlocksApiOptions api_options;
  api_options.label = flags.label;
  api_options.disable_admin_operations = flags.disable_admin_operations;
  api_options.cors = !flags.web.disable_cors;
  block::BlocksApi api(std::move(api_options), **bucket, deps.clock);
  const std::string prefix = flags.web.RoutePrefix();
  service.AddStatusRoutes(prefix);
  for (net::HttpServer::Route& route : api.Routes(prefix)) {
    service.AddRoute(std::move(route));
  }
  std::vector<std::unique_ptr<block::BlockFilter>> filters;
  filters.push_back(std::make_unique<block::TimeFilter>(*std::move(range)));
  if (*selector != nullptr) {
    filters.push_back(*std::move(selector));
  }
  filters.push_back(std::make_unique<block::DuplicateFilter>());
  block::FetchOptions fetch;
  fetch.metrics_prefix = "thanos_bucket_blocks_meta";
  block::MetaFetcher fetcher(std::move(fetch), **bucket, deps.io_pool, deps.metrics, std::move(filters));
  fetcher.OnFetched(
      [&api](const block::MetaMap& metas, const base::Status& error) { api.SetGlobal(metas, error); });
  service.AddPeriodic("refresh of blocks", flags.refresh.value, [&](const base::CancelToken& cancel) {
    // A failed refresh is tried again soon, not after the long interval.
    while (true) {
      const base::CancelSource limited(cancel, flags.timeout.value);
      const base::Status status = fetcher.Fetch(limited.token()).status();
      if (status.ok() || cancel.cancelled()) {
        return base::OkStatus();
      }
      TH_LOG(kError, "refresh of blocks").With("err", status);
      if (!cancel.SleepFor(std::chrono::minutes(1))) {
        return base::OkStatus();
      }
    }
  });
  service.OnStarted([&service] { service.SetReady(); });
  return service.Run();
}

base::StatusOr<buckettools::ReplicationSelection> SelectionOf(const BucketReplicateFlags& flags) {
  buckettools::ReplicationSelection selection;
  TH_ASSIGN_OR_RETURN(const auto ids, ParseUlids(flags.id));
  selection.blocks = {ids.begin(), ids.end()};
  if (!flags.matcher.empty()) {
    auto matchers = promql_parser::ParseMetricSelector(
        flags.matcher.front() == '{' ? flags.matcher : base::Concat("{", flags.matcher, "}"));
    if (!matchers.ok()) {
      return base::Annotate(matchers.status(), "parse block label matchers");
    }
    selection.matchers = *std::move(matchers);
  }
  for (const std::string& text : flags.resolution) {
    TH_ASSIGN_OR_RETURN(const base::Duration resolution, config::ParseExtDuration(text));
    selection.resolutions_ms.insert(
        std::chrono::duration_cast<std::chrono::milliseconds>(resolution).count());
  }
  for (const std::string& text : flags.compaction) {
    const auto level = base::ParseInt64(text);
    if (!level) {
      return base::InvalidArgument("--compaction: ", base::Quote(text), " is not a number");
    }
    selection.levels.insert(*level);
  }
  if (flags.compaction_min > flags.compaction_max) {
    return base::InvalidArgument("compaction-min must be less than or equal to compaction-max");
  }
  for (int64_t level = flags.compaction_min; flags.compaction.empty() && level <= flags.compaction_max;
       ++level) {
    selection.levels.insert(level);
  }
  return selection;
}

base::StatusOr<std::unique_ptr<objstore::Bucket>> OpenTarget(const BucketReplicateFlags& flags) {
  TH_ASSIGN_OR_RETURN(const std::string yaml, flags.objstore_to_config.ReadRequired());
  return objstore::FromConfig(yaml, telemetry::NullRegistry());
}

int Replicate(app::Service& service, const BucketReplicateFlags& flags) {
  const app::Deps deps = service.deps();
  auto selection = SelectionOf(flags);
  if (!selection.ok()) {
    return service.ExitWith(selection.status());
  }
  const auto from = OpenBucket(flags.objstore, deps.metrics);
  if (!from.ok()) {
    return service.ExitWith(from.status());
  }
  const auto to = OpenTarget(flags);
  if (!to.ok()) {
    return service.ExitWith(base::Annotate(to.status(), "objstore-to"));
  }
  auto range = flags.time_range.Range(deps.clock);
  if (!range.ok()) {
    return service.ExitWith(range.status());
  }
  const auto runs = [&](std::string_view result) -> telemetry::Counter& {
    return deps.metrics.AddCounter("thanos_replicate_replication_runs_total",
                                   "The number of replication runs split by success and error.",
                                   {{"result", std::string(result)}});
  };
  const auto duration = [&](std::string_view result) -> telemetry::Histogram& {
    return deps.metrics.AddHistogram("thanos_replicate_replication_run_duration_seconds",
                                     "The Duration of replication runs split by success and error.",
                                     {0.1, 1, 5, 15, 60, 300, 1800, 7200}, {{"result", std::string(result)}});
  };
  std::vector<std::unique_ptr<block::BlockFilter>> filters;
  filters.push_back(std::make_unique<block::TimeFilter>(*std::move(range)));
  if (flags.ignore_marked_for_deletion) {
    filters.push_back(std::make_unique<block::DeletionMarkFilter>(**from, deps.io_pool, 0, deps.clock));
  }
  block::FetchOptions fetch;
  fetch.metrics_prefix = "blocks_meta";
  block::MetaFetcher fetcher(std::move(fetch), **from, deps.io_pool, deps.metrics, std::move(filters));
  buckettools::Replicator replicator(*std::move(selection), **from, **to, deps.metrics);
  telemetry::Counter& successes = runs("success");
  telemetry::Counter& errors = runs("error");
  telemetry::Histogram& success_seconds = duration("success");
  telemetry::Histogram& error_seconds = duration("error");
  const bool once = flags.single_run || !flags.id.empty();
  service.AddPeriodic("replication", kReplicationInterval, [&](const base::CancelToken& cancel) {
    const int64_t begin_ms = deps.clock.NowMs();
    const auto run = [&]() -> base::Status {
      TH_ASSIGN_OR_RETURN(const block::FetchResult fetched, fetcher.Fetch(cancel));
      TH_RETURN_IF_ERROR(fetched.incomplete);
      std::vector<buckettools::MetaPtr> metas;
      for (const auto& [ulid, meta] : fetched.metas) {
        metas.push_back(meta);
      }
      Progress progress("replicating blocks", deps.clock);
      return replicator.Run(cancel, metas,
                            [&](uint64_t done, uint64_t total) { progress.Report(done, total); });
    };
    const base::Status status = run();
    if (cancel.cancelled()) {
      return base::OkStatus();
    }
    (status.ok() ? successes : errors).Increment();
    (status.ok() ? success_seconds : error_seconds)
        .Observe(static_cast<double>(deps.clock.NowMs() - begin_ms) / 1000.0);
    if (once) {
      status.ok() ? service.Stop() : service.Fail(status);
      return base::OkStatus();
    }
    if (status.ok()) {
      TH_LOG(kInfo, "ran replication successfully");
    }
    return status;
  });
  service.OnStarted([&service] { service.SetReady(); });
  return service.Run();
}

int Downsample(app::Service& service, const BucketDownsampleFlags& flags) {
  const app::Deps deps = service.deps();
  const auto bucket = OpenBucket(flags.objstore, deps.metrics);
  if (!bucket.ok()) {
    return service.ExitWith(bucket.status());
  }
  compact::SyncerOptions sync_options;
  sync_options.fetch.concurrency = kFetchConcurrency;
  compact::Syncer syncer(std::move(sync_options), **bucket, deps.io_pool, deps.clock, deps.metrics, {});
  compact::Marker marker(**bucket, deps.clock, deps.metrics);
  compact::DownsamplerOptions options;
  options.directory = base::Concat(flags.data_dir, "/downsample");
  options.concurrency = static_cast<size_t>(std::max<int64_t>(flags.downsample_concurrency, 1));
  options.file_concurrency = static_cast<size_t>(std::max<int64_t>(flags.block_files_concurrency, 1));
  options.with_hashes = flags.hash_func == "SHA256";
  std::error_code error;
  std::filesystem::create_directories(options.directory, error);
  if (error) {
    return service.ExitWith(
        base::ErrnoStatus(error.value(), base::Concat("create directory ", options.directory)));
  }
  compact::Downsampler downsampler(std::move(options), **bucket, deps.io_pool, deps.cpu_pool, deps.clock,
                                   deps.metrics, marker);
  service.AddPeriodic("downsampling", flags.wait_interval.value, [&](const base::CancelToken& cancel) {
    const auto pass = [&](std::string_view which) -> base::Status {
      TH_LOG(kInfo, base::Concat("start ", which, " pass of downsampling"));
      TH_ASSIGN_OR_RETURN(const auto view, syncer.Sync(cancel));
      return downsampler.RunPass(cancel, *view);
    };
    // The second pass takes up what the first made.
    base::Status status = pass("first");
    status = status.ok() ? pass("second") : status;
    return cancel.cancelled() ? base::OkStatus() : status;
  });
  service.OnStarted([&service] { service.SetReady(); });
  return service.Run();
}

template <typename Flags>
int Serve(const char* component, const Command& command, const std::vector<const char*>& arguments,
          int (*serve)(app::Service& service, const Flags& flags)) {
  app::Service service(component, std::string(command.help), app::GrpcServer::kNo);
  Flags flags;
  flags.AddTo(service.flags());
  service.ParseFlags(static_cast<int>(arguments.size()), arguments.data());
  return serve(service, flags);
}

}  // namespace

int RunBucketWeb(const Command& command, const std::vector<const char*>& arguments) {
  return Serve<BucketWebFlags>("bucket", command, arguments, &Web);
}

int RunBucketReplicate(const Command& command, const std::vector<const char*>& arguments) {
  return Serve<BucketReplicateFlags>("replicate", command, arguments, &Replicate);
}

int RunBucketDownsample(const Command& command, const std::vector<const char*>& arguments) {
  return Serve<BucketDownsampleFlags>("downsample", command, arguments, &Downsample);
}

}  // namespace thanos::tools
