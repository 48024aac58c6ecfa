#pragma once

// Chunks in segment files: length uvarint, encoding 1 byte, data, CRC32C of encoding and data.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/status.h"
#include "chunkenc/chunk.h"

namespace thanos::block {

inline constexpr uint32_t kChunksMagic = 0x85BD40DD;
inline constexpr size_t kSegmentHeaderBytes = 8;

// A chunk reference of the index: segment from 0, byte offset of the chunk's length field.
constexpr uint64_t MakeChunkRef(uint32_t segment, uint32_t offset) {
  return uint64_t{segment} << 32 | offset;
}
// "000001" for segment 0.
std::string SegmentFileName(uint32_t segment);

struct EncodedChunk {
  chunkenc::Encoding encoding = chunkenc::Encoding::kNone;
  std::string_view data;
};

// More than this is never needed to call ChunkRecordBytes.
inline constexpr size_t kMaxChunkHeaderBytes = 5;

// Size of the chunk that starts at `bytes`: length field, encoding, data and checksum. Use it to learn how
// much to read. OutOfRange: `bytes` ends within the length field. DataLoss: the length field is damaged.
base::StatusOr<uint64_t> ChunkRecordBytes(std::string_view bytes);

// The chunk that starts at `bytes` (which may be longer), as views into it, checksum verified.
// OutOfRange: `bytes` is shorter than ChunkRecordBytes. DataLoss: damaged, or an unknown encoding.
base::StatusOr<EncodedChunk> ParseChunkRecord(std::string_view bytes);

// DataLoss unless `segment` starts with the header of a chunk segment of version 1.
base::Status CheckSegmentHeader(std::string_view segment);

// The chunks of a local block, memory-mapped. Immutable, thread-safe.
class ChunkReader {
 public:
  // Maps all segments of `directory` ("<block>/chunks"). A missing directory has no chunks. `block_name` is
  // for errors.
  static base::StatusOr<ChunkReader> Open(const std::string& directory, std::string block_name);

  // Views live as long as this reader or a copy of owner(). DataLoss names block, segment and offset.
  base::StatusOr<EncodedChunk> Read(uint64_t ref) const;
  // The same with the whole record (length field to checksum), to be copied into another segment.
  base::StatusOr<EncodedChunk> Read(uint64_t ref, std::string_view* record) const;
  // Says that the chunks from `begin_ref` up to `end_ref` are not read again soon: their pages leave the
  // resident memory of this process (not the system's cache). Reading them again works as before.
  void Release(uint64_t begin_ref, uint64_t end_ref) const;
  const base::BufferOwner& owner(uint64_t ref) const { return segments_[ref >> 32].owner; }
  size_t num_segments() const { return segments_.size(); }

 private:
  ChunkReader() = default;
  std::string block_name_;
  std::vector<base::SharedBytes> segments_;
};

}  // namespace thanos::block
