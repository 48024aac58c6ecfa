#include "buckettools/verify.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <system_error>
#include <tuple>
#include <utility>

#include "base/strings.h"
#include "block/markers.h"
#include "block/writer.h"
#include "compact/block_merger.h"
#include "compact/block_transfer.h"
#include "compact/cleaner.h"
#include "compact/grouping.h"
#include "telemetry/log.h"

namespace thanos::buckettools {
namespace {

namespace fs = std::filesystem;
using Finding = VerifyBucketResult::Finding;

constexpr size_t kFileConcurrency = 4;

// A directory that goes away with this.
class ScratchDirectory {
 public:
  explicit ScratchDirectory(std::string path) : path_(std::move(path)) { Remove(); }
  ~ScratchDirectory() { Remove(); }
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;
  const std::string& path() const { return path_; }

 private:
  void Remove() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  const std::string path_;
};

class Verifier {
 public:
  Verifier(const base::CancelToken& cancel, objstore::Bucket& bucket, const VerifyBucketOptions& options,
           concurrency::ThreadPool& pool, const base::Clock& clock)
      : cancel_(cancel), bucket_(bucket), options_(options), pool_(pool), clock_(clock) {}

  base::StatusOr<VerifyBucketResult> Run();

 private:
  bool repairs() const { return options_.backup != nullptr; }
  base::Status ReadMetas();
  void Report(std::string_view issue, std::string text, bool repaired = false);

  base::Status CheckIndexes();
  base::Status CheckBlock(const block::Meta& meta);
  base::Status RepairBlock(const block::Meta& meta, const std::string& directory);
  void ReportOverlaps();
  base::Status CheckDuplicates();
  // Copies the block in `directory` to the backup bucket and takes it out of use.
  base::Status BackUpAndRemove(const block::Meta& meta, const std::string& directory);

  const base::CancelToken& cancel_;
  objstore::Bucket& bucket_;
  const VerifyBucketOptions& options_;
  concurrency::ThreadPool& pool_;
  const base::Clock& clock_;
  std::vector<MetaPtr> metas_;
  VerifyBucketResult result_;
};

// Runs of blocks of one group of which each overlaps one before it, with the key of the group.
std::vector<std::pair<std::string, std::vector<MetaPtr>>> Overlaps(const std::vector<MetaPtr>& metas) {
  block::MetaMap map;
  for (const MetaPtr& meta : metas) {
    map.emplace(meta->ulid, meta);
  }
  std::vector<std::pair<std::string, std::vector<MetaPtr>>> overlaps;
  for (const compact::Group& group : compact::GroupBlocks(map)) {
    std::vector<MetaPtr> run;
    int64_t end_ms = 0;
    const auto close = [&] {
      if (run.size() > 1) {
        overlaps.emplace_back(group.key, run);
      }
      run.clear();
    };
    for (const MetaPtr& meta : group.blocks) {
      if (!run.empty() && meta->min_time_ms >= end_ms) {
        close();
      }
      end_ms = run.empty() ? meta->max_time_ms : std::max(end_ms, meta->max_time_ms);
      run.push_back(meta);
    }
    close();
  }
  return overlaps;
}

std::string Describe(const std::vector<MetaPtr>& metas) {
  std::string text;
  for (const MetaPtr& meta : metas) {
    base::Append(text, text.empty() ? "" : ", ", meta->ulid.ToString(), " [",
                 block::FormatRfc3339(meta->min_time_ms), ", ", block::FormatRfc3339(meta->max_time_ms), ")");
  }
  return text;
}

// Sets of blocks of `run` that say they are the same compaction.
std::vector<std::vector<MetaPtr>> SameCompactions(const std::vector<MetaPtr>& run) {
  std::vector<std::vector<MetaPtr>> sets;
  for (const MetaPtr& meta : run) {
    const auto same = [&](const std::vector<MetaPtr>& set) {
      const block::Meta& other = *set.front();
      return std::tie(other.min_time_ms, other.max_time_ms, other.compaction.level,
                      other.compaction.sources) == std::tie(meta->min_time_ms, meta->max_time_ms,
                                                            meta->compaction.level,
                                                            meta->compaction.sources) &&
             other.stats == meta->stats;
    };
    const auto found = std::find_if(sets.begin(), sets.end(), same);
    if (found != sets.end()) {
      found->push_back(meta);
    } else {
      sets.push_back({meta});
    }
  }
  std::erase_if(sets, [](const auto& set) { return set.size() < 2; });
  return sets;
}

base::Status Verifier::ReadMetas() {
  std::vector<std::unique_ptr<block::BlockFilter>> filters;
  filters.push_back(std::make_unique<block::DeletionMarkFilter>(bucket_, pool_, 0, clock_));
  TH_ASSIGN_OR_RETURN(metas_, ReadCatalog(cancel_, bucket_, pool_, std::move(filters)));
  return base::OkStatus();
}

void Verifier::Report(std::string_view issue, std::string text, bool repaired) {
  if (repaired) {
    TH_LOG(kInfo, "repaired").With("issue", issue).With("what", text);
  } else {
    TH_LOG(kWarn, "detected issue").With("issue", issue).With("what", text);
  }
  result_.findings.push_back({std::string(issue), std::move(text), repaired});
}

base::Status Verifier::CheckIndexes() {
  std::vector<MetaPtr> chosen;
  std::copy_if(metas_.begin(), metas_.end(), std::back_inserter(chosen), [&](const MetaPtr& meta) {
    return options_.blocks.empty() || options_.blocks.contains(meta->ulid);
  });
  for (const MetaPtr& meta : chosen) {
    if (options_.progress) {
      options_.progress(result_.num_blocks, chosen.size());
    }
    ++result_.num_blocks;
    const base::Status status = CheckBlock(*meta);
    TH_RETURN_IF_ERROR(cancel_.status());
    if (!status.ok()) {
      Report(kIndexKnownIssues, base::Concat(meta->ulid.ToString(), ": ", base::Message(status)));
    }
  }
  return base::OkStatus();
}

// An error is what is wrong with the block and was not repaired.
base::Status Verifier::CheckBlock(const block::Meta& meta) {
  const ScratchDirectory scratch(base::Concat(options_.scratch_directory, "/", meta.ulid.ToString()));
  const std::string directory = base::Concat(scratch.path(), "/", meta.ulid.ToString());
  TH_RETURN_IF_ERROR(compact::DownloadBlock(cancel_, {bucket_, pool_, kFileConcurrency}, meta, directory));
  TH_ASSIGN_OR_RETURN(const compact::BlockHealth health, compact::VerifyBlock(cancel_, directory));
  const base::Status damage = health.Any();
  if (damage.ok() || !repairs()) {
    return damage;
  }
  const base::Status repaired = RepairBlock(meta, directory);
  if (!repaired.ok()) {
    return base::DataLoss(base::Message(damage), "; not repaired: ", base::Message(repaired));
  }
  Report(kIndexKnownIssues, base::Concat(meta.ulid.ToString(), ": ", base::Message(damage)), true);
  return base::OkStatus();
}

base::Status Verifier::RepairBlock(const block::Meta& meta, const std::string& directory) {
  if (meta.resolution_ms() > 0) {
    return base::FailedPrecondition("cannot repair downsampled blocks");
  }
  const std::string parent = fs::path(directory).parent_path().string();
  compact::RepairOptions options;
  options.ulid = model::Ulid::Generate(clock_.NowMs());
  options.source = block::kSourceBucketRepair;
  TH_ASSIGN_OR_RETURN(compact::RepairResult repaired,
                      compact::RepairBlock(cancel_, directory, parent, options));
  if (!repaired.empty) {
    const std::string result = base::Concat(parent, "/", options.ulid.ToString());
    TH_ASSIGN_OR_RETURN(const compact::BlockHealth health, compact::VerifyBlock(cancel_, result));
    TH_RETURN_IF_ERROR(base::Annotate(health.Any(), "repaired block is invalid"));
    repaired.meta.thanos->files = repaired.files;
    repaired.meta.thanos->upload_time = block::FormatRfc3339(clock_.NowMs());
    TH_RETURN_IF_ERROR(
        compact::UploadBlock(cancel_, {bucket_, pool_, kFileConcurrency}, result, repaired.meta));
  }
  return BackUpAndRemove(meta, directory);
}

base::Status Verifier::BackUpAndRemove(const block::Meta& meta, const std::string& directory) {
  bool found = false;
  TH_RETURN_IF_ERROR(
      options_.backup->List(cancel_, meta.ulid.ToString(), {}, [&](const objstore::ListEntry&) {
        found = true;
        return base::OkStatus();
      }));
  if (found) {
    return base::AlreadyExists(
        meta.ulid.ToString(),
        " exists in the backup bucket; remove it there if you are sure it is safe to do");
  }
  block::Meta copy = meta;
  if (copy.thanos && copy.thanos->segment_files.empty()) {
    TH_ASSIGN_OR_RETURN(const auto files, block::ListBlockFiles(directory));
    for (const block::BlockFile& file : files) {
      if (file.rel_path.starts_with(block::kChunksDirectory)) {
        copy.thanos->segment_files.push_back(fs::path(file.rel_path).filename().string());
      }
    }
  }
  TH_RETURN_IF_ERROR(base::Annotate(
      compact::UploadBlock(cancel_, {*options_.backup, pool_, kFileConcurrency}, directory, copy),
      "upload to backup"));
  if (options_.delete_delay_ms == 0) {
    return compact::DeleteBlock(cancel_, bucket_, meta.ulid);
  }
  return block::WriteMark(cancel_, bucket_,
                          block::DeletionMark{meta.ulid, "manual verify-repair", clock_.NowMs() / 1000})
      .status();
}

void Verifier::ReportOverlaps() {
  for (const auto& [group, run] : Overlaps(metas_)) {
    Report(kOverlappedBlocks, base::Concat("group ", group, ": ", Describe(run)));
  }
}

base::Status Verifier::CheckDuplicates() {
  for (const auto& [group, run] : Overlaps(metas_)) {
    const auto sets = SameCompactions(run);
    if (sets.empty()) {
      TH_LOG(kWarn, "found overlapped blocks, but all of the blocks are unique; ignoring the overlap")
          .With("group", group)
          .With("overlap", Describe(run));
    }
    for (const std::vector<MetaPtr>& set : sets) {
      const std::vector<MetaPtr> surplus(set.begin() + 1, set.end());
      const std::string text =
          base::Concat("group ", group, ": same as ", set.front()->ulid.ToString(), ": ", Describe(surplus));
      if (!repairs()) {
        Report(kDuplicatedCompaction, text);
        continue;
      }
      for (const MetaPtr& meta : surplus) {
        const ScratchDirectory scratch(base::Concat(options_.scratch_directory, "/", meta->ulid.ToString()));
        TH_RETURN_IF_ERROR(
            compact::DownloadBlock(cancel_, {bucket_, pool_, kFileConcurrency}, *meta, scratch.path()));
        TH_RETURN_IF_ERROR(BackUpAndRemove(*meta, scratch.path()));
      }
      Report(kDuplicatedCompaction, text, true);
    }
  }
  return base::OkStatus();
}

base::StatusOr<VerifyBucketResult> Verifier::Run() {
  for (const std::string& issue : options_.issues) {
    const bool known =
        issue == kIndexKnownIssues || issue == kOverlappedBlocks || issue == kDuplicatedCompaction;
    if (!known || (repairs() && issue == kOverlappedBlocks)) {
      return base::InvalidArgument("no such issue ID ", issue, known ? " that can be repaired" : "");
    }
    if (!options_.blocks.empty() && issue != kIndexKnownIssues) {
      return base::InvalidArgument("verify ", issue, ": id matching is not supported");
    }
  }
  for (const std::string& issue : options_.issues) {
    TH_LOG(kInfo, "started verifying issue").With("issue", issue).With("with-repair", repairs());
    TH_RETURN_IF_ERROR(ReadMetas());  // a repair before may have changed the bucket
    if (issue == kIndexKnownIssues) {
      TH_RETURN_IF_ERROR(CheckIndexes());
    } else if (issue == kOverlappedBlocks) {
      ReportOverlaps();
    } else {
      TH_RETURN_IF_ERROR(CheckDuplicates());
    }
    TH_LOG(kInfo, "verified issue").With("issue", issue).With("with-repair", repairs());
  }
  return std::move(result_);
}

}  // namespace

base::StatusOr<VerifyBucketResult> VerifyBucket(const base::CancelToken& cancel, objstore::Bucket& bucket,
                                                const VerifyBucketOptions& options,
                                                concurrency::ThreadPool& pool, const base::Clock& clock) {
  return Verifier(cancel, bucket, options, pool, clock).Run();
}

}  // namespace thanos::buckettools
