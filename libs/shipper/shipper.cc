#include "shipper/shipper.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "shipper/block_upload.h"
#include "shipper/uploaded_list.h"
#include "telemetry/log.h"

namespace thanos::shipper {
namespace {

namespace fs = std::filesystem;

bool Contains(const std::vector<model::Ulid>& blocks, const model::Ulid& block) {
  return std::find(blocks.begin(), blocks.end(), block) != blocks.end();
}

// Removes a directory when left; a failure to do so only wastes disk until the next round.
class DirectoryRemover {
 public:
  explicit DirectoryRemover(std::string path) : path_(std::move(path)) {}
  ~DirectoryRemover() {
    std::error_code error;
    fs::remove_all(path_, error);
  }
  DirectoryRemover(const DirectoryRemover&) = delete;
  DirectoryRemover& operator=(const DirectoryRemover&) = delete;

 private:
  std::string path_;
};

}  // namespace

Shipper::Metrics::Metrics(telemetry::Registry& registry)
    : syncs(registry.AddCounter("thanos_shipper_dir_syncs_total", "Total number of dir syncs")),
      sync_failures(
          registry.AddCounter("thanos_shipper_dir_sync_failures_total", "Total number of failed dir syncs")),
      uploads(registry.AddCounter("thanos_shipper_uploads_total", "Total number of uploaded blocks")),
      upload_failures(registry.AddCounter("thanos_shipper_upload_failures_total",
                                          "Total number of block upload failures")),
      corrupted_blocks(
          registry.AddCounter("thanos_shipper_corrupted_blocks_total", "Total number of corrupted blocks")),
      upload_compacted_done(
          registry.AddGauge("thanos_shipper_upload_compacted_done",
                            "If 1 it means shipper uploaded all compacted blocks from the filesystem.")) {}

Shipper::Shipper(ShipperOptions options, objstore::Bucket& bucket, concurrency::ThreadPool& io_pool,
                 const base::Clock& clock, telemetry::Registry& metrics)
    : options_(std::move(options)), bucket_(bucket), io_pool_(io_pool), clock_(clock), metrics_(metrics) {}

std::string Shipper::UploadDirectory() const {
  return base::Concat(options_.data_directory, "/thanos/upload");
}

base::StatusOr<std::vector<block::Meta>> Shipper::LocalBlocks() {
  std::vector<block::Meta> blocks;
  std::error_code error;
  for (fs::directory_iterator entry(options_.data_directory, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    std::error_code ignored;
    if (!model::IsUlid(name) || !entry->is_directory(ignored)) {
      continue;
    }
    auto meta = block::ReadMetaFile(entry->path().string());
    if (meta.ok() && meta->ulid.ToString() != name) {
      meta = base::DataLoss("block ", name, ": meta.json is that of ", meta->ulid.ToString());
    }
    if (meta.ok()) {
      blocks.push_back(*std::move(meta));
      continue;
    }
    if (!fs::exists(entry->path(), ignored)) {
      continue;  // deleted by the TSDB meanwhile
    }
    metrics_.corrupted_blocks.Increment();
    if (!options_.skip_corrupted_blocks) {
      return base::Annotate(meta.status(), "block ", name);
    }
    TH_LOG(kError, "skipping corrupted block").With("block", name).With("err", base::Status(meta.status()));
  }
  if (error) {
    return base::ErrnoStatus(error.value(), base::Concat("listing ", options_.data_directory));
  }
  std::sort(blocks.begin(), blocks.end(), [](const block::Meta& a, const block::Meta& b) {
    return std::pair(a.min_time_ms, a.ulid) < std::pair(b.min_time_ms, b.ulid);
  });
  return blocks;
}

base::Status Shipper::CheckOverlap(const base::CancelToken& cancel, const labels::Labels& external_labels,
                                   BucketMetas* bucket_metas, const block::Meta& meta) {
  if (!bucket_metas->has_value()) {
    std::vector<block::Meta> found;
    const base::Status listed =
        bucket_.List(cancel, "", {}, [&](const objstore::ListEntry& entry) -> base::Status {
          const std::string_view id = std::string_view(entry.name).substr(0, entry.name.find('/'));
          if (!entry.is_directory() || !model::IsUlid(id)) {
            return base::OkStatus();
          }
          const auto json = bucket_.Get(cancel, base::Concat(id, "/", block::kMetaFileName));
          if (json.status().code() == base::StatusCode::kNotFound) {
            return base::OkStatus();  // a partial upload
          }
          TH_RETURN_IF_ERROR(json.status());
          TH_ASSIGN_OR_RETURN(block::Meta parsed, block::ParseMeta(json->bytes));
          if (parsed.resolution_ms() == 0 &&
              labels::Equal(parsed.external_labels(), external_labels.span())) {
            found.push_back(std::move(parsed));
          }
          return base::OkStatus();
        });
    TH_RETURN_IF_ERROR(listed);
    *bucket_metas = std::move(found);
  }
  for (const block::Meta& other : **bucket_metas) {
    if (other.time_range().Overlaps(meta.time_range())) {
      return base::FailedPrecondition("shipping compacted block ", meta.ulid.ToString(),
                                      " is blocked; overlap spotted: ", other.ulid.ToString());
    }
  }
  return base::OkStatus();
}

base::StatusOr<bool> Shipper::Ship(const base::CancelToken& cancel, const labels::Labels& external_labels,
                                   BucketMetas* bucket_metas, block::Meta meta) {
  TH_ASSIGN_OR_RETURN(const bool visible, bucket_.Exists(cancel, block::MetaPath(meta.ulid)));
  if (visible) {
    return false;
  }
  if (meta.compaction.level > 1) {
    TH_RETURN_IF_ERROR(CheckOverlap(cancel, external_labels, bucket_metas, meta));
  }
  const std::string id = meta.ulid.ToString();
  const std::string copy = base::Concat(UploadDirectory(), "/", id);
  const DirectoryRemover remover(copy);
  TH_RETURN_IF_ERROR(LinkBlock(base::Concat(options_.data_directory, "/", id), copy));
  if (!meta.thanos) {
    meta.thanos.emplace();
  }
  meta.thanos->labels = external_labels;
  meta.thanos->resolution_ms = 0;
  meta.thanos->source = options_.source;
  meta.thanos->upload_time = block::FormatRfc3339(clock_.NowMs());
  TH_RETURN_IF_ERROR(DescribeFiles(copy, options_.hash_files, &meta));
  TH_RETURN_IF_ERROR(UploadBlock(cancel, bucket_, io_pool_, options_.upload_concurrency, copy, meta));
  TH_LOG(kInfo, "uploaded block").With("block", id);
  if (bucket_metas->has_value()) {
    (*bucket_metas)->push_back(std::move(meta));
  }
  return true;
}

base::StatusOr<int> Shipper::Round(const base::CancelToken& cancel, const std::vector<model::Ulid>& known,
                                   std::vector<model::Ulid>* uploaded) {
  const labels::Labels external_labels = options_.external_labels();
  if (external_labels.empty()) {
    *uploaded = known;
    return base::FailedPrecondition("no external labels, blocks cannot be uploaded");
  }
  auto blocks = LocalBlocks();
  if (!blocks.ok()) {
    *uploaded = known;
    return blocks.status();
  }
  BucketMetas bucket_metas;
  int num_uploaded = 0;
  int num_failed = 0;
  base::Status failure;
  for (block::Meta& meta : *blocks) {
    const model::Ulid ulid = meta.ulid;
    if (Contains(known, ulid)) {
      uploaded->push_back(ulid);
      continue;
    }
    if (meta.stats.num_samples == 0 || (meta.compaction.level > 1 && !options_.upload_compacted) ||
        !failure.ok()) {
      continue;
    }
    const auto shipped = Ship(cancel, external_labels, &bucket_metas, std::move(meta));
    if (shipped.ok()) {
      uploaded->push_back(ulid);
      num_uploaded += *shipped ? 1 : 0;
      metrics_.uploads.Increment(*shipped ? 1 : 0);
      continue;
    }
    ++num_failed;
    metrics_.upload_failures.Increment();
    if (!options_.allow_out_of_order_uploads || cancel.cancelled()) {
      failure = base::Annotate(shipped.status(), "shipping block ", ulid.ToString());
    } else {
      TH_LOG(kError, "shipping block")
          .With("block", ulid.ToString())
          .With("err", base::Status(shipped.status()));
    }
  }
  if (options_.upload_compacted) {
    metrics_.upload_compacted_done.Set(num_failed == 0 ? 1 : 0);
  }
  TH_RETURN_IF_ERROR(failure);
  return num_failed == 0 ? base::StatusOr<int>(num_uploaded)
                         : base::Internal(num_failed, " blocks were not shipped");
}

base::StatusOr<int> Shipper::Sync(const base::CancelToken& cancel) {
  metrics_.syncs.Increment();
  std::error_code ignored;
  fs::remove_all(UploadDirectory(), ignored);  // left by a crash
  const std::string list_path = base::Concat(options_.data_directory, "/", options_.list_file_name);
  auto known = ReadUploadedList(list_path);
  if (!known.ok() && known.status().code() != base::StatusCode::kNotFound) {
    // The bucket knows better anyway: blocks found there are not uploaded again.
    TH_LOG(kWarn, "rebuilding the list of uploaded blocks").With("err", base::Status(known.status()));
  }
  std::vector<model::Ulid> uploaded;
  const auto num_uploaded = Round(cancel, known.ok() ? *known : std::vector<model::Ulid>(), &uploaded);
  base::Status status = num_uploaded.status();
  if (!known.ok() || uploaded != *known) {
    const base::Status written = WriteUploadedList(list_path, uploaded);
    status = status.ok() ? written : status;
  }
  if (!status.ok()) {
    metrics_.sync_failures.Increment();
    return status;
  }
  return *num_uploaded;
}

}  // namespace thanos::shipper
