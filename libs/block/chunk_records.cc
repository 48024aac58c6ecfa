#include "block/chunk_records.h"

#include "block/chunk_writer.h"

namespace thanos::block {
namespace {

constexpr size_t kElsewhere = ~size_t{0};

}  // namespace

void ChunkRecordBuffer::Clear() {
  records_.clear();
  offsets_.clear();
  ends_.clear();
  bytes_.clear();
  num_resolved_ = 0;
}

void ChunkRecordBuffer::AddCopy(const ChunkRecord& chunk) {
  records_.push_back(chunk);
  offsets_.push_back(kElsewhere);
}

void ChunkRecordBuffer::AddChunk(int64_t min_time_ms, int64_t max_time_ms, chunkenc::Encoding encoding,
                                 uint32_t num_samples, std::string_view data) {
  num_resolved_ = 0;  // bytes_ may move
  offsets_.push_back(bytes_.size());
  AppendChunkRecord(encoding, data, &bytes_);
  records_.push_back({.min_time_ms = min_time_ms,
                      .max_time_ms = max_time_ms,
                      .encoding = encoding,
                      .num_samples = num_samples,
                      .data_bytes = static_cast<uint32_t>(data.size()),
                      .record = {}});
}

std::span<const ChunkRecord> ChunkRecordBuffer::Chunks() {
  size_t end = bytes_.size();
  if (num_resolved_ < records_.size()) {
    for (size_t i = records_.size(); i-- > 0;) {
      if (offsets_[i] != kElsewhere) {
        records_[i].record = std::string_view(bytes_).substr(offsets_[i], end - offsets_[i]);
        end = offsets_[i];
      }
    }
    num_resolved_ = records_.size();
  }
  return records_;
}

std::span<const ChunkRecord> ChunkRecordBuffer::Series(size_t i) {
  const size_t begin = i == 0 ? 0 : ends_[i - 1];
  return Chunks().subspan(begin, ends_[i] - begin);
}

}  // namespace thanos::block
