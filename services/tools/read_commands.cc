// Commands that only look: ls, inspect, and verify, which may repair.

#include <filesystem>
#include <unistd.h>
#include <utility>

#include "block/filters.h"
#include "buckettools/catalog.h"
#include "buckettools/inspect.h"
#include "buckettools/listing.h"
#include "buckettools/verify.h"
#include "model/time_range.h"
#include "objstore/factory.h"
#include "services/tools/one_shot.h"
#include "services/tools/progress.h"
#include "telemetry/log.h"

namespace thanos::tools {
namespace {

constexpr base::Duration kShortTimeout = std::chrono::minutes(1);

void WarnOfShortTimeout(base::Duration timeout) {
  if (timeout < kShortTimeout) {
    TH_LOG(kWarn, "Timeout less than 1m could lead to frequent failures");
  }
}

base::Status Print(const std::string& text) {
  return std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0
             ? base::OkStatus()
             : base::Internal("writing to standard output");
}

base::Status Ls(OneShot& run, const BucketLsFlags& flags) {
  WarnOfShortTimeout(flags.timeout.value);
  TH_ASSIGN_OR_RETURN(const auto format, buckettools::BlockFormat::Parse(flags.output));
  TH_ASSIGN_OR_RETURN(const auto bucket, OpenBucket(flags.objstore, telemetry::NullRegistry()));
  TH_ASSIGN_OR_RETURN(const std::string selector_yaml, flags.selector_relabel.config.Read());
  TH_ASSIGN_OR_RETURN(auto selector, block::ParseBlockSelector(selector_yaml));
  TH_ASSIGN_OR_RETURN(auto range, flags.time_range.Range(run.clock));
  std::vector<std::unique_ptr<block::BlockFilter>> filters;
  if (selector != nullptr) {
    filters.push_back(std::move(selector));
  }
  filters.push_back(std::make_unique<block::TimeFilter>(std::move(range)));
  if (flags.exclude_delete) {
    filters.push_back(std::make_unique<block::DeletionMarkFilter>(*bucket, run.io_pool, 0, run.clock));
  }
  const base::CancelSource limited(run.cancel(), flags.timeout.value);
  TH_ASSIGN_OR_RETURN(const auto metas,
                      buckettools::ReadCatalog(limited.token(), *bucket, run.io_pool, std::move(filters)));
  for (const auto& meta : metas) {
    TH_RETURN_IF_ERROR(Print(format.Format(*meta)));
  }
  TH_LOG(kInfo, "ls done").With("objects", metas.size());
  return base::OkStatus();
}

base::Status Inspect(OneShot& run, const BucketInspectFlags& flags) {
  WarnOfShortTimeout(flags.timeout.value);
  buckettools::InspectOptions options;
  auto selector = buckettools::ParseFlagLabels(flags.selector);
  if (!selector.ok()) {
    return base::Annotate(selector.status(), "error parsing selector flag");
  }
  options.selector = *std::move(selector);
  options.sort_by = flags.sort_by;
  options.format = flags.output == "csv"   ? buckettools::TableFormat::kCsv
                   : flags.output == "tsv" ? buckettools::TableFormat::kTsv
                                           : buckettools::TableFormat::kTable;
  TH_ASSIGN_OR_RETURN(const auto bucket, OpenBucket(flags.objstore, telemetry::NullRegistry()));
  const base::CancelSource limited(run.cancel(), flags.timeout.value);
  TH_ASSIGN_OR_RETURN(const auto metas, buckettools::ReadCatalog(limited.token(), *bucket, run.io_pool, {}));
  TH_ASSIGN_OR_RETURN(const std::string table, buckettools::InspectBlocks(metas, options));
  return Print(table);
}

base::Status Verify(OneShot& run, const BucketVerifyFlags& flags) {
  TH_ASSIGN_OR_RETURN(const auto bucket, OpenBucket(flags.objstore, telemetry::NullRegistry()));
  TH_ASSIGN_OR_RETURN(const std::string backup_yaml, flags.objstore_backup_config.Read());
  std::unique_ptr<objstore::Bucket> backup;
  if (!base::Trim(backup_yaml).empty()) {
    TH_ASSIGN_OR_RETURN(backup, objstore::FromConfig(backup_yaml, telemetry::NullRegistry()));
  } else if (flags.repair) {
    return base::InvalidArgument("repair is specified, so backup client is required");
  }
  TH_ASSIGN_OR_RETURN(const auto ids, ParseUlids(flags.id));
  buckettools::VerifyBucketOptions options;
  options.issues = flags.issues;
  options.blocks = {ids.begin(), ids.end()};
  options.backup = flags.repair ? backup.get() : nullptr;
  options.delete_delay_ms =
      std::chrono::duration_cast<std::chrono::milliseconds>(flags.delete_delay.value).count();
  options.scratch_directory =
      base::Concat(std::filesystem::temp_directory_path().string(), "/thanos-verify-", getpid());
  Progress progress("verifying blocks", run.clock);
  options.progress = [&](uint64_t done, uint64_t total) { progress.Report(done, total); };
  if (flags.repair) {
    TH_LOG(kWarn, "GLOBAL COMPACTOR SHOULD __NOT__ BE RUNNING ON THE SAME BUCKET");
  }
  TH_ASSIGN_OR_RETURN(const auto result,
                      buckettools::VerifyBucket(run.cancel(), *bucket, options, run.io_pool, run.clock));
  std::error_code ignored;
  std::filesystem::remove_all(options.scratch_directory, ignored);
  TH_LOG(kInfo, "verify task completed").With("findings", result.findings.size());
  return base::OkStatus();
}

}  // namespace

int RunBucketLs(const Command& command, const std::vector<const char*>& arguments) {
  return RunOnce<BucketLsFlags>(command, arguments, &Ls);
}

int RunBucketInspect(const Command& command, const std::vector<const char*>& arguments) {
  return RunOnce<BucketInspectFlags>(command, arguments, &Inspect);
}

int RunBucketVerify(const Command& command, const std::vector<const char*>& arguments) {
  return RunOnce<BucketVerifyFlags>(command, arguments, &Verify);
}

}  // namespace thanos::tools
