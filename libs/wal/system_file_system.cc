#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file_mapping.h"
#include "wal/file_system.h"

namespace thanos::wal {
namespace {

base::Status Failure(std::string_view what, const std::string& path) {
  return base::ErrnoStatus(errno, base::Concat(what, " ", path));
}

class SystemFile final : public WritableFile {
 public:
  SystemFile(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}
  ~SystemFile() override {
    if (fd_ >= 0) {
      ::close(fd_);
    }
  }

  base::StatusOr<size_t> Write(std::string_view data) override {
    while (true) {
      const ssize_t written = ::write(fd_, data.data(), data.size());
      if (written >= 0) {
        return static_cast<size_t>(written);
      }
      if (errno != EINTR) {
        return Failure("write", path_);
      }
    }
  }
  base::Status Sync() override { return ::fdatasync(fd_) == 0 ? base::OkStatus() : Failure("sync", path_); }
  base::Status Truncate(uint64_t num_bytes) override {
    return ::ftruncate(fd_, static_cast<off_t>(num_bytes)) == 0 ? base::OkStatus()
                                                                : Failure("truncate", path_);
  }
  base::Status Close() override {
    const int fd = fd_;
    fd_ = -1;
    return ::close(fd) == 0 ? base::OkStatus() : Failure("close", path_);
  }

 private:
  int fd_;
  std::string path_;
};

}  // namespace

base::StatusOr<std::unique_ptr<WritableFile>> SystemFileSystem::Create(const std::string& path) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0640);
  if (fd < 0) {
    return errno == EEXIST ? base::AlreadyExists("create ", path, ": it exists") : Failure("create", path);
  }
  return std::unique_ptr<WritableFile>(std::make_unique<SystemFile>(fd, path));
}

base::StatusOr<base::SharedBytes> SystemFileSystem::Read(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    return Failure("open", path);
  }
  struct stat description {};
  base::StatusOr<base::SharedBytes> bytes = base::SharedBytes{};
  if (::fstat(fd, &description) != 0) {
    bytes = Failure("stat", path);
  } else {
    bytes = base::MapForReading(fd, path, static_cast<size_t>(description.st_size));
  }
  ::close(fd);
  return bytes;
}

base::StatusOr<std::vector<std::string>> SystemFileSystem::List(const std::string& directory) {
  DIR* stream = ::opendir(directory.c_str());
  if (stream == nullptr) {
    return Failure("list", directory);
  }
  std::vector<std::string> names;
  errno = 0;
  // Each stream is read by one thread only.
  while (const dirent* entry = ::readdir(stream)) {  // NOLINT(concurrency-mt-unsafe)
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") {
      names.emplace_back(name);
    }
    errno = 0;
  }
  const base::Status status = errno == 0 ? base::OkStatus() : Failure("list", directory);
  ::closedir(stream);
  TH_RETURN_IF_ERROR(status);
  std::sort(names.begin(), names.end());
  return names;
}

base::Status SystemFileSystem::CreateDirectory(const std::string& path) {
  if (::mkdir(path.c_str(), 0750) == 0 || errno == EEXIST) {
    return base::OkStatus();
  }
  return Failure("create directory", path);
}

base::Status SystemFileSystem::Rename(const std::string& from, const std::string& to) {
  return ::rename(from.c_str(), to.c_str()) == 0 ? base::OkStatus() : Failure("rename", from);
}

base::Status SystemFileSystem::Remove(const std::string& path) {
  return ::remove(path.c_str()) == 0 ? base::OkStatus() : Failure("remove", path);
}

base::Status SystemFileSystem::SyncDirectory(const std::string& directory) {
  const int fd = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) {
    return Failure("open", directory);
  }
  const base::Status status = ::fsync(fd) == 0 ? base::OkStatus() : Failure("sync", directory);
  ::close(fd);
  return status;
}

}  // namespace thanos::wal
