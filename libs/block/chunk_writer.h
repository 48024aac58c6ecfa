#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/status.h"
#include "chunkenc/chunk.h"

namespace thanos::block {

struct ChunkWriterOptions {
  uint64_t max_segment_bytes = uint64_t{512} << 20;
};

// Appends to `out` the chunk as it stands in a segment.
void AppendChunkRecord(chunkenc::Encoding encoding, std::string_view data, std::string* out);

// Writes chunk segment files 000001, 000002, ... Not thread-safe. Nothing but the destructor may be called
// after an error.
class ChunkWriter {
 public:
  // Creates `directory` ("<block>/chunks"), which must not hold segments yet.
  static base::StatusOr<std::unique_ptr<ChunkWriter>> Create(const std::string& directory,
                                                             const ChunkWriterOptions& options = {});
  ~ChunkWriter();
  ChunkWriter(const ChunkWriter&) = delete;
  ChunkWriter& operator=(const ChunkWriter&) = delete;

  // Says that the next chunk is the first of a series. Segments are then cut where Prometheus cuts them,
  // which counts five bytes for every length field of a series' chunks.
  void BeginSeries() { series_slack_ = 0; }
  // Appends a chunk and returns its reference. References ascend.
  base::StatusOr<uint64_t> Write(chunkenc::Encoding encoding, std::string_view data);
  // The same for a chunk as it stands in a segment: length field, encoding, data and checksum, which the
  // caller has verified or made (AppendChunkRecord).
  base::StatusOr<uint64_t> WriteRecord(std::string_view record);
  // Writes out, syncs and closes the last segment, and syncs the directory.
  base::Status Finish();

  uint32_t num_segments() const { return num_segments_; }

 private:
  ChunkWriter(std::string directory, const ChunkWriterOptions& options);
  base::Status OpenSegment();
  base::StatusOr<uint64_t> Place(uint64_t record_bytes, uint64_t length_bytes);
  base::Status CloseSegment();
  base::Status Flush();

  const std::string directory_;
  const ChunkWriterOptions options_;
  int fd_ = -1;
  uint32_t num_segments_ = 0;
  uint64_t series_slack_ = 0;
  uint64_t position_ = 0;  // in the open segment, buffered bytes included
  std::string buffer_;
};

}  // namespace thanos::block
