#include "block/internal/local_files.h"

#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

namespace thanos::block::internal {
namespace {

// Closes on destruction unless Close() was called.
class File {
 public:
  explicit File(int fd) : fd_(fd) {}
  ~File() {
    if (fd_ >= 0) {
      close(fd_);
    }
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  bool ok() const { return fd_ >= 0; }
  int get() const { return fd_; }
  int Close() {
    const int fd = fd_;
    fd_ = -1;
    return close(fd);
  }

 private:
  int fd_;
};

base::Status WriteAndSync(const std::string& path, std::string_view content) {
  File file(open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640));
  if (!file.ok()) {
    return base::ErrnoStatus(errno, base::Concat("create ", path));
  }
  while (!content.empty()) {
    const ssize_t written = write(file.get(), content.data(), content.size());
    if (written < 0 && errno != EINTR) {
      return base::ErrnoStatus(errno, base::Concat("write ", path));
    }
    content.remove_prefix(written < 0 ? 0 : static_cast<size_t>(written));
  }
  if (fdatasync(file.get()) != 0 || file.Close() != 0) {
    return base::ErrnoStatus(errno, base::Concat("sync ", path));
  }
  return base::OkStatus();
}

}  // namespace

base::StatusOr<std::string> ReadFile(const std::string& path) {
  const File file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat stat_buffer {};
  if (!file.ok() || fstat(file.get(), &stat_buffer) != 0) {
    return base::ErrnoStatus(errno, base::Concat("open ", path));
  }
  std::string content;
  char buffer[16 * 1024];
  while (true) {
    const ssize_t count = read(file.get(), buffer, sizeof(buffer));
    if (count < 0 && errno == EINTR) {
      continue;
    }
    if (count < 0) {
      return base::ErrnoStatus(errno, base::Concat("read ", path));
    }
    if (count == 0) {
      return content;
    }
    content.append(buffer, static_cast<size_t>(count));
  }
}

base::Status WriteFileAtomically(const std::string& path, std::string_view content, bool sync_directory) {
  const std::string temporary = path + ".tmp";
  base::Status status = WriteAndSync(temporary, content);
  if (status.ok() && rename(temporary.c_str(), path.c_str()) != 0) {
    status = base::ErrnoStatus(errno, base::Concat("rename to ", path));
  }
  if (!status.ok()) {
    unlink(temporary.c_str());
    return status;
  }
  const size_t slash = path.rfind('/');
  return sync_directory ? SyncDirectory(slash == std::string::npos ? "." : path.substr(0, slash + 1))
                        : base::OkStatus();
}

base::Status MakeDirectories(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  return error ? base::ErrnoStatus(error.value(), base::Concat("create directory ", path)) : base::OkStatus();
}

base::Status SyncDirectory(const std::string& path) {
  const File directory(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory.ok() || fsync(directory.get()) != 0) {
    return base::ErrnoStatus(errno, base::Concat("sync directory ", path));
  }
  return base::OkStatus();
}

base::Status RemoveTree(const std::string& path) {
  std::error_code error;
  std::filesystem::remove_all(path, error);
  return error ? base::ErrnoStatus(error.value(), base::Concat("remove ", path)) : base::OkStatus();
}

}  // namespace thanos::block::internal
