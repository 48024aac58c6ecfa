// Commands that change a bucket and end: mark, cleanup, retention, rewrite, upload-blocks.

#include <filesystem>
#include <fstream>
#include <system_error>
#include <unistd.h>
#include <utility>

#include "block/filters.h"
#include "block/markers.h"
#include "buckettools/inspect.h"
#include "buckettools/marking.h"
#include "buckettools/rewrite.h"
#include "compact/block_transfer.h"
#include "compact/cleaner.h"
#include "compact/marker.h"
#include "compact/syncer.h"
#include "downsample/downsample.h"
#include "relabel/config.h"
#include "services/tools/one_shot.h"
#include "services/tools/progress.h"
#include "shipper/block_upload.h"
#include "shipper/shipper.h"
#include "telemetry/log.h"

namespace thanos::tools {
namespace {

namespace fs = std::filesystem;

constexpr base::Duration kMarkTimeout = std::chrono::minutes(2);

base::Status Mark(OneShot& run, const BucketMarkFlags& flags) {
  TH_ASSIGN_OR_RETURN(const auto ids, ParseUlids(flags.id));
  TH_ASSIGN_OR_RETURN(const auto bucket, OpenBucket(flags.objstore, telemetry::NullRegistry()));
  const base::CancelSource limited(run.cancel(), kMarkTimeout);
  for (const model::Ulid& id : ids) {
    TH_RETURN_IF_ERROR(base::Annotate(
        flags.remove
            ? buckettools::UnmarkBlock(limited.token(), *bucket, flags.marker, id)
            : buckettools::MarkBlock(limited.token(), *bucket, run.clock, flags.marker, id, flags.details),
        flags.remove ? "remove mark " : "mark ", id.ToString(), " with ", flags.marker));
  }
  TH_LOG(kInfo, "marking done").With("marker", flags.marker).With("IDs", base::Join(flags.id, ","));
  return base::OkStatus();
}

// The bucket as the compactor sees it.
template <typename Flags>
base::StatusOr<std::shared_ptr<const compact::BucketView>> SyncBucket(OneShot& run, const Flags& flags,
                                                                      objstore::Bucket& bucket) {
  TH_ASSIGN_OR_RETURN(const std::string selector_yaml, flags.selector_relabel.config.Read());
  TH_ASSIGN_OR_RETURN(auto selector, block::ParseBlockSelector(selector_yaml));
  std::vector<std::unique_ptr<block::BlockFilter>> filters;
  if (selector != nullptr) {
    filters.push_back(std::move(selector));
  }
  filters.push_back(
      std::make_unique<block::ConsistencyDelayFilter>(base::ToMs(flags.consistency_delay.value), run.clock));
  compact::SyncerOptions options;
  options.fetch.concurrency = static_cast<size_t>(std::max<int64_t>(flags.block_sync_concurrency, 1));
  options.delete_delay_ms = base::ToMs(flags.delete_delay.value);
  TH_LOG(kInfo, "syncing blocks metadata");
  compact::Syncer syncer(std::move(options), bucket, run.io_pool, run.clock, telemetry::NullRegistry(),
                         std::move(filters));
  TH_ASSIGN_OR_RETURN(auto view, syncer.Sync(run.cancel()));
  TH_LOG(kInfo, "synced blocks done");
  return view;
}

base::Status Cleanup(OneShot& run, const BucketCleanupFlags& flags) {
  TH_ASSIGN_OR_RETURN(const auto bucket, OpenBucket(flags.objstore, telemetry::NullRegistry()));
  TH_ASSIGN_OR_RETURN(const auto view, SyncBucket(run, flags, *bucket));
  compact::Cleaner cleaner(base::ToMs(flags.delete_delay.value), *bucket, run.io_pool, run.clock,
                           telemetry::NullRegistry());
  cleaner.DeletePartial(run.cancel(), *view);
  TH_RETURN_IF_ERROR(base::Annotate(cleaner.DeleteMarked(run.cancel(), *view), "error cleaning blocks"));
  TH_RETURN_IF_ERROR(run.cancel().status());
  TH_LOG(kInfo, "cleanup done");
  return base::OkStatus();
}

base::Status Retention(OneShot& run, const BucketRetentionFlags& flags) {
  const compact::RetentionMs retention = {
      {downsample::kResolutionRaw, base::ToMs(flags.retention_resolution_raw.value)},
      {downsample::kResolution5m, base::ToMs(flags.retention_resolution_5m.value)},
      {downsample::kResolution1h, base::ToMs(flags.retention_resolution_1h.value)}};
  TH_ASSIGN_OR_RETURN(const auto bucket, OpenBucket(flags.objstore, telemetry::NullRegistry()));
  TH_ASSIGN_OR_RETURN(const auto view, SyncBucket(run, flags, *bucket));
  TH_LOG(kWarn, "GLOBAL COMPACTOR SHOULD __NOT__ BE RUNNING ON THE SAME BUCKET");
  compact::Marker marker(*bucket, run.clock, telemetry::NullRegistry());
  return base::Annotate(compact::MarkExpired(run.cancel(), retention, *view, run.clock.NowMs(), marker),
                        "retention failed");
}

// Lines of changes to standard error, and to a file beside the new block when there is one.
class ChangeLog {
 public:
  explicit ChangeLog(const std::string& path) {
    if (!path.empty()) {
      file_.open(path, std::ios::binary);
    }
  }
  void Add(std::string_view line) {
    if (file_.is_open()) {
      file_ << line << '\n';
    } else {
      std::fprintf(stderr, "%.*s\n", static_cast<int>(line.size()), line.data());
    }
  }

 private:
  std::ofstream file_;
};

base::Status RewriteOne(OneShot& run, const BucketRewriteFlags& flags, objstore::Bucket& bucket,
                        const model::Ulid& id, buckettools::RewriteOptions options) {
  const std::string source = base::Concat(flags.tmp_dir, "/", id.ToString());
  TH_ASSIGN_OR_RETURN(const base::SharedBytes json, bucket.Get(run.cancel(), block::MetaPath(id)));
  TH_ASSIGN_OR_RETURN(const block::Meta meta, block::ParseMeta(json.bytes));
  if (!flags.prom_blocks && meta.external_labels().empty()) {
    return base::FailedPrecondition("empty external labels are not allowed for Thanos block");
  }
  TH_LOG(kInfo, "downloading block").With("source", id.ToString());
  const compact::Transfer transfer{bucket, run.io_pool, 4};
  TH_RETURN_IF_ERROR(compact::DownloadBlock(run.cancel(), transfer, meta, source));
  options.ulid = model::Ulid::Generate(run.clock.NowMs());
  options.pool = &run.cpu_pool;
  const std::string log_path = flags.rewrite_add_change_log
                                   ? base::Concat(flags.tmp_dir, "/", options.ulid.ToString(), "-change.log")
                                   : "";
  if (!log_path.empty()) {
    TH_LOG(kInfo, "changelog will be available").With("file", log_path);
  }
  ChangeLog log(log_path);
  options.change = [&log](std::string_view line) { log.Add(line); };
  TH_ASSIGN_OR_RETURN(buckettools::RewriteResult result,
                      buckettools::RewriteBlock(run.cancel(), source, flags.tmp_dir, options));
  TH_LOG(kInfo, flags.dry_run ? "dry run finished" : "rewrote block")
      .With("source", id.ToString())
      .With("new", result.empty ? "" : options.ulid.ToString())
      .With("deleted_series", result.num_deleted_series)
      .With("cut_series", result.num_cut_series)
      .With("relabelled_series", result.num_relabelled_series);
  if (flags.dry_run) {
    return base::OkStatus();
  }
  if (!result.empty) {
    const std::string directory = base::Concat(flags.tmp_dir, "/", options.ulid.ToString());
    if (result.meta.thanos) {
      result.meta.thanos->upload_time = block::FormatRfc3339(run.clock.NowMs());
      TH_RETURN_IF_ERROR(shipper::DescribeFiles(directory, flags.hash_func == "SHA256", &result.meta));
    }
    TH_LOG(kInfo, "uploading new block").With("source", id.ToString()).With("new", options.ulid.ToString());
    TH_RETURN_IF_ERROR(compact::UploadBlock(run.cancel(), transfer, directory, result.meta));
  }
  if (flags.delete_blocks) {
    TH_RETURN_IF_ERROR(block::WriteMark(run.cancel(), bucket,
                                        block::DeletionMark{id, "block rewritten", run.clock.NowMs() / 1000})
                           .status());
  }
  return base::OkStatus();
}

base::Status Rewrite(OneShot& run, const BucketRewriteFlags& flags) {
  TH_ASSIGN_OR_RETURN(const std::string deletions_yaml, flags.rewrite_to_delete_config.Read());
  TH_ASSIGN_OR_RETURN(const std::string relabels_yaml, flags.rewrite_to_relabel_config.Read());
  buckettools::RewriteOptions options;
  TH_ASSIGN_OR_RETURN(options.deletions, buckettools::ParseDeletionRequests(deletions_yaml));
  TH_ASSIGN_OR_RETURN(options.relabels, relabel::ParseRules(relabels_yaml));
  options.dry_run = flags.dry_run;
  if (options.deletions.empty() && options.relabels.empty()) {
    return base::InvalidArgument("rewrite configuration should be provided");
  }
  TH_ASSIGN_OR_RETURN(const auto ids, ParseUlids(flags.id));
  if (ids.empty()) {
    return base::InvalidArgument("required flag --id not provided");
  }
  TH_ASSIGN_OR_RETURN(const auto bucket, OpenBucket(flags.objstore, telemetry::NullRegistry()));
  std::error_code error;
  fs::remove_all(flags.tmp_dir, error);
  fs::create_directories(flags.tmp_dir, error);
  if (error) {
    return base::ErrnoStatus(error.value(), base::Concat("create directory ", flags.tmp_dir));
  }
  Progress progress("rewriting blocks", run.clock);
  uint64_t num_done = 0;
  for (const model::Ulid& id : ids) {
    progress.Report(num_done++, ids.size());
    TH_RETURN_IF_ERROR(
        base::Annotate(RewriteOne(run, flags, *bucket, id, options), "rewrite ", id.ToString()));
  }
  TH_LOG(kInfo, "rewrite done").With("IDs", base::Join(flags.id, ","));
  return base::OkStatus();
}

base::Status UploadBlocks(OneShot& run, const BucketUploadBlocksFlags& flags) {
  if (flags.label.empty()) {
    return base::InvalidArgument(
        "no external labels configured, uniquely identifying external labels must be configured; see "
        "https://thanos.io/tip/thanos/storage.md#external-labels for details.");
  }
  auto labels = buckettools::ParseFlagLabels(flags.label);
  if (!labels.ok()) {
    return base::Annotate(labels.status(), "unable to parse external labels");
  }
  if (access(flags.path.c_str(), R_OK | W_OK | X_OK) != 0) {
    return base::ErrnoStatus(errno, base::Concat("unable to access path ", flags.path));
  }
  TH_ASSIGN_OR_RETURN(const auto bucket, OpenBucket(flags.objstore, telemetry::NullRegistry()));
  shipper::ShipperOptions options;
  options.data_directory = flags.path;
  options.source = block::kSourceBucketUpload;
  options.external_labels = [&] { return *labels; };
  options.upload_compacted = flags.shipper_upload_compacted;
  options.upload_concurrency = static_cast<int>(flags.shipper_upload_concurrency);
  shipper::Shipper shipper(std::move(options), *bucket, run.io_pool, run.clock, telemetry::NullRegistry());
  TH_ASSIGN_OR_RETURN(const int num_blocks, shipper.Sync(run.cancel()));
  TH_LOG(kInfo, "synced blocks").With("uploaded", num_blocks);
  return base::OkStatus();
}

}  // namespace

int RunBucketMark(const Command& command, const std::vector<const char*>& arguments) {
  return RunOnce<BucketMarkFlags>(command, arguments, &Mark);
}

int RunBucketCleanup(const Command& command, const std::vector<const char*>& arguments) {
  return RunOnce<BucketCleanupFlags>(command, arguments, &Cleanup);
}

int RunBucketRetention(const Command& command, const std::vector<const char*>& arguments) {
  return RunOnce<BucketRetentionFlags>(command, arguments, &Retention);
}

int RunBucketRewrite(const Command& command, const std::vector<const char*>& arguments) {
  return RunOnce<BucketRewriteFlags>(command, arguments, &Rewrite);
}

int RunBucketUploadBlocks(const Command& command, const std::vector<const char*>& arguments) {
  return RunOnce<BucketUploadBlocksFlags>(command, arguments, &UploadBlocks);
}

}  // namespace thanos::tools
