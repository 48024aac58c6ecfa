#pragma once

// The stream type everything speaks: series in label order, each with its encoded chunks, in batches that own
// their memory, plus warnings.

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/cancel.h"
#include "base/status.h"
#include "chunkenc/chunk.h"
#include "labels/labels.h"

namespace thanos::series {

// One encoded chunk: the TSDB chunk payload without length, encoding byte and checksum. `hash` is the
// xxhash64 of `data` or 0 when nobody computed it.
struct ChunkData {
  chunkenc::Encoding encoding = chunkenc::Encoding::kNone;
  std::string_view data;
  uint64_t hash = 0;
  bool present() const { return encoding != chunkenc::Encoding::kNone; }
};

// Which value of a downsampled chunk; numbers are those of the wire (thanos.Aggr).
enum class Aggregate : uint8_t { kRaw = 0, kCount = 1, kSum = 2, kMin = 3, kMax = 4, kCounter = 5 };

// A chunk of StoreAPI: raw, or up to five aggregates that share the time range. Both times are inclusive
// milliseconds; samples may reach outside the requested range.
struct Chunk {
  int64_t min_time_ms = 0;
  int64_t max_time_ms = 0;
  ChunkData raw;
  // Null for raw chunks; else indexed by Aggregate (entry 0 unused). Owned like the chunk itself.
  const std::array<ChunkData, 6>* aggregates = nullptr;
};

struct Series {
  labels::LabelSpan labels;
  std::span<const Chunk> chunks;  // by min_time_ms unless the producer says otherwise
};

// A run of consecutive series with the memory behind their views. Move-only; views survive a move.
class SeriesBatch {
 public:
  SeriesBatch() = default;
  SeriesBatch(SeriesBatch&&) noexcept = default;
  SeriesBatch& operator=(SeriesBatch&&) noexcept = default;
  SeriesBatch(const SeriesBatch&) = delete;
  SeriesBatch& operator=(const SeriesBatch&) = delete;
  ~SeriesBatch() = default;

  std::vector<Series> series;
  std::vector<std::string> warnings;

  // Arrays and copied bytes of this batch.
  base::Arena& arena() { return arena_; }
  // Keeps foreign memory (a mapped file, a received message, another batch) alive as long as this batch.
  void Retain(base::BufferOwner owner) {
    if (owners_.empty() || owners_.back() != owner) {
      owners_.push_back(std::move(owner));
    }
  }
  bool empty() const { return series.empty() && warnings.empty(); }
  // Drops everything, so that the batch can be filled again.
  void Clear();

 private:
  base::Arena arena_;
  std::vector<base::BufferOwner> owners_;
};

// A pulled stream. Not thread-safe: one consumer. Destroying it early cancels the work behind it.
class SeriesSet {
 public:
  virtual ~SeriesSet() = default;
  // Clears `batch` and fills it with the next series (in label order, also across batches; equal label sets
  // may repeat only consecutively) and warnings. True: batch holds at least one series or warning. False: the
  // stream ended. Blocks until data, end, error or cancellation.
  virtual base::StatusOr<bool> Next(const base::CancelToken& cancel, SeriesBatch* batch) = 0;
};

// A set over prepared batches, for tests and small answers.
std::unique_ptr<SeriesSet> FromBatches(std::vector<SeriesBatch> batches);

}  // namespace thanos::series
