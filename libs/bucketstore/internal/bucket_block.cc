#include "bucketstore/internal/bucket_block.h"

#include <sys/stat.h>
#include <utility>

#include "block/chunk_reader.h"
#include "telemetry/log.h"

namespace thanos::bucketstore::internal {
namespace {

// Chunk references have 32 bits for the segment; real blocks have a handful.
constexpr uint32_t kMaxSegments = 1'000'000;

}  // namespace

BucketBlock::BucketBlock(std::shared_ptr<const block::Meta> meta, objstore::Bucket& bucket,
                         const Options& options, Metrics& metrics)
    : meta_(std::move(meta)),
      id_(meta_->ulid.ToString()),
      bucket_(bucket),
      options_(options),
      metrics_(metrics),
      index_object_(base::Concat(id_, "/", block::kIndexFileName)),
      header_path_(base::Concat(options.data_directory, "/", id_, "/index-header")) {}

std::string BucketBlock::SegmentObject(uint32_t segment) const {
  return base::Concat(id_, "/", block::kChunksDirectory, "/", block::SegmentFileName(segment));
}

base::Status BucketBlock::Load(const base::CancelToken& cancel) {
  if (options_.lazy_index_header_download) {
    return base::OkStatus();
  }
  if (options_.lazy_index_headers && options_.cache_index_headers) {
    struct stat stat_buffer {};
    return stat(header_path_.c_str(), &stat_buffer) == 0 ? base::OkStatus() : BuildHeader(cancel);
  }
  TH_ASSIGN_OR_RETURN(const auto header, Header(cancel));
  header->ReleasePages();  // all of it was read to verify it; queries will read little
  return base::OkStatus();
}

base::StatusOr<uint64_t> BucketBlock::IndexBytes(const base::CancelToken& cancel) {
  TH_ASSIGN_OR_RETURN(const objstore::ObjectAttributes attributes, bucket_.Attributes(cancel, index_object_));
  if (meta_->thanos) {
    for (const block::BlockFile& file : meta_->thanos->files) {
      if (file.rel_path == block::kIndexFileName && file.size_bytes != attributes.size_bytes) {
        return base::DataLoss("index has ", attributes.size_bytes, " bytes, meta.json says ",
                              file.size_bytes);
      }
    }
  }
  return static_cast<uint64_t>(attributes.size_bytes);
}

index::RangeReader BucketBlock::IndexRangeReader(const base::CancelToken& cancel, base::BufferOwner* owner) {
  return [this, cancel, owner](uint64_t offset, uint64_t length) {
    auto bytes =
        bucket_.GetRange(cancel, index_object_, static_cast<int64_t>(offset), static_cast<int64_t>(length));
    if (bytes.ok() && owner != nullptr) {
      *owner = bytes->owner;
    }
    return bytes;
  };
}

base::Status BucketBlock::BuildHeader(const base::CancelToken& cancel) {
  const base::TimePoint start = base::SteadyNow();
  const std::string directory = header_path_.substr(0, header_path_.rfind('/'));
  if (mkdir(directory.c_str(), 0750) != 0 && errno != EEXIST) {
    return base::ErrnoStatus(errno, base::Concat("create directory ", directory));
  }
  TH_ASSIGN_OR_RETURN(const uint64_t index_bytes, IndexBytes(cancel));
  base::BufferOwner read;
  TH_RETURN_IF_ERROR(index::IndexHeader::Build(IndexRangeReader(cancel, &read), index_bytes, header_path_));
  // A mapped index stays mapped, but what was read of it is on disk now in another form.
  base::ReleasePages(read);
  metrics_.header_download_duration.Observe(base::ToSeconds(base::SteadyNow() - start));
  return base::OkStatus();
}

base::StatusOr<std::shared_ptr<const index::IndexHeader>> BucketBlock::OpenOrBuild(
    const base::CancelToken& cancel) {
  const base::TimePoint start = base::SteadyNow();
  if (!options_.cache_index_headers) {
    TH_ASSIGN_OR_RETURN(const uint64_t index_bytes, IndexBytes(cancel));
    TH_ASSIGN_OR_RETURN(std::string bytes,
                        index::IndexHeader::BuildBytes(IndexRangeReader(cancel), index_bytes));
    return index::IndexHeader::FromBytes(base::SharedBytes::FromString(std::move(bytes)),
                                         options_.postings_sampling);
  }
  auto header = index::IndexHeader::Open(header_path_, options_.postings_sampling);
  if (!header.ok()) {
    if (header.status().code() != base::StatusCode::kNotFound) {
      TH_LOG(kWarn, "rebuilding damaged index-header").With("block", id_).With("err", header.status());
    }
    TH_RETURN_IF_ERROR(BuildHeader(cancel));
    header = index::IndexHeader::Open(header_path_, options_.postings_sampling);
  }
  metrics_.header_load_duration.Observe(base::ToSeconds(base::SteadyNow() - start));
  return header;
}

base::StatusOr<std::shared_ptr<const index::IndexHeader>> BucketBlock::Header(
    const base::CancelToken& cancel) {
  const auto current = [this] {
    base::MutexLock lock(mutex_);
    last_used_ = base::SteadyNow();
    // One whose file was cut short is as good as none: it is built again.
    return header_ != nullptr && header_->intact() ? header_ : nullptr;
  };
  if (auto header = current(); header != nullptr) {
    return header;
  }
  base::MutexLock build_lock(build_mutex_);
  if (auto header = current(); header != nullptr) {
    return header;
  }
  const bool lazy = options_.lazy_index_headers || options_.lazy_index_header_download;
  const base::TimePoint start = base::SteadyNow();
  base::StatusOr<std::shared_ptr<const index::IndexHeader>> header = OpenOrBuild(cancel);
  if (lazy) {
    metrics_.lazy_loads.Increment();
    metrics_.lazy_load_duration.Observe(base::ToSeconds(base::SteadyNow() - start));
  }
  if (!header.ok()) {
    metrics_.lazy_load_failures.Increment(lazy ? 1 : 0);
    return header;
  }
  base::MutexLock lock(mutex_);
  header_ = *header;
  return header;
}

void BucketBlock::CloseIdleHeader(base::TimePoint unused_since) {
  std::shared_ptr<const index::IndexHeader> closed;  // unmapped after the lock is released
  base::MutexLock lock(mutex_);
  if (header_ != nullptr && last_used_ < unused_since) {
    closed = std::move(header_);
    metrics_.lazy_unloads.Increment();
  }
}

uint64_t BucketBlock::ListedSegmentBytes(uint32_t segment) const {
  if (meta_->thanos) {
    const std::string path = base::Concat(block::kChunksDirectory, "/", block::SegmentFileName(segment));
    for (const block::BlockFile& file : meta_->thanos->files) {
      if (file.rel_path == path && file.size_bytes > 0) {
        return static_cast<uint64_t>(file.size_bytes);
      }
    }
  }
  return 0;
}

base::StatusOr<uint64_t> BucketBlock::SegmentBytes(const base::CancelToken& cancel, uint32_t segment) {
  if (segment >= kMaxSegments) {
    return base::DataLoss("chunk reference to segment ", segment);
  }
  {
    base::MutexLock lock(mutex_);
    if (segment < segment_bytes_.size() && segment_bytes_[segment] != 0) {
      return segment_bytes_[segment];
    }
  }
  const uint64_t size = ListedSegmentBytes(segment);
  if (size > 0) {
    return size;
  }
  const auto attributes = bucket_.Attributes(cancel, SegmentObject(segment));
  if (attributes.status().code() == base::StatusCode::kNotFound) {
    return base::DataLoss("chunk segment ", block::SegmentFileName(segment), " is missing");
  }
  TH_RETURN_IF_ERROR(attributes.status());
  const auto found = static_cast<uint64_t>(attributes->size_bytes);
  base::MutexLock lock(mutex_);
  if (segment >= segment_bytes_.size()) {
    segment_bytes_.resize(segment + size_t{1});
  }
  segment_bytes_[segment] = found;
  return found;
}

}  // namespace thanos::bucketstore::internal
