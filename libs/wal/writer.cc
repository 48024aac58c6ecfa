#include "wal/writer.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/strings.h"
#include "encoding/compress.h"
#include "wal/internal/framing.h"
#include "wal/segments.h"

namespace thanos::wal {
namespace {

// Callers behind the first one join its write up to this many bytes.
constexpr size_t kMaxGroupBytes = 4 << 20;
// Waiting callers look for their cancellation this often.
constexpr base::Duration kCancelPoll = std::chrono::milliseconds(50);
// Memory of the write buffer that is kept between writes.
constexpr size_t kKeptBufferBytes = 1 << 20;

struct EncodedRecord {
  std::string_view data;
  uint8_t flags = 0;
};

// As in the original, a record that compression would not make smaller stays as it is.
base::Status Compress(Compression compression, std::string_view record, std::string* buffer,
                      EncodedRecord* out) {
  *out = {record, 0};
  if (compression == Compression::kNone) {
    return base::OkStatus();
  }
  if (compression == Compression::kSnappy) {
    encoding::SnappyCompress(record, buffer);
  } else {
    TH_RETURN_IF_ERROR(encoding::ZstdCompress(record, 1, buffer));
  }
  if (buffer->size() < record.size()) {
    const uint8_t flag = compression == Compression::kSnappy ? internal::kSnappyFlag : internal::kZstdFlag;
    *out = {*buffer, flag};
  }
  return base::OkStatus();
}

}  // namespace

// One call of Append while it lasts.
struct Writer::Waiter {
  std::vector<EncodedRecord> records;
  std::vector<std::string> buffers;
  size_t num_bytes = 0;
  std::condition_variable changed;
  bool done = false;
  bool in_group = false;
  base::Status status;
};

Writer::Writer(FileSystem& files, std::string directory, const WriterOptions& options)
    : files_(files), directory_(std::move(directory)), options_(options), last_sync_(base::SteadyNow()) {}

Writer::~Writer() {
  (void)Close();
}

base::StatusOr<std::unique_ptr<Writer>> Writer::Open(FileSystem& files, std::string directory,
                                                     const WriterOptions& options) {
  TH_RETURN_IF_ERROR(files.CreateDirectory(directory));
  const size_t slash = directory.rfind('/');
  TH_RETURN_IF_ERROR(files.SyncDirectory(slash == std::string::npos ? "." : directory.substr(0, slash + 1)));
  TH_ASSIGN_OR_RETURN(const std::vector<uint64_t> segments, ListSegments(files, directory));
  std::unique_ptr<Writer> writer(new Writer(files, std::move(directory), options));
  base::MutexLock lock(writer->io_mutex_);
  TH_RETURN_IF_ERROR(writer->BeginSegment(segments.empty() ? 0 : segments.back() + 1));
  return writer;
}

std::string Writer::PathOf(uint64_t segment) const {
  return base::Concat(directory_, "/", SegmentName(segment));
}

base::Status Writer::Append(const base::CancelToken& cancel, std::span<const std::string_view> records) {
  Waiter waiter;
  waiter.records.resize(records.size());
  waiter.buffers.resize(records.size());
  for (size_t i = 0; i < records.size(); ++i) {
    TH_RETURN_IF_ERROR(Compress(options_.compression, records[i], &waiter.buffers[i], &waiter.records[i]));
    waiter.num_bytes += waiter.records[i].data.size();
  }
  std::vector<Waiter*> group;
  {
    base::MutexLock lock(queue_mutex_);
    queue_.push_back(&waiter);
    while (!waiter.done && queue_.front() != &waiter) {
      if (!waiter.in_group && cancel.cancelled()) {
        queue_.erase(std::find(queue_.begin(), queue_.end(), &waiter));
        return base::Annotate(cancel.status(), "wait for the log");
      }
      waiter.changed.wait_for(lock.native(), kCancelPoll);
    }
    if (waiter.done) {
      return waiter.status;
    }
    size_t num_bytes = 0;
    for (Waiter* member : queue_) {
      if (!group.empty() && num_bytes + member->num_bytes > kMaxGroupBytes) {
        break;
      }
      num_bytes += member->num_bytes;
      member->in_group = true;
      group.push_back(member);
    }
  }
  const base::Status status = WriteGroup(group);
  {
    base::MutexLock lock(queue_mutex_);
    queue_.erase(queue_.begin(), queue_.begin() + static_cast<std::ptrdiff_t>(group.size()));
    for (Waiter* member : group) {
      member->done = true;
      member->status = status;
      // Under the lock: a member may be gone as soon as it sees `done`.
      member->changed.notify_one();
    }
    if (!queue_.empty()) {
      queue_.front()->changed.notify_one();
    }
  }
  return status;
}

base::Status Writer::WriteGroup(std::span<Waiter* const> group) {
  base::MutexLock lock(io_mutex_);
  if (closed_) {
    return base::FailedPrecondition("write to log ", directory_, ": it is closed");
  }
  TH_RETURN_IF_ERROR(EnsureWritable());
  const auto frame = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(io_mutex_) {
    buffer_.clear();
    for (const Waiter* member : group) {
      for (const EncodedRecord& record : member->records) {
        internal::AppendFragments(record.data, record.flags, offset_ + buffer_.size(), &buffer_);
      }
    }
  };
  frame();
  if (offset_ + buffer_.size() > options_.segment_bytes && offset_ > 0) {
    // A failed sync of the full segment concerns records that were acknowledged to a lesser degree; the
    // counter tells, and the new segment is as good as any.
    if (!EndSegment().ok()) {
      ++stats_.failed_syncs;
    }
    if (const base::Status status = BeginSegment(segment_ + 1); !status.ok()) {
      ++stats_.failed_writes;
      return status;
    }
    frame();
  }
  base::Status status = WriteBuffer();
  if (status.ok()) {
    status = SyncIfDue();
  }
  if (!status.ok()) {
    Abandon();
    return base::Annotate(status, "log segment ", SegmentName(segment_));
  }
  offset_ += buffer_.size();
  stats_.bytes += buffer_.size();
  ++stats_.groups;
  for (const Waiter* member : group) {
    stats_.records += member->records.size();
  }
  if (buffer_.capacity() > kKeptBufferBytes) {
    buffer_ = std::string();
  }
  return status;
}

base::Status Writer::WriteBuffer() {
  const base::StatusOr<size_t> written = file_->Write(buffer_);
  const base::Status status =
      !written.ok() ? written.status()
      : *written < buffer_.size()
          ? base::ResourceExhausted("short write: ", *written, " of ", buffer_.size(), " bytes")
          : base::OkStatus();
  if (!status.ok()) {
    ++stats_.failed_writes;
    return status;
  }
  unsynced_ = true;
  return status;
}

base::Status Writer::SyncIfDue() {
  const bool due =
      options_.fsync == FsyncPolicy::kAlways || base::SteadyNow() - last_sync_ >= options_.fsync_interval;
  return due ? SyncLocked() : base::OkStatus();
}

base::Status Writer::SyncLocked() {
  if (!unsynced_) {
    return base::OkStatus();
  }
  const base::Status status = file_->Sync();
  last_sync_ = base::SteadyNow();
  if (!status.ok()) {
    ++stats_.failed_syncs;
    return status;
  }
  unsynced_ = false;
  ++stats_.syncs;
  return status;
}

// Gives the segment up behind its last acknowledged byte. Nothing here can be made better by reporting it:
// the caller is told the error that led here, and readers take torn ends.
void Writer::Abandon() {
  (void)file_->Truncate(offset_);
  (void)file_->Sync();
  (void)file_->Close();
  file_.reset();
  unsynced_ = false;
}

base::Status Writer::EnsureWritable() {
  if (file_ != nullptr) {
    return base::OkStatus();
  }
  const base::Status status = BeginVerifiedSegment();
  if (!status.ok()) {
    ++stats_.failed_writes;
  }
  return status;
}

base::Status Writer::BeginVerifiedSegment() {
  base::Status status = BeginSegment(segment_ + 1);
  // A file of an earlier attempt that could not be removed.
  while (status.code() == base::StatusCode::kAlreadyExists) {
    ++segment_;
    status = BeginSegment(segment_ + 1);
  }
  TH_RETURN_IF_ERROR(status);
  buffer_.assign(internal::kPageBytes, '\0');
  status = WriteBuffer();
  if (status.ok()) {
    status = SyncLocked();
  }
  if (status.ok()) {
    offset_ = internal::kPageBytes;
    return status;
  }
  (void)file_->Close();
  file_.reset();
  unsynced_ = false;
  if (files_.Remove(PathOf(segment_)).ok()) {
    --segment_;
  }
  return base::Annotate(status, "log segment ", SegmentName(segment_ + 1), " is not writable");
}

base::Status Writer::BeginSegment(uint64_t segment) {
  TH_ASSIGN_OR_RETURN(std::unique_ptr<WritableFile> file, files_.Create(PathOf(segment)));
  if (const base::Status status = files_.SyncDirectory(directory_); !status.ok()) {
    (void)file->Close();
    (void)files_.Remove(PathOf(segment));
    return status;
  }
  file_ = std::move(file);
  segment_ = segment;
  offset_ = 0;
  unsynced_ = false;
  ++stats_.segments_cut;
  return base::OkStatus();
}

base::Status Writer::EndSegment() {
  if (file_ == nullptr) {
    return base::OkStatus();
  }
  const base::Status synced = SyncLocked();
  const base::Status closed = file_->Close();
  file_.reset();
  unsynced_ = false;
  return synced.ok() ? closed : synced;
}

base::Status Writer::Sync() {
  base::MutexLock lock(io_mutex_);
  if (file_ == nullptr) {
    return base::OkStatus();
  }
  const base::Status status = SyncLocked();
  if (!status.ok()) {
    Abandon();
  }
  return status;
}

base::StatusOr<uint64_t> Writer::CutSegment() {
  base::MutexLock lock(io_mutex_);
  if (closed_) {
    return base::FailedPrecondition("cut log ", directory_, ": it is closed");
  }
  if (file_ == nullptr) {
    TH_RETURN_IF_ERROR(EnsureWritable());
    return segment_;
  }
  if (const base::Status status = EndSegment(); !status.ok()) {
    return base::Annotate(status, "end log segment ", SegmentName(segment_));
  }
  if (const base::Status status = BeginSegment(segment_ + 1); !status.ok()) {
    ++stats_.failed_writes;
    return status;
  }
  return segment_;
}

base::Status Writer::RemoveSegmentsBefore(uint64_t segment) {
  TH_ASSIGN_OR_RETURN(const std::vector<uint64_t> segments, ListSegments(files_, directory_));
  bool removed = false;
  for (const uint64_t number : segments) {
    if (number < std::min(segment, current_segment())) {
      TH_RETURN_IF_ERROR(files_.Remove(PathOf(number)));
      removed = true;
    }
  }
  return removed ? files_.SyncDirectory(directory_) : base::OkStatus();
}

base::Status Writer::Close() {
  base::MutexLock lock(io_mutex_);
  closed_ = true;
  return EndSegment();
}

uint64_t Writer::current_segment() const {
  base::MutexLock lock(io_mutex_);
  return segment_;
}

WriterStats Writer::stats() const {
  base::MutexLock lock(io_mutex_);
  return stats_;
}

}  // namespace thanos::wal
