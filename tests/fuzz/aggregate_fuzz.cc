// Chunks with any content through downsampling and through the merge of downsampled replicas. Input: pieces
// of an encoding byte, a length (2 bytes) and data.
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "chunkenc/aggr_chunk.h"
#include "chunkenc/column_decoder.h"
#include "compact/internal/merge_aggregates.h"
#include "downsample/downsample.h"
#include "downsample/internal/aggregates.h"
#include "downsample/internal/raw.h"

namespace {

namespace chunkenc = thanos::chunkenc;
namespace compact = thanos::compact;
namespace downsample = thanos::downsample;
using chunkenc::Encoding;

void Aggregate(const std::vector<compact::internal::LoadedChunk>& chunks) {
  downsample::internal::AggregateChunkWriter writer;
  thanos::block::ChunkRecordBuffer out;
  std::vector<downsample::internal::AggregateInput> inputs;
  for (const auto& chunk : chunks) {
    if (chunk.encoding != Encoding::kAggregate) {
      chunkenc::SampleColumns columns;
      if (downsample::internal::ExpandChunk(chunk.encoding, chunk.data, &columns).ok()) {
        (void)downsample::internal::DownsampleRaw(&columns, downsample::kResolution5m, &writer, &out);
        writer.Reset();
      }
    } else if (const auto parts = chunkenc::SplitAggregateChunk(chunk.data); parts.ok()) {
      inputs.push_back({chunk.min_time_ms, chunk.max_time_ms, *parts});
    }
  }
  (void)downsample::internal::DownsampleAggregates(inputs, downsample::kResolution5m,
                                                   downsample::kResolution1h, &writer, &out);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  std::vector<compact::internal::LoadedChunk> chunks;
  while (rest.size() > 3 && chunks.size() < 8) {
    compact::internal::LoadedChunk chunk;
    const auto kind = static_cast<uint8_t>(rest[0]) % 4;
    chunk.encoding = kind == 0 ? Encoding::kAggregate : static_cast<Encoding>(kind);
    const size_t length =
        static_cast<size_t>(static_cast<uint8_t>(rest[1])) << 8 | static_cast<uint8_t>(rest[2]);
    chunk.data = rest.substr(3, length);
    chunk.min_time_ms = static_cast<int64_t>(chunks.size() / 2) * 1000;
    chunk.max_time_ms = chunk.min_time_ms + 1500;
    rest.remove_prefix(3 + chunk.data.size());
    chunks.push_back(chunk);
  }
  Aggregate(chunks);
  std::erase_if(chunks, [](const auto& chunk) { return chunk.encoding != Encoding::kAggregate; });
  if (!chunks.empty()) {
    for (const auto function : {compact::MergeFunction::kOneToOne, compact::MergeFunction::kPenalty}) {
      thanos::block::ChunkRecordBuffer out;
      (void)compact::internal::MergeAggregates(chunks, function, &out);
    }
  }
  return 0;
}
