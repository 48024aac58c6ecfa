#include "dedup/decode.h"

#include <algorithm>
#include <array>
#include <limits>
#include <vector>

#include "base/check.h"
#include "dedup/chain.h"
#include "dedup/columns.h"
#include "dedup/payload.h"
#include "dedup/penalty.h"
#include "dedup/steady.h"
#include "model/time_range.h"

namespace thanos::dedup {
namespace {

using chunkenc::SampleColumns;
using series::Aggregate;
using series::Chunk;
using series::ChunkData;

constexpr int64_t kNoLimit = std::numeric_limits<int64_t>::min();
// How much of two replicas is decoded to see which one a merge starts with.
constexpr int64_t kMergeStartMs = 120'000;

// Negative, zero or positive like memcmp.
int Compare(const ChunkData& a, const ChunkData& b) {
  return a.encoding != b.encoding ? static_cast<int>(a.encoding) - static_cast<int>(b.encoding)
                                  : a.data.compare(b.data);
}

int ComparePayload(const Chunk& a, const Chunk& b) {
  if (const int raw = Compare(a.raw, b.raw);
      raw != 0 || (a.aggregates == nullptr && b.aggregates == nullptr)) {
    return raw;
  }
  constexpr ChunkData kMissing;
  for (size_t i = 0; i < std::tuple_size_v<std::array<ChunkData, 6>>; ++i) {
    const ChunkData& left = a.aggregates == nullptr ? kMissing : (*a.aggregates)[i];
    const ChunkData& right = b.aggregates == nullptr ? kMissing : (*b.aggregates)[i];
    if (const int order = Compare(left, right); order != 0) {
      return order;
    }
  }
  return 0;
}

// By time, then by content, so that the answer does not depend on the order of arrival.
bool Before(const Chunk* a, const Chunk* b) {
  if (a->min_time_ms != b->min_time_ms) {
    return a->min_time_ms < b->min_time_ms;
  }
  if (a->max_time_ms != b->max_time_ms) {
    return a->max_time_ms < b->max_time_ms;
  }
  return ComparePayload(*a, *b) < 0;
}

bool Identical(const Chunk* a, const Chunk* b) {
  return a->min_time_ms == b->min_time_ms && a->max_time_ms == b->max_time_ms && ComparePayload(*a, *b) == 0;
}

bool IsDisjoint(std::span<const Chunk> chunks) {
  for (size_t i = 1; i < chunks.size(); ++i) {
    if (chunks[i].min_time_ms <= chunks[i - 1].max_time_ms) {
      return false;
    }
  }
  return true;
}

bool IsDisjoint(const std::vector<const Chunk*>& chunks) {
  for (size_t i = 1; i < chunks.size(); ++i) {
    if (chunks[i]->min_time_ms <= chunks[i - 1]->max_time_ms) {
      return false;
    }
  }
  return true;
}

// Buffers that keep their memory from one series to the next.
struct Scratch {
  std::vector<const Chunk*> chunks;
  std::vector<int64_t> lane_max_times;
  std::vector<size_t> lane_of_chunk;
  SampleColumns lane;
  std::array<SampleColumns, 2> merged;
};

Scratch& ThreadScratch() {
  thread_local Scratch scratch;
  return scratch;
}

// Chunks in time order without overlaps.
template <typename Chunks, typename Get>
base::Status DecodeDisjoint(const Chunks& chunks, Get get, internal::ReadAs read_as, int64_t min_ms,
                            int64_t max_ms, SampleColumns* out) {
  const size_t start = out->size();
  internal::LaneDecoder decoder(read_as);
  for (const auto& item : chunks) {
    const Chunk& chunk = get(item);
    if (chunk.max_time_ms < min_ms) {
      continue;
    }
    if (chunk.min_time_ms > max_ms) {
      break;
    }
    TH_RETURN_IF_ERROR(decoder.Decode(chunk, min_ms, max_ms, out));
  }
  internal::KeepIncreasing(start, out);
  if (read_as == internal::ReadAs::kCounter) {
    internal::KeepRange(start, min_ms, max_ms, out);
  }
  return base::OkStatus();
}

// Puts each chunk into the first lane that ends before it. Returns the number of lanes.
size_t AssignLanes(Scratch& scratch) {
  scratch.lane_max_times.clear();
  scratch.lane_of_chunk.clear();
  for (const Chunk* const chunk : scratch.chunks) {
    auto& ends = scratch.lane_max_times;
    const auto lane =
        std::find_if(ends.begin(), ends.end(), [&](int64_t end) { return end < chunk->min_time_ms; });
    scratch.lane_of_chunk.push_back(static_cast<size_t>(lane - ends.begin()));
    if (lane == ends.end()) {
      ends.push_back(chunk->max_time_ms);
    } else {
      *lane = chunk->max_time_ms;
    }
  }
  return scratch.lane_max_times.size();
}

base::Status DecodeOneLane(const Scratch& scratch, size_t lane, internal::ReadAs read_as, int64_t min_ms,
                           int64_t max_ms, SampleColumns* out) {
  const size_t start = out->size();
  internal::LaneDecoder decoder(read_as);
  for (size_t i = 0; i < scratch.chunks.size(); ++i) {
    if (scratch.lane_of_chunk[i] == lane && scratch.chunks[i]->min_time_ms <= max_ms) {
      TH_RETURN_IF_ERROR(decoder.Decode(*scratch.chunks[i], min_ms, max_ms, out));
    }
  }
  internal::KeepIncreasing(start, out);
  return base::OkStatus();
}

bool AreRawFloats(const std::vector<const Chunk*>& chunks) {
  return std::ranges::all_of(chunks, [](const Chunk* chunk) {
    return chunk->aggregates == nullptr && chunk->raw.encoding == chunkenc::Encoding::kXor;
  });
}

// The penalty merge of two lanes of raw floats by decoding only one of them, see steady.h. False: that one
// does not tell the answer, or the start does not tell which one it is; `out` is then as before, and
// scratch.merged[0] or scratch.lane may hold a lane, as `lanes` tells.
base::StatusOr<bool> DecodeSteady(Scratch& scratch, bool adjust_counters, int64_t max_ms,
                                  std::array<bool, 2>* lanes, SampleColumns* out) {
  const auto first_of_second = std::ranges::find(scratch.lane_of_chunk, size_t{1});
  const Chunk& second = *scratch.chunks[static_cast<size_t>(first_of_second - scratch.lane_of_chunk.begin())];
  const int64_t head_ms = std::min(max_ms, model::SaturatingAdd(second.min_time_ms, kMergeStartMs));
  std::array<SampleColumns*, 2> columns = {&scratch.merged[0], &scratch.lane};
  for (size_t lane = 0; lane < 2; ++lane) {
    columns[lane]->Clear();
    TH_RETURN_IF_ERROR(
        DecodeOneLane(scratch, lane, internal::ReadAs::kAverage, kNoLimit, head_ms, columns[lane]));
  }
  const internal::MergeStart start = internal::StartOfMerge(*columns[0], *columns[1], adjust_counters);
  if (!start.known) {
    return false;
  }
  const size_t used = start.uses_first ? 0 : 1;
  columns[used]->Clear();
  TH_RETURN_IF_ERROR(
      DecodeOneLane(scratch, used, internal::ReadAs::kAverage, kNoLimit, max_ms, columns[used]));
  (*lanes)[used] = true;
  if (!internal::StaysInUse(*columns[used], start, std::min(scratch.lane_max_times[1 - used], max_ms))) {
    return false;
  }
  out->timestamps.insert(out->timestamps.end(), start.timestamps, start.timestamps + start.size);
  out->values.insert(out->values.end(), start.values, start.values + start.size);
  internal::AppendFrom(*columns[used], start.position, out);
  return true;
}

// Overlapping chunks: lanes are decoded and folded from the left. The penalty algorithm has a memory, so it
// sees whole chunks; what is before min_ms is cut off at the end.
base::Status DecodeOverlapping(Scratch& scratch, const DecodeOptions& options, internal::ReadAs read_as,
                               int64_t min_ms, int64_t max_ms, SampleColumns* out) {
  const size_t num_lanes = AssignLanes(scratch);
  const int64_t decode_from = options.deduplicate ? kNoLimit : min_ms;
  const bool adjust_counters = options.deduplicate && internal::IsCounterFunction(options.function);
  const size_t start = out->size();
  TH_CHECK(num_lanes > 1);
  std::array<bool, 2> decoded = {false, false};
  if (options.deduplicate && num_lanes == 2 && AreRawFloats(scratch.chunks)) {
    TH_ASSIGN_OR_RETURN(const bool complete, DecodeSteady(scratch, adjust_counters, max_ms, &decoded, out));
    if (complete) {
      internal::KeepRange(start, min_ms, max_ms, out);
      return base::OkStatus();
    }
  }
  SampleColumns* merged = &scratch.merged[0];
  if (!decoded[0]) {
    merged->Clear();
    TH_RETURN_IF_ERROR(DecodeOneLane(scratch, 0, read_as, decode_from, max_ms, merged));
  }
  for (size_t lane = 1; lane < num_lanes; ++lane) {
    if (lane > 1 || !decoded[1]) {
      scratch.lane.Clear();
      TH_RETURN_IF_ERROR(DecodeOneLane(scratch, lane, read_as, decode_from, max_ms, &scratch.lane));
    }
    SampleColumns* const target = lane + 1 == num_lanes ? out : &scratch.merged[lane % 2];
    if (target != out) {
      target->Clear();
    }
    if (options.deduplicate) {
      AppendPenaltyMerge(*merged, scratch.lane, adjust_counters, target);
    } else {
      AppendChainMerge(*merged, scratch.lane, target);
    }
    merged = target;
  }
  internal::KeepRange(start, min_ms, max_ms, out);
  return base::OkStatus();
}

base::Status DecodeInto(std::span<const Chunk> chunks, const DecodeOptions& options, int64_t min_ms,
                        int64_t max_ms, SampleColumns* out) {
  const internal::ReadAs read_as = internal::ReadAsForFunction(options.function);
  if (IsDisjoint(chunks)) {
    return DecodeDisjoint(
        chunks, [](const Chunk& chunk) -> const Chunk& { return chunk; }, read_as, min_ms, max_ms, out);
  }
  Scratch& scratch = ThreadScratch();
  scratch.chunks.clear();
  for (const Chunk& chunk : chunks) {
    scratch.chunks.push_back(&chunk);
  }
  std::sort(scratch.chunks.begin(), scratch.chunks.end(), Before);
  scratch.chunks.erase(std::unique(scratch.chunks.begin(), scratch.chunks.end(), Identical),
                       scratch.chunks.end());
  if (IsDisjoint(scratch.chunks)) {
    return DecodeDisjoint(
        scratch.chunks, [](const Chunk* chunk) -> const Chunk& { return *chunk; }, read_as, min_ms, max_ms,
        out);
  }
  return DecodeOverlapping(scratch, options, read_as, min_ms, max_ms, out);
}

}  // namespace

std::span<const Aggregate> AggregatesForFunction(std::string_view function) {
  static constexpr Aggregate kMin[] = {Aggregate::kMin};
  static constexpr Aggregate kMax[] = {Aggregate::kMax};
  static constexpr Aggregate kCount[] = {Aggregate::kCount};
  static constexpr Aggregate kSum[] = {Aggregate::kSum};
  static constexpr Aggregate kCounter[] = {Aggregate::kCounter};
  static constexpr Aggregate kAverage[] = {Aggregate::kCount, Aggregate::kSum};
  switch (internal::ReadAsForFunction(function)) {
    case internal::ReadAs::kMin:
      return kMin;
    case internal::ReadAs::kMax:
      return kMax;
    case internal::ReadAs::kCount:
      return kCount;
    case internal::ReadAs::kSum:
      return kSum;
    case internal::ReadAs::kCounter:
      return kCounter;
    case internal::ReadAs::kAverage:
      break;
  }
  return kAverage;
}

base::Status DecodeSeries(std::span<const Chunk> chunks, const DecodeOptions& options, int64_t min_ms,
                          int64_t max_ms, SampleColumns* out) {
  const size_t before = out->size();
  base::Status status = DecodeInto(chunks, options, min_ms, max_ms, out);
  if (!status.ok()) {
    internal::Truncate(before, out);
  }
  return status;
}

}  // namespace thanos::dedup
