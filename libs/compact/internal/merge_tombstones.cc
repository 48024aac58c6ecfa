#include "compact/internal/merge_tombstones.h"

#include <algorithm>
#include <limits>

#include "base/bytes.h"
#include "block/meta.h"
#include "encoding/crc32c.h"
#include "encoding/varint.h"
#include "index/mapped_file.h"

namespace thanos::compact::internal {
namespace {

constexpr uint32_t kTombstonesMagic = 0x0130BA30;
constexpr size_t kHeaderBytes = 5;
constexpr size_t kChecksumBytes = 4;

// Sorts and joins intervals that touch.
void Normalise(std::vector<Interval>* intervals) {
  std::ranges::sort(*intervals, {}, &Interval::min_time_ms);
  std::vector<Interval> joined;
  for (const Interval& interval : *intervals) {
    const bool touches =
        !joined.empty() && (joined.back().max_time_ms == std::numeric_limits<int64_t>::max() ||
                            interval.min_time_ms <= joined.back().max_time_ms + 1);
    if (touches) {
      joined.back().max_time_ms = std::max(joined.back().max_time_ms, interval.max_time_ms);
    } else {
      joined.push_back(interval);
    }
  }
  *intervals = std::move(joined);
}

}  // namespace

base::StatusOr<Tombstones> ParseTombstones(std::string_view file) {
  if (file.size() < kHeaderBytes + kChecksumBytes || base::LoadBigEndian32(file.data()) != kTombstonesMagic) {
    return base::DataLoss("not a tombstones file");
  }
  if (file[4] != 1) {
    return base::DataLoss("unknown tombstones version ", static_cast<int>(file[4]));
  }
  const std::string_view body = file.substr(kHeaderBytes, file.size() - kHeaderBytes - kChecksumBytes);
  if (encoding::Crc32c(body) != base::LoadBigEndian32(body.data() + body.size())) {
    return base::DataLoss("checksum of the tombstones does not match");
  }
  Tombstones tombstones;
  encoding::ByteCursor cursor(body);
  while (!cursor.empty()) {
    uint64_t ref = 0;
    Interval interval;
    if (!cursor.ReadUvarint(&ref) || !cursor.ReadVarint(&interval.min_time_ms) ||
        !cursor.ReadVarint(&interval.max_time_ms) || ref > std::numeric_limits<index::SeriesRef>::max()) {
      return base::DataLoss("tombstones are damaged at byte ", kHeaderBytes + cursor.offset());
    }
    if (interval.min_time_ms <= interval.max_time_ms) {
      tombstones[static_cast<index::SeriesRef>(ref)].push_back(interval);
    }
  }
  for (auto& [ref, intervals] : tombstones) {
    Normalise(&intervals);
  }
  return tombstones;
}

base::StatusOr<Tombstones> ReadTombstones(const std::string& directory) {
  const auto file = index::MapFile(base::Concat(directory, "/", block::kTombstonesFileName));
  if (file.status().code() == base::StatusCode::kNotFound) {
    return Tombstones();
  }
  TH_RETURN_IF_ERROR(file.status());
  return ParseTombstones(file->bytes);
}

bool CoversAll(std::span<const Interval> deleted, int64_t min_time_ms, int64_t max_time_ms) {
  return std::ranges::any_of(deleted, [&](const Interval& interval) {
    return interval.min_time_ms <= min_time_ms && max_time_ms <= interval.max_time_ms;
  });
}

bool CoversSome(std::span<const Interval> deleted, int64_t min_time_ms, int64_t max_time_ms) {
  return std::ranges::any_of(deleted, [&](const Interval& interval) {
    return interval.min_time_ms <= max_time_ms && min_time_ms <= interval.max_time_ms;
  });
}

}  // namespace thanos::compact::internal
