#include "buckettools/replicate.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <utility>

#include "base/strings.h"
#include "telemetry/log.h"

namespace thanos::buckettools {
namespace {

constexpr int64_t kPieceBytes = int64_t{16} << 20;

// A file that goes away with this. Objects are passed through one, because they may be larger than memory.
class ScratchFile {
 public:
  ScratchFile()
      : path_(base::Concat(std::filesystem::temp_directory_path().string(), "/thanos-replicate-",
                           model::Ulid::Generate(0).ToString())) {}
  ~ScratchFile() {
    std::error_code ignored;
    std::filesystem::remove(path_, ignored);
  }
  ScratchFile(const ScratchFile&) = delete;
  ScratchFile& operator=(const ScratchFile&) = delete;
  const std::string& path() const { return path_; }

 private:
  const std::string path_;
};

}  // namespace

bool ReplicationSelection::Selects(const block::Meta& meta) const {
  if (meta.external_labels().empty()) {
    TH_LOG(kError, "leaving block out: labels should not be empty").With("block", meta.ulid.ToString());
    return false;
  }
  if (!blocks.empty()) {
    return blocks.contains(meta.ulid);
  }
  return std::all_of(matchers.begin(), matchers.end(),
                     [&](const labels::Matcher& matcher) {
                       return matcher.Matches(labels::Get(meta.external_labels(), matcher.name()));
                     }) &&
         resolutions_ms.contains(meta.resolution_ms()) && levels.contains(meta.compaction.level);
}

Replicator::Replicator(ReplicationSelection selection, objstore::Bucket& from, objstore::Bucket& to,
                       telemetry::Registry& metrics)
    : selection_(std::move(selection)),
      from_(from),
      to_(to),
      blocks_already_replicated_(
          metrics.AddCounter("thanos_replicate_blocks_already_replicated_total",
                             "Total number of blocks skipped due to already being replicated.")),
      blocks_replicated_(metrics.AddCounter("thanos_replicate_blocks_replicated_total",
                                            "Total number of blocks replicated.")),
      objects_replicated_(metrics.AddCounter("thanos_replicate_objects_replicated_total",
                                             "Total number of objects replicated.")) {}

base::Status Replicator::Run(const base::CancelToken& cancel, const std::vector<MetaPtr>& metas,
                             const std::function<void(uint64_t done, uint64_t total)>& progress) {
  std::vector<MetaPtr> selected;
  std::copy_if(metas.begin(), metas.end(), std::back_inserter(selected),
               [&](const MetaPtr& meta) { return selection_.Selects(*meta); });
  // The oldest first, so that a compactor of the target does not see a gap that is filled later.
  std::sort(selected.begin(), selected.end(), [](const MetaPtr& a, const MetaPtr& b) {
    return std::pair(a->min_time_ms, a->ulid) < std::pair(b->min_time_ms, b->ulid);
  });
  for (size_t i = 0; i < selected.size(); ++i) {
    const model::Ulid& ulid = selected[i]->ulid;
    TH_RETURN_IF_ERROR(base::Annotate(CopyBlock(cancel, ulid), "replicating block ", ulid.ToString()));
    if (progress) {
      progress(i + 1, selected.size());
    }
  }
  return base::OkStatus();
}

base::Status Replicator::CopyBlock(const base::CancelToken& cancel, const model::Ulid& ulid) {
  const std::string root = base::Concat(ulid.ToString(), "/");
  const std::string meta_name = block::MetaPath(ulid);
  TH_ASSIGN_OR_RETURN(const base::SharedBytes meta, from_.Get(cancel, meta_name));
  const auto copied = to_.Get(cancel, meta_name);
  if (copied.ok() && copied->bytes == meta.bytes) {
    blocks_already_replicated_.Increment();
    return base::OkStatus();
  }
  if (!copied.ok() && copied.status().code() != base::StatusCode::kNotFound) {
    return copied.status();
  }
  std::vector<std::string> objects;
  TH_RETURN_IF_ERROR(from_.List(cancel, base::Concat(root, block::kChunksDirectory, "/"), {},
                                [&](const objstore::ListEntry& entry) {
                                  if (!entry.is_directory()) {
                                    objects.push_back(entry.name);
                                  }
                                  return base::OkStatus();
                                }));
  objects.push_back(base::Concat(root, block::kIndexFileName));
  for (const std::string& name : objects) {
    TH_RETURN_IF_ERROR(base::Annotate(CopyObject(cancel, name), name));
  }
  TH_RETURN_IF_ERROR(base::Annotate(to_.Upload(cancel, meta_name, meta.bytes), meta_name));
  blocks_replicated_.Increment();
  TH_LOG(kInfo, "block replicated").With("block", ulid.ToString());
  return base::OkStatus();
}

base::Status Replicator::CopyObject(const base::CancelToken& cancel, const std::string& name) {
  TH_ASSIGN_OR_RETURN(const objstore::ObjectAttributes source, from_.Attributes(cancel, name));
  const auto target = to_.Attributes(cancel, name);
  if (target.ok() && target->size_bytes == source.size_bytes) {
    return base::OkStatus();
  }
  if (!target.ok() && target.status().code() != base::StatusCode::kNotFound) {
    return target.status();
  }
  const ScratchFile scratch;
  std::ofstream file(scratch.path(), std::ios::binary);
  for (int64_t offset = 0; offset < source.size_bytes; offset += kPieceBytes) {
    TH_ASSIGN_OR_RETURN(
        const base::SharedBytes piece,
        from_.GetRange(cancel, name, offset, std::min(kPieceBytes, source.size_bytes - offset)));
    file.write(piece.bytes.data(), static_cast<std::streamsize>(piece.bytes.size()));
  }
  file.close();
  if (!file) {
    return base::Internal("writing ", scratch.path());
  }
  TH_RETURN_IF_ERROR(to_.UploadFile(cancel, name, scratch.path()));
  objects_replicated_.Increment();
  return base::OkStatus();
}

}  // namespace thanos::buckettools
