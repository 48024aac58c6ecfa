#include "block/chunk_writer.h"

#include <cerrno>
#include <fcntl.h>
#include <unistd.h>
#include <utility>

#include "base/bytes.h"
#include "base/check.h"
#include "block/chunk_reader.h"
#include "block/internal/local_files.h"
#include "encoding/crc32c.h"
#include "encoding/varint.h"

namespace thanos::block {
namespace {

constexpr size_t kBufferBytes = 1024 * 1024;
constexpr size_t kChecksumBytes = 4;

}  // namespace

void AppendChunkRecord(chunkenc::Encoding encoding, std::string_view data, std::string* out) {
  encoding::AppendUvarint(*out, data.size());
  const size_t body = out->size();
  out->push_back(static_cast<char>(encoding));
  *out += data;
  base::AppendBigEndian32(*out, encoding::Crc32c(std::string_view(*out).substr(body)));
}

ChunkWriter::ChunkWriter(std::string directory, const ChunkWriterOptions& options)
    : directory_(std::move(directory)), options_(options) {}

ChunkWriter::~ChunkWriter() {
  if (fd_ >= 0) {
    close(fd_);
  }
}

base::StatusOr<std::unique_ptr<ChunkWriter>> ChunkWriter::Create(const std::string& directory,
                                                                 const ChunkWriterOptions& options) {
  TH_RETURN_IF_ERROR(internal::MakeDirectories(directory));
  return std::unique_ptr<ChunkWriter>(new ChunkWriter(directory, options));
}

base::Status ChunkWriter::Flush() {
  std::string_view rest = buffer_;
  while (!rest.empty()) {
    const ssize_t written = write(fd_, rest.data(), rest.size());
    if (written < 0 && errno != EINTR) {
      return base::ErrnoStatus(errno, base::Concat("write chunks to ", directory_));
    }
    rest.remove_prefix(written < 0 ? 0 : static_cast<size_t>(written));
  }
  buffer_.clear();
  return base::OkStatus();
}

base::Status ChunkWriter::OpenSegment() {
  const std::string path = base::Concat(directory_, "/", SegmentFileName(num_segments_));
  fd_ = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
  if (fd_ < 0) {
    return base::ErrnoStatus(errno, base::Concat("create ", path));
  }
  ++num_segments_;
  base::AppendBigEndian32(buffer_, kChunksMagic);
  buffer_.push_back(1);
  buffer_.append(3, '\0');
  position_ = kSegmentHeaderBytes;
  return base::OkStatus();
}

base::Status ChunkWriter::CloseSegment() {
  TH_RETURN_IF_ERROR(Flush());
  const int fd = std::exchange(fd_, -1);
  const bool synced = fdatasync(fd) == 0;
  const int sync_error = errno;
  if (close(fd) != 0 && synced) {
    return base::ErrnoStatus(errno, base::Concat("close chunks in ", directory_));
  }
  return synced ? base::OkStatus()
                : base::ErrnoStatus(sync_error, base::Concat("sync chunks in ", directory_));
}

// Makes room for a record in the open segment or a new one.
base::StatusOr<uint64_t> ChunkWriter::Place(uint64_t record_bytes, uint64_t length_bytes) {
  if (record_bytes > options_.max_segment_bytes && record_bytes > (uint64_t{1} << 31)) {
    return base::InvalidArgument("chunk record of ", record_bytes, " bytes");
  }
  series_slack_ += kMaxChunkHeaderBytes - length_bytes;
  if (fd_ >= 0 && position_ > kSegmentHeaderBytes &&
      position_ + series_slack_ + record_bytes > options_.max_segment_bytes) {
    TH_RETURN_IF_ERROR(CloseSegment());
    series_slack_ = kMaxChunkHeaderBytes - length_bytes;
  }
  if (fd_ < 0) {
    TH_RETURN_IF_ERROR(OpenSegment());
  }
  const uint64_t ref = MakeChunkRef(num_segments_ - 1, static_cast<uint32_t>(position_));
  position_ += record_bytes;
  return ref;
}

base::StatusOr<uint64_t> ChunkWriter::Write(chunkenc::Encoding encoding, std::string_view data) {
  const uint64_t length_bytes = encoding::UvarintSize(data.size());
  TH_ASSIGN_OR_RETURN(const uint64_t ref,
                      Place(length_bytes + 1 + data.size() + kChecksumBytes, length_bytes));
  AppendChunkRecord(encoding, data, &buffer_);
  if (buffer_.size() >= kBufferBytes) {
    TH_RETURN_IF_ERROR(Flush());
  }
  return ref;
}

base::StatusOr<uint64_t> ChunkWriter::WriteRecord(std::string_view record) {
  uint64_t length_bytes = 1;
  while (length_bytes < record.size() && (static_cast<uint8_t>(record[length_bytes - 1]) & 0x80) != 0) {
    ++length_bytes;
  }
  TH_CHECK(record.size() > length_bytes + kChecksumBytes && length_bytes <= kMaxChunkHeaderBytes);
  TH_ASSIGN_OR_RETURN(const uint64_t ref, Place(record.size(), length_bytes));
  buffer_ += record;
  if (buffer_.size() >= kBufferBytes) {
    TH_RETURN_IF_ERROR(Flush());
  }
  return ref;
}

base::Status ChunkWriter::Finish() {
  if (fd_ >= 0) {
    TH_RETURN_IF_ERROR(CloseSegment());
  }
  return internal::SyncDirectory(directory_);
}

}  // namespace thanos::block
