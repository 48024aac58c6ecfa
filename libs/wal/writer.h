#pragma once

// Appends records to a log directory.
//
// What an OK of Append means is the choice of FsyncPolicy: kInterval survives the death of the process at any
// instruction, kAlways also loss of power. After any failed or short write, and after any failed sync,
// nothing more is written to that segment: it is cut back to the last acknowledged byte, and the next Append
// begins a new segment whose first page is written (zeros, which readers skip) and synced before anything is
// acknowledged again.

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "base/status.h"
#include "wal/file_system.h"

namespace thanos::wal {

enum class Compression : uint8_t { kNone, kSnappy, kZstd };
enum class FsyncPolicy : uint8_t { kInterval, kAlways };

inline constexpr uint64_t kDefaultSegmentBytes = uint64_t{128} << 20;

struct WriterOptions {
  uint64_t segment_bytes = kDefaultSegmentBytes;
  Compression compression = Compression::kSnappy;
  FsyncPolicy fsync = FsyncPolicy::kInterval;
  // With kInterval a write syncs when the last sync is older; an idle log is synced by whoever calls Sync().
  base::Duration fsync_interval = std::chrono::seconds(5);
};

struct WriterStats {
  uint64_t segments_cut = 0;
  uint64_t records = 0;
  uint64_t bytes = 0;   // written, framing included
  uint64_t groups = 0;  // writes that records of one or more callers shared
  uint64_t syncs = 0;
  uint64_t failed_writes = 0;  // failed or short writes and failed cuts
  uint64_t failed_syncs = 0;
};

// Thread-safe. The FileSystem must outlive it.
class Writer {
 public:
  // Creates `directory` (its parent must exist) and begins a segment after the last one that is there;
  // nothing is ever appended to an older segment. One writer per directory.
  static base::StatusOr<std::unique_ptr<Writer>> Open(FileSystem& files, std::string directory,
                                                      const WriterOptions& options);
  // Closes without reporting errors.
  ~Writer();

  // Appends the records, none of them empty, next to each other and in one segment. Concurrent callers share
  // one write and one sync. On OK they are in the log to the degree of FsyncPolicy. On an error nobody may be
  // told that they are; they can still turn up in a replay when the process dies before the cut back, so the
  // same request may be repeated. ResourceExhausted: no space. Cancelled, DeadlineExceeded: `cancel` fired
  // while others were writing; nothing was written. FailedPrecondition: closed.
  base::Status Append(const base::CancelToken& cancel, std::span<const std::string_view> records);

  // Syncs what was appended so far.
  base::Status Sync();
  // Ends the current segment, synced, and begins the next; its number.
  base::StatusOr<uint64_t> CutSegment();
  // Removes segments with lower numbers, oldest first.
  base::Status RemoveSegmentsBefore(uint64_t segment);
  // Syncs and closes; later calls of Append fail.
  base::Status Close();

  uint64_t current_segment() const;
  WriterStats stats() const;

 private:
  struct Waiter;

  Writer(FileSystem& files, std::string directory, const WriterOptions& options);

  base::Status WriteGroup(std::span<Waiter* const> group);
  base::Status WriteBuffer() ABSL_EXCLUSIVE_LOCKS_REQUIRED(io_mutex_);
  base::Status SyncIfDue() ABSL_EXCLUSIVE_LOCKS_REQUIRED(io_mutex_);
  base::Status SyncLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(io_mutex_);
  base::Status EnsureWritable() ABSL_EXCLUSIVE_LOCKS_REQUIRED(io_mutex_);
  base::Status BeginSegment(uint64_t segment) ABSL_EXCLUSIVE_LOCKS_REQUIRED(io_mutex_);
  base::Status EndSegment() ABSL_EXCLUSIVE_LOCKS_REQUIRED(io_mutex_);
  base::Status BeginVerifiedSegment() ABSL_EXCLUSIVE_LOCKS_REQUIRED(io_mutex_);
  void Abandon() ABSL_EXCLUSIVE_LOCKS_REQUIRED(io_mutex_);
  std::string PathOf(uint64_t segment) const;

  FileSystem& files_;
  const std::string directory_;
  const WriterOptions options_;

  // The queue of callers; the first one writes for those behind it.
  base::Mutex queue_mutex_;
  std::deque<Waiter*> queue_ ABSL_GUARDED_BY(queue_mutex_);

  // Held during I/O, which it puts in order; taken by the writing caller only, never while queue_mutex_ is
  // held.
  mutable base::Mutex io_mutex_;
  std::unique_ptr<WritableFile> file_ ABSL_GUARDED_BY(io_mutex_);  // null: the next write begins a segment
  uint64_t segment_ ABSL_GUARDED_BY(io_mutex_) = 0;
  uint64_t offset_ ABSL_GUARDED_BY(io_mutex_) = 0;  // end of the last acknowledged record
  bool unsynced_ ABSL_GUARDED_BY(io_mutex_) = false;
  bool closed_ ABSL_GUARDED_BY(io_mutex_) = false;
  base::TimePoint last_sync_ ABSL_GUARDED_BY(io_mutex_);
  std::string buffer_ ABSL_GUARDED_BY(io_mutex_);
  WriterStats stats_ ABSL_GUARDED_BY(io_mutex_);
};

}  // namespace thanos::wal
