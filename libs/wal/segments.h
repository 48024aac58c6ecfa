#pragma once

// Names of the files of a log directory, and reading them back.
//
//   00000000, 00000001, ...   segments
//   checkpoint.<segment>/     what of the segments up to that number was worth keeping, itself segments
//   <segment>.damaged         a segment as it was before it was repaired; kept for people to look at

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "wal/file_system.h"

namespace thanos::wal {

// "00000042".
std::string SegmentName(uint64_t segment);
std::optional<uint64_t> ParseSegmentName(std::string_view name);
// "checkpoint.00000042".
std::string CheckpointName(uint64_t segment);

// Numbers of the segments in `directory`, ascending.
base::StatusOr<std::vector<uint64_t>> ListSegments(FileSystem& files, const std::string& directory);
// Number of the newest complete checkpoint; nothing when there is none.
base::StatusOr<std::optional<uint64_t>> LastCheckpoint(FileSystem& files, const std::string& directory);

// Records above this size are damage: nothing writes them, and memory is bounded.
inline constexpr size_t kMaxRecordBytes = 256 << 20;

// One place where bytes were lost.
struct Damage {
  std::string path;
  uint64_t offset = 0;  // bytes into the segment
  std::string reason;
};

// What reading found. Sizes are bytes of segments, framing included.
struct ReplayStats {
  static constexpr size_t kMaxDamages = 100;

  uint64_t segments = 0;
  uint64_t records = 0;
  uint64_t bytes = 0;            // of segments read
  uint64_t dropped_records = 0;  // places where one or more records are missing
  uint64_t dropped_bytes = 0;
  // Segments that end inside a record, as after a kill; the lost record was never acknowledged. Not counted
  // as damaged, but in dropped_records and dropped_bytes.
  uint64_t torn_tails = 0;
  uint64_t damaged_segments = 0;
  std::vector<Damage> damages;  // the first kMaxDamages

  void Add(const ReplayStats& other);
};

// Reads the records of one segment. Damage never ends the walk: a record with a wrong checksum, a wrong order
// of fragments or a wrong compression is left out, and reading goes on at the next fragment whose checksum is
// right. Not thread-safe.
class SegmentReader {
 public:
  // `bytes` must outlive the reader; `path` is for messages.
  SegmentReader(std::string_view bytes, std::string path);

  // False at the end. `record` stays valid until the next call.
  bool Next(std::string_view* record);
  // Where the last record ended, bytes into the segment.
  uint64_t offset() const { return position_; }
  // Complete once Next answered false.
  const ReplayStats& stats() const { return stats_; }

 private:
  struct Fragment {
    uint8_t type = 0;
    std::string_view data;
  };
  enum class Parse { kFragment, kPageEnd, kTorn, kDamaged };

  Parse ParseAt(uint64_t position, Fragment* fragment) const;
  bool Accept(const Fragment& fragment, uint64_t begin, std::string_view* record);
  bool Decode(uint8_t flags, std::string_view data, uint64_t begin, std::string_view* record);
  uint64_t SkipDamagedAt(uint64_t position) const;
  void Resynchronize();
  void DropPartial(std::string_view reason);
  void Drop(uint64_t begin, uint64_t num_bytes, std::string_view reason);
  void FinishAtEnd();

  std::string_view bytes_;
  std::string path_;
  uint64_t position_ = 0;
  // The record whose first fragments were read.
  bool partial_open_ = false;
  uint8_t partial_flags_ = 0;
  uint64_t partial_begin_ = 0;
  uint64_t partial_framed_bytes_ = 0;
  std::string partial_;
  std::string decoded_;
  bool done_ = false;
  ReplayStats stats_;
};

// Where a record lies. `segment` counts within its directory.
struct RecordPosition {
  bool in_checkpoint = false;
  uint64_t segment = 0;
  uint64_t offset = 0;  // end of the record, bytes into the segment
};
// Gets each record in the order of writing; the view is valid during the call. An error ends the replay.
using RecordVisitor = std::function<base::Status(const RecordPosition& position, std::string_view record)>;

// Segments by number, both ends included.
struct SegmentRange {
  uint64_t first = 0;
  uint64_t last = ~uint64_t{0};
};

// Replays the newest checkpoint of `directory`, unless it ends before `range`, and the segments of `range`
// that it does not cover. Adds to `stats` (never null). Damage is reported there and is no error. NotFound,
// Internal: the directory or a file cannot be read. DataLoss: a file was cut or its disk failed while it was
// read.
base::Status Replay(FileSystem& files, const std::string& directory, SegmentRange range,
                    const RecordVisitor& visit, ReplayStats* stats);

// Puts the segments of `directory` in order that end in a torn record or hold damage, so that Prometheus
// reads past them too: the records that can be read are written to a new file, which takes the segment's
// name; a damaged original is renamed to <segment>.damaged, with a number where that name is taken. Never
// deletes readable bytes; a crash at any point is continued by the next call. To be called before the
// directory is written to. Returns the number of segments rewritten.
base::StatusOr<uint64_t> RepairSegments(FileSystem& files, const std::string& directory);

}  // namespace thanos::wal
