#pragma once

// Checkpoints: what of the first segments of a log is still needed, so that those can be removed.

#include <cstdint>
#include <functional>
#include <string>

#include "base/status.h"
#include "wal/file_system.h"
#include "wal/segments.h"
#include "wal/writer.h"

namespace thanos::wal {

struct CheckpointOptions {
  // Whether series and metadata of a reference are kept. Called in the thread of WriteCheckpoint.
  std::function<bool(uint64_t ref)> keep_series;
  // Samples, histograms and exemplars before it, and tombstones that end before it, are left out.
  int64_t min_time_ms = 0;
  Compression compression = Compression::kSnappy;
};

struct CheckpointStats {
  uint64_t series = 0;  // kept
  uint64_t dropped_series = 0;
  uint64_t samples = 0;  // kept, histograms included
  uint64_t dropped_samples = 0;
  ReplayStats replay;
};

// Writes checkpoint.<last_segment> from the newest checkpoint and the segments after it up to `last_segment`,
// which must be complete. It appears under its name when all of it is synced; a left-over of an interrupted
// attempt is replaced. AlreadyExists: there is one up to that segment or further. DataLoss: a record with a
// right checksum is malformed. The older checkpoint and the segments stay.
base::StatusOr<CheckpointStats> WriteCheckpoint(FileSystem& files, const std::string& directory,
                                                uint64_t last_segment, const CheckpointOptions& options);

// Removes checkpoints with lower numbers and what interrupted attempts left behind.
base::Status RemoveCheckpointsBefore(FileSystem& files, const std::string& directory, uint64_t segment);

}  // namespace thanos::wal
