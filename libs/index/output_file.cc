#include "index/internal/output_file.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <unistd.h>

#include "base/check.h"

namespace thanos::index::internal {
namespace {

constexpr size_t kBufferBytes = size_t{1} << 20;

}  // namespace

base::StatusOr<std::unique_ptr<OutputFile>> OutputFile::Create(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (file < 0) {
    return base::ErrnoStatus(errno, base::Concat("create ", path));
  }
  return std::unique_ptr<OutputFile>(new OutputFile(path, file));
}

OutputFile::~OutputFile() {
  if (file_ >= 0) {
    ::close(file_);
    ::unlink(path_.c_str());
  }
}

base::Status OutputFile::Append(std::string_view bytes) {
  if (buffer_.size() + bytes.size() > kBufferBytes) {
    TH_RETURN_IF_ERROR(Flush());
  }
  position_ += bytes.size();
  if (bytes.size() >= kBufferBytes) {
    return WriteAt(position_ - bytes.size(), bytes);
  }
  buffer_.append(bytes);
  return base::OkStatus();
}

base::Status OutputFile::Patch(uint64_t offset, std::string_view bytes) {
  const uint64_t written = position_ - buffer_.size();
  if (offset >= written) {
    buffer_.replace(offset - written, bytes.size(), bytes);
    return base::OkStatus();
  }
  TH_RETURN_IF_ERROR(Flush());
  return WriteAt(offset, bytes);
}

base::Status OutputFile::Pad(uint64_t alignment) {
  const uint64_t over = position_ % alignment;
  static constexpr char kZeros[16] = {};
  TH_CHECK(alignment <= sizeof(kZeros));
  return over == 0 ? base::OkStatus() : Append({kZeros, alignment - over});
}

base::Status OutputFile::Flush() {
  base::Status status = WriteAt(position_ - buffer_.size(), buffer_);
  buffer_.clear();
  return status;
}

base::Status OutputFile::Finish() {
  TH_RETURN_IF_ERROR(Flush());
  if (::fdatasync(file_) != 0) {
    return base::ErrnoStatus(errno, base::Concat("sync ", path_));
  }
  const int file = std::exchange(file_, -1);
  if (::close(file) != 0) {
    const int error = errno;
    ::unlink(path_.c_str());
    return base::ErrnoStatus(error, base::Concat("close ", path_));
  }
  return base::OkStatus();
}

base::Status OutputFile::WriteAt(uint64_t offset, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::pwrite(file_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (written < 0) {
      if (errno == EINTR) {
        continue;
      }
      return base::ErrnoStatus(errno, base::Concat("write ", path_));
    }
    bytes.remove_prefix(static_cast<size_t>(written));
    offset += static_cast<uint64_t>(written);
  }
  return base::OkStatus();
}

base::Status SyncParentDirectory(const std::string& path) {
  const size_t slash = path.rfind('/');
  const std::string directory = slash == std::string::npos ? "." : path.substr(0, std::max<size_t>(slash, 1));
  const int file = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (file < 0) {
    return base::ErrnoStatus(errno, base::Concat("open ", directory));
  }
  const int result = ::fsync(file);
  const int error = errno;
  ::close(file);
  return result == 0 ? base::OkStatus() : base::ErrnoStatus(error, base::Concat("sync ", directory));
}

}  // namespace thanos::index::internal
