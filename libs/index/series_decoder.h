#pragma once

// One series entry of an index, parsed in place into symbol references and chunk references.

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace thanos::index {

// Where a chunk is: (segment number - 1) << 32 | byte offset of its length field. Times are inclusive
// milliseconds.
struct ChunkMeta {
  uint64_t ref = 0;
  int64_t min_time_ms = 0;
  int64_t max_time_ms = 0;
  uint32_t segment() const { return static_cast<uint32_t>(ref >> 32); }  // 0 is file 000001
  uint32_t offset() const { return static_cast<uint32_t>(ref); }
  friend bool operator==(const ChunkMeta&, const ChunkMeta&) = default;
};

// References into the symbol table: ordinals in version 2, byte positions of the index file in version 1.
struct SymbolPair {
  uint32_t name = 0;
  uint32_t value = 0;
  friend bool operator==(const SymbolPair&, const SymbolPair&) = default;
};

// Reused between calls to save allocations.
struct SeriesEntry {
  std::vector<SymbolPair> labels;
  std::vector<ChunkMeta> chunks;  // by time
};

// More than this is never needed to call SeriesEntryBytes.
inline constexpr size_t kMaxSeriesHeaderBytes = 10;

// Size of the entry that starts at `bytes`: length field, body and checksum. Use it to learn how much to
// read. OutOfRange: `bytes` ends within the length field. DataLoss: the length field is damaged.
base::StatusOr<uint64_t> SeriesEntryBytes(std::string_view bytes);

// Parses the entry that starts at `bytes` (which may be longer), verifying its checksum. Keeps the chunks
// that overlap [min_time_ms, max_time_ms], both inclusive. False: no chunk overlaps; `entry` is then
// unspecified. OutOfRange: `bytes` is shorter than SeriesEntryBytes. DataLoss: damaged. `offset` names the
// entry in errors.
base::StatusOr<bool> DecodeSeries(std::string_view bytes, uint64_t offset, int64_t min_time_ms,
                                  int64_t max_time_ms, SeriesEntry* entry);

}  // namespace thanos::index
